package partner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// Trusts reads the trust policies of roles: access.ErrNotFound says that there is
// no such role.
type Trusts func(ctx context.Context, role Role) (string, error)

const (
	// tellAgain is how often people hear of what is to be done still.
	tellAgain = 24 * time.Hour
	// agreeAfter is how long roles must be seen to refuse an id before it counts:
	// what IAM shows may be ahead of what STS goes by.
	agreeAfter = time.Minute
)

// Look sees whether roles take the former external ids of partners. Those that no
// role takes any more are forgotten, and people are told; of others they are told
// once these are to be over, and then once a day. Of a partner whom known does not
// know they are told for the last time, since nobody could do anything about it
// here.
func (x *ExternalIDs) Look(ctx context.Context, trusts Trusts, known func(name string) bool) error {
	var errs []error
	err := access.Each(ctx, x.store, access.Query{Index: IndexPartners}, func(rec access.Record) error {
		r, err := access.Decode[partnerRecord](rec)
		switch {
		case err != nil || len(r.Former) == 0:
		case known(r.Name):
			err = x.lookAt(ctx, r, rec.Version, trusts)
		default:
			err = x.leave(ctx, r, rec.Version)
		}
		if err != nil && !errors.Is(err, access.ErrConflict) {
			errs = append(errs, err) // and the others are looked at all the same
		}
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// A sight is what a look at the roles of a partner showed.
type sight struct {
	taking  []string // roles that take what they are not to take
	lacking []string // roles that do not take the id that the partner has
	unread  []string // roles whose trust policy could not be read, and why
}

func (x *ExternalIDs) lookAt(ctx context.Context, r partnerRecord, version access.Version, trusts Trusts) error {
	ids, err := x.opened(r)
	if err != nil {
		return err
	}
	seen := see(ctx, r, ids, trusts)
	now := x.clock.Now()
	c := change{r: r, over: version, at: now}
	ended := slices.ContainsFunc(ids.Former, func(f Former) bool { return f.Ended })
	switch refused := ended && len(seen.taking)+len(seen.unread) == 0; {
	case !refused && !r.RefusedAt.IsZero():
		c.r.RefusedAt = time.Time{}
	case refused && r.RefusedAt.IsZero():
		c.r.RefusedAt = now
	case refused && !now.Before(r.RefusedAt.Add(agreeAfter)):
		return x.forget(ctx, c, ids, seen)
	}
	if text := seen.todo(c.r, now); text != "" && r.tellable(now) {
		c.r.ToldAt, c.tell = now, text
	}
	if c.r.RefusedAt.Equal(r.RefusedAt) && c.tell == "" {
		return nil
	}
	_, err = x.commit(ctx, c)
	return err
}

// tellable reports whether people may hear at now what is to be done: a day after
// they last did, and when the time of an id is over.
func (r partnerRecord) tellable(now time.Time) bool {
	over := slices.ContainsFunc(r.Former, func(f formerID) bool { return r.ToldAt.Before(f.Until) && !now.Before(f.Until) })
	return over || !now.Before(r.ToldAt.Add(tellAgain))
}

// see looks at each role of a partner.
func see(ctx context.Context, r partnerRecord, ids IDs, trusts Trusts) (all sight) {
	for _, role := range r.Roles {
		trust, err := trusts(ctx, role)
		if errors.Is(err, access.ErrNotFound) {
			continue // nobody comes in by it
		}
		takes := func(id string) bool {
			taken, failed := Takes(trust, flowfile.RoleAccount(role.ARN), id)
			err = errors.Join(err, failed)
			return taken
		}
		var over, now bool
		if err == nil {
			now = takes(ids.Now)
			for _, f := range ids.Former {
				over = over || f.Ended && takes(f.ID)
			}
		}
		switch {
		case err != nil:
			all.unread = append(all.unread, fmt.Sprintf("%s (%v)", role.ARN, err))
		case over:
			all.taking = append(all.taking, role.ARN)
		case !now:
			all.lacking = append(all.lacking, role.ARN)
		}
	}
	return all
}

// leave drops the former ids of a partner that is not one any more.
func (x *ExternalIDs) leave(ctx context.Context, r partnerRecord, version access.Version) error {
	ids, err := x.opened(r)
	if err != nil {
		return err
	}
	c := change{r: r, over: version, at: x.clock.Now(), kind: EventLeft, tell: leftText(r)}
	c.data = changed{Partner: r.Name, Account: r.Account, ID: fingerprint(ids.Now), Former: ids.fingerprints(), Roles: arns(r.Roles)}
	c.r.Former, c.r.Roles, c.r.RefusedAt = nil, nil, time.Time{}
	_, err = x.commit(ctx, c)
	return err
}

// leftText says of former ids that nobody looks after them any more; empty if there
// are none.
func leftText(r partnerRecord) string {
	if len(r.Former) == 0 {
		return ""
	}
	return fmt.Sprintf("The company that was the partner %s is one no more, and external ids that were replaced may be good still: delete %s, or look at the trust policy. Sesame does not look at it any more.", r.Name, strings.Join(arns(r.Roles), " and "))
}

// forget drops the former ids that no role takes any more.
func (x *ExternalIDs) forget(ctx context.Context, c change, ids IDs, seen sight) error {
	var gone, left []formerID
	var prints []string
	for i, f := range c.r.Former {
		if f.EndedAt.IsZero() {
			left = append(left, f)
			continue
		}
		gone, prints = append(gone, f), append(prints, fingerprint(ids.Former[i].ID))
	}
	c.r.Former, c.r.RefusedAt = left, time.Time{}
	c.kind, c.data = EventRefused, changed{Partner: c.r.Name, Account: c.r.Account, ID: fingerprint(ids.Now), Former: prints, Roles: arns(c.r.Roles)}
	c.tell = fmt.Sprintf("The roles of the partner %s do not take %s any more, as their trust policies say now.", c.r.Name, counted(len(gone), "the external id before its own", "external ids before its own"))
	if len(seen.lacking) > 0 {
		c.tell += fmt.Sprintf(" Nor does %s take the new one: give it the policy that sesame partner trust %s prints, or its people cannot come in.", strings.Join(seen.lacking, " and "), c.r.Name)
	}
	if len(left) == 0 {
		c.r.Roles = nil
	}
	_, err := x.commit(ctx, c)
	return err
}

func counted(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// todo says at now what somebody has to do about the external ids of a partner;
// empty if nothing is due.
func (s sight) todo(r partnerRecord, now time.Time) string {
	due := slices.ContainsFunc(r.Former, func(f formerID) bool { return f.EndedAt.IsZero() && !now.Before(f.Until) })
	switch {
	case len(s.taking) > 0:
		return fmt.Sprintf("A former external id of the partner %s is good still, although it is to be over: %s takes it. Give the role the policy that sesame partner trust %s prints.", r.Name, strings.Join(s.taking, " and "), r.Name)
	case due:
		return fmt.Sprintf("A former external id of the partner %s is good still, although it was to be over by %s: run sesame partner rotate %s --finish, and give its roles the policy that this prints.", r.Name, day(r.Former[0].Until), r.Name)
	case len(s.unread) > 0:
		return fmt.Sprintf("Whether a former external id of the partner %s is good still is not known, since Sesame could not read the trust policy of %s: let the role of the strategy call iam:GetRole on it, as sesame policy generate server-role does.", r.Name, strings.Join(s.unread, " and "))
	case len(s.lacking) > 0:
		return fmt.Sprintf("The new external id of the partner %s is not taken by %s: give the role the policy that sesame partner trust %s prints.", r.Name, strings.Join(s.lacking, " and "), r.Name)
	}
	return ""
}
