package principaltags

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/policies/iam"
	"sesame/policies/iam/recipe"
	"sesame/strategies/iamusers"
	"sesame/strategies/identitycenter"
)

// A Timed writes, observes and removes policies that say until when they hold,
// one for each grant. Once the time has come, such a policy allows nothing,
// whether or not anybody is there to remove it. It is safe for concurrent use.
type Timed struct {
	clock    clock.Clock
	accounts clients
}

// NewTimed returns a Timed for the accounts of the clients. A spec of another
// one is refused.
func NewTimed(c clock.Clock, all ...*iamusers.Client) *Timed { return &Timed{c, byAccount(all)} }

// A timedPolicy is one that a grant has.
type timedPolicy struct {
	of   iamusers.Principal
	name string
	says recipe.Start // but for its Sid
}

// sidForm is how the Sid of the statement says when Sesame wrote it: a Sid has
// letters and digits only.
const (
	sidMark = "Sesame"
	sidForm = "20060102T150405Z"
)

// SessionSpec is the object of a policy in a role that lets one session of it
// start sessions on the machines of a target, and no other.
func SessionSpec(t access.Target, role, session string) access.Spec {
	params := flowfile.IAMParams(t)
	machineParams(params, t)
	params[flowfile.ParamRole], params[flowfile.ParamSession] = role, session
	account := params[flowfile.ParamAccount]
	whose := account + "/role/" + strings.ToLower(role)
	return access.Spec{
		Key:  access.ObjectKey(strings.Join([]string{flowfile.WayTimed, whose, session, t.Name}, "/")),
		Name: fmt.Sprintf("the policy for %s in the IAM role %s of %s", session, role, account),
		Way:  flowfile.WayTimed, Lane: whose, Budget: "iam/" + account, Params: params, Timed: true,
		SessionsOf: whose + "/" + session, SessionsAlone: true,
	}
}

// Observe implements access.Way. A user or role that is gone has no policy.
func (w *Timed) Observe(ctx context.Context, s access.Spec, since time.Time) (access.Observation, error) {
	c, p, err := w.object(s)
	if err != nil {
		return access.Observation{}, err
	}
	text, err := c.Policy(ctx, p.of, p.name)
	if errors.Is(err, access.ErrNotFound) {
		return access.Observation{}, nil
	}
	if err != nil {
		return access.Observation{}, fmt.Errorf("read %s: %w", s.Key, err)
	}
	at, ours := p.wrote(text)
	if !ours {
		return access.Observation{Present: true, Altered: fmt.Sprintf("The policy %s of the IAM %s is not what Sesame wrote there: look at it in AWS.", p.name, p.of)}, nil
	}
	return access.Observation{Present: true, Made: identitycenter.Around(at, since)}, nil
}

// Apply implements access.Way. It does not write over what it finds.
func (w *Timed) Apply(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, p, err := w.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	switch _, err := c.Policy(ctx, p.of, p.name); {
	case err == nil:
		return access.Operation{}, &access.WayError{Class: access.Busy, Err: fmt.Errorf("%s: the policy %s is there", s.Key, p.name)}
	case !errors.Is(err, access.ErrNotFound):
		return access.Operation{}, fmt.Errorf("read %s: %w", s.Key, identitycenter.Unchanged(err))
	}
	asked := w.clock.Now()
	text, err := p.text(sidMark + asked.UTC().Format(sidForm))
	if err != nil {
		return access.Operation{}, identitycenter.Refuse(s.Key, "%v", err)
	}
	op, err := identitycenter.Immediate(access.Creation, asked, c.PutPolicy(ctx, p.of, p.name, text))
	if errors.Is(err, access.ErrNotFound) {
		return op, identitycenter.Refuse(s.Key, "there is no IAM %s", p.of)
	}
	if err != nil {
		return op, fmt.Errorf("write %s: %w", s.Key, err)
	}
	return op, nil
}

// Remove implements access.Way. What somebody else wrote in its place stays. A
// policy that reads as absent is removed all the same: the read may be behind.
func (w *Timed) Remove(ctx context.Context, s access.Spec) (access.Operation, error) {
	c, p, err := w.object(s)
	if err != nil {
		return access.Operation{}, err
	}
	asked := w.clock.Now()
	text, err := c.Policy(ctx, p.of, p.name)
	if err != nil && !errors.Is(err, access.ErrNotFound) {
		return access.Operation{}, fmt.Errorf("read %s: %w", s.Key, identitycenter.Unchanged(err))
	}
	if _, ours := p.wrote(text); err == nil && !ours {
		return identitycenter.Immediate(access.Removal, asked, nil) // Observe says what is there
	}
	if err = c.DeletePolicy(ctx, p.of, p.name); errors.Is(err, access.ErrNotFound) {
		err = nil
	}
	op, err := identitycenter.Immediate(access.Removal, asked, err)
	if err != nil {
		return op, fmt.Errorf("remove %s: %w", s.Key, err)
	}
	return op, nil
}

// Poll implements access.Way.
func (w *Timed) Poll(_ context.Context, s access.Spec, op access.Operation) (access.Operation, error) {
	return op, identitycenter.Refuse(s.Key, "there is no operation %q: policies change at once", op.ID)
}

// object returns what s is about.
func (w *Timed) object(s access.Spec) (*iamusers.Client, timedPolicy, error) {
	owner, err := ownerOf(s)
	if err != nil {
		return nil, timedPolicy{}, err
	}
	of, err := flowfile.SlotsOf(s.Params)
	if err != nil || s.Term.Of == "" || s.Term.Until.IsZero() {
		return nil, timedPolicy{}, identitycenter.Refuse(s.Key, "its tags or its end are missing")
	}
	i, err := flowfile.ParseInstances(s.Params)
	if err != nil {
		return nil, timedPolicy{}, identitycenter.Refuse(s.Key, "%v", err)
	}
	account := s.Params[flowfile.ParamAccount]
	p := timedPolicy{owner, "Sesame-" + string(s.Term.Of), recipe.Start{
		Scope:  recipe.Scope{Partition: flowfile.PartitionOf(s.Params[flowfile.ParamRegion]), Accounts: []string{account}, Regions: i.Regions},
		Window: recipe.Window{From: s.Term.From, Until: s.Term.Until}, Tags: of.Values, Place: "user",
		Session: s.Params[flowfile.ParamSession],
	}}
	if owner.Role {
		p.says.Place = "role"
	}
	c, err := w.accounts.of(s)
	return c, p, err
}

// text is the policy as it is sent, which is as short as it can be: a user has
// room for 2,048 characters.
func (p timedPolicy) text(sid string) (string, error) {
	p.says.Sid = sid
	d, err := p.says.Document()
	if err != nil {
		return "", err
	}
	text, err := d.MarshalJSON()
	return string(text), err
}

// wrote returns when Sesame wrote a policy, and whether it did: it says what
// Sesame writes, to the letter.
func (p timedPolicy) wrote(text string) (time.Time, bool) {
	d, err := iam.Parse("", []byte(text))
	if err != nil || len(d.Statements) != 1 {
		return time.Time{}, false
	}
	sid := d.Statements[0].Sid
	at, err := time.Parse(sidForm, strings.TrimPrefix(sid, sidMark))
	if err != nil {
		return time.Time{}, false
	}
	want, err := p.text(sid)
	return at, err == nil && want == text
}
