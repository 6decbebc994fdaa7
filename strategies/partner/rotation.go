package partner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// The events of a partner's external ids. Their stream is the partner's own.
const (
	EventMade     access.EventType = "external-id-made"
	EventReplaced access.EventType = "external-id-replaced"
	EventEnded    access.EventType = "external-id-ended"   // former ones are not to be taken any more
	EventRefused  access.EventType = "external-id-refused" // AWS was seen not to take former ones
	EventLeft     access.EventType = "external-id-left"    // the partner is none any more, and nobody looks after former ones
)

// The bounds of how long a former external id is taken beside the one in its
// place.
const (
	MinOverlap   = time.Hour
	UsualOverlap = 7 * 24 * time.Hour
	MaxOverlap   = 90 * 24 * time.Hour
)

// maxFormer is how many former ids a partner may have: a trust policy has room
// for few more.
const maxFormer = 4

// changed is the data of the events. External ids are in it by fingerprints.
type changed struct {
	Partner string    `json:"partner"`
	Account string    `json:"account"`
	ID      string    `json:"id,omitempty"`
	Former  []string  `json:"former,omitempty"`
	Roles   []string  `json:"roles,omitempty"`
	Leaked  bool      `json:"leaked,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// A change is a record to be stored over a version, with what happened.
type change struct {
	r    partnerRecord
	over access.Version
	at   time.Time
	by   access.Person
	kind access.EventType
	data changed
	tell string // the admin channel; empty for nothing
}

// commit carries out a change: the record, the event and what people are told
// are durable together, before anybody sees what was changed.
func (x *ExternalIDs) commit(ctx context.Context, c change) (access.Version, error) {
	put, err := access.Put(c.r, c.over)
	if err != nil {
		return 0, err
	}
	all := access.Commit{Changes: []access.Change{put}}
	if c.kind != "" {
		e, err := access.NewEvent(c.r.stream(), c.kind, c.at, c.data)
		if err != nil {
			return 0, err
		}
		all.Events = []access.Event{e.By(c.by)}
	}
	if c.tell != "" {
		kind := access.NoticeAlarm
		if c.kind == EventRefused {
			kind = access.NoticeRelief
		}
		all.Notices = []access.Notice{{Kind: kind, At: c.at, Text: c.tell}}
	}
	return x.store.Commit(ctx, all)
}

// A Replacement is a wish for a new external id.
type Replacement struct {
	Partner flowfile.Partner
	By      access.Person
	Roles   []Role // that its people assume
	// Leaked says that the ids before are to be taken no more, at once.
	Leaked bool
	// Overlap is how long the one before is to be taken beside the new one,
	// within MinOverlap and MaxOverlap. It means nothing with Leaked.
	Overlap time.Duration
	// Fits reports what keeps roles from taking such ids. Required.
	Fits func(IDs) error
}

// Replace makes a new external id for a partner, and returns what there is now,
// and whether it made one: while one replaces another already, it changes
// nothing, unless that has leaked. What roles in AWS take does not change by it.
func (x *ExternalIDs) Replace(ctx context.Context, w Replacement) (ids IDs, made bool, err error) {
	if !w.Leaked && (w.Overlap < MinOverlap || w.Overlap > MaxOverlap) {
		return IDs{}, false, refuse(access.RefusedInput, "An external id is taken for %s to %d days beside the one in its place, and this would be %s: say it with --within, as 168h.", access.Spoken(MinOverlap), MaxOverlap/(24*time.Hour), access.Spoken(w.Overlap))
	}
	r, version, err := x.record(ctx, w.Partner)
	if err != nil {
		return IDs{}, false, overtaken(w.Partner.Name, err)
	}
	before, err := x.opened(r)
	if err != nil || len(r.Former) > 0 && !w.Leaked {
		return before, false, err
	}
	if len(r.Former) >= maxFormer {
		return IDs{}, false, refuse(access.RefusedTooMany, "%s has %d former external ids that AWS may take still: give its roles the policy that sesame partner trust %s prints, and wait until Sesame says that they are refused.", r.Name, len(r.Former), r.Name)
	}
	now := x.clock.Now()
	id, sealed := x.fresh(r)
	r = r.replaced(w, sealed, now)
	if ids, err = x.opened(r); err != nil {
		return IDs{}, false, err
	}
	if err := w.Fits(ids); err != nil {
		return IDs{}, false, refuse(access.RefusedInput, "A trust policy that takes both external ids of %s cannot be written (%v): have fewer people, or say --leaked, so that the new one alone is taken.", r.Name, err)
	}
	_, err = x.commit(ctx, change{r, version, now, w.By, EventReplaced, changed{
		Partner: r.Name, Account: r.Account, ID: fingerprint(id), Former: ids.fingerprints(), Roles: arns(r.Roles), Leaked: w.Leaked, Until: ids.Until(),
	}, replacedText(r, w)})
	return ids, err == nil, overtaken(r.Name, err)
}

// replaced returns r with another id in place of its own.
func (r partnerRecord) replaced(w Replacement, sealed []byte, now time.Time) partnerRecord {
	r.Former = append(slices.Clone(r.Former), formerID{Sealed: r.Sealed, MadeAt: r.MadeAt, ReplacedAt: now, Until: now.Add(w.Overlap)})
	r.Sealed, r.MadeAt, r.ToldAt = sealed, now, now
	r = r.with(w.Roles)
	if w.Leaked {
		r = r.ended(now)
	}
	return r
}

// ended returns r with all former ids not to be taken any more.
func (r partnerRecord) ended(now time.Time) partnerRecord {
	r.Former = slices.Clone(r.Former)
	for i := range r.Former {
		if f := &r.Former[i]; f.EndedAt.IsZero() {
			f.EndedAt, f.Until = now, now
		}
	}
	r.RefusedAt, r.ToldAt = time.Time{}, now
	return r
}

// with returns r with more roles that may take its former ids.
func (r partnerRecord) with(roles []Role) partnerRecord {
	r.Roles = slices.Clone(r.Roles)
	for _, role := range roles {
		r.Roles = slices.DeleteFunc(r.Roles, func(known Role) bool { return known.ARN == role.ARN })
		r.Roles = append(r.Roles, role)
	}
	return r
}

// Finish has the former external ids of a partner not taken any more, and
// returns what there is then. What it had said before stays as it was.
func (x *ExternalIDs) Finish(ctx context.Context, w Replacement) (IDs, error) {
	r, version, err := x.record(ctx, w.Partner)
	if err != nil {
		return IDs{}, overtaken(w.Partner.Name, err)
	}
	ids, err := x.opened(r)
	switch {
	case err != nil:
		return IDs{}, err
	case len(r.Former) == 0:
		return IDs{}, refuse(access.RefusedDecided, "%s has one external id, and none before it that AWS may take still, so that nothing is left to finish: sesame partner rotate %s makes a new one.", r.Name, r.Name)
	case len(ids.Taken()) == 1:
		return ids, nil
	}
	now := x.clock.Now()
	r = r.ended(now).with(w.Roles)
	if ids, err = x.opened(r); err != nil {
		return IDs{}, err
	}
	_, err = x.commit(ctx, change{r, version, now, w.By, EventEnded, changed{
		Partner: r.Name, Account: r.Account, ID: fingerprint(ids.Now), Former: ids.fingerprints(), Roles: arns(r.Roles),
	}, ""})
	return ids, overtaken(r.Name, err)
}

func (ids IDs) fingerprints() (all []string) {
	for _, f := range ids.Former {
		all = append(all, fingerprint(f.ID))
	}
	return all
}

func arns(roles []Role) (all []string) {
	for _, role := range roles {
		all = append(all, role.ARN)
	}
	return all
}

func refuse(code access.RefusalCode, format string, args ...any) error {
	return &access.Refusal{Code: code, Text: fmt.Sprintf(format, args...)}
}

// overtaken says of an error that somebody else was faster, if it was that.
func overtaken(name string, err error) error {
	if errors.Is(err, access.ErrConflict) {
		return refuse(access.RefusedChanged, "The external id of %s has just been changed by somebody else, so nothing was done: run the command again to see what there is.", name)
	}
	if err != nil {
		return fmt.Errorf("external id of %s: %w", name, err)
	}
	return nil
}

// replacedText tells the admin channel of a new external id.
func replacedText(r partnerRecord, w Replacement) string {
	who := w.By.Name
	if w.Leaked {
		return fmt.Sprintf("%s made a new external id for the partner %s, since the one before leaked: its people do not come in before its roles take it, and until then the one before is good. Give the roles the policy that sesame partner trust %s prints.", who, r.Name, r.Name)
	}
	return fmt.Sprintf("%s made a new external id for the partner %s, and the one before is to be over by %s: give its roles the policy that sesame partner trust %s prints, which takes both, and run sesame partner rotate %s --finish once its people have the new one.",
		who, r.Name, day(r.MadeAt.Add(w.Overlap)), r.Name, r.Name)
}

// day says a moment for people.
func day(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }
