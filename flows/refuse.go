package flows

import (
	"context"
	"errors"
	"sync"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
)

// An attempt is what somebody tried and was refused.
type attempt struct {
	Action access.Action      `json:"action"`
	Code   access.RefusalCode `json:"code"`
	Text   string             `json:"text"`
	// Last says that what else this stranger tries within the hour is not
	// recorded.
	Last bool `json:"last,omitempty"`
}

// refuse records that who, or the stranger behind from, tried action on
// request id and was told no. It returns err, which says so; what is not a
// refusal is no answer to anybody, and passes as it is.
func (d *Desk) refuse(ctx context.Context, id access.RequestID, action access.Action, by teller, err error) error {
	r, ok := errors.AsType[*access.Refusal](err)
	if !ok {
		return err
	}
	return d.recordRefusal(ctx, by, err, func(b *ledger.Batch, last bool) {
		b.Event(stream(id), access.EventDenial, by.named(), attempt{action, r.Code, err.Error(), last})
	})
}

// recordRefusal commits the event of a refusal. The refusal stands whether or
// not it could be recorded. Whoever is known is recorded whatever they do;
// strangers are until they have been often enough.
func (d *Desk) recordRefusal(ctx context.Context, by teller, err error, event func(b *ledger.Batch, last bool)) error {
	now, last := d.Clock.Now(), false
	if by.who.ID == "" {
		var ok bool
		if ok, last = d.strangers.count(by.from, now); !ok {
			return err
		}
	}
	b := ledger.NewBatch(now)
	event(b, last)
	if _, failed := b.Commit(ctx, d.Store); failed != nil {
		return errors.Join(err, failed)
	}
	return err
}

// A teller is whoever said something: an account, and the person behind it if
// that could be found out.
type teller struct {
	from access.Account
	who  access.Person
}

// named returns how events name the teller.
func (t teller) named() access.Person {
	if t.who.ID == "" {
		return access.Person{Name: t.from.String()}
	}
	return t.who
}

// stream returns where events about id are recorded. An id that nobody gave
// out has a stream that is not longer than others.
func stream(id access.RequestID) access.RequestID {
	if id.Valid() {
		return id
	}
	return access.RequestIDFrom("forged\x00" + string(id))
}

// How many refusals of strangers are recorded in an hour: of one, and of all.
// There is no end of accounts in workspaces that are connected to ours.
const (
	perStranger = 10
	perHour     = 500
)

// A tally counts what strangers try, so that none of them can fill the store.
type tally struct {
	mu    sync.Mutex // guards what follows
	since time.Time
	all   int
	of    map[access.Account]int
}

// count counts one more attempt of a. It reports whether that is to be
// recorded, and whether it is the last one that is.
func (t *tally) count(a access.Account, now time.Time) (ok, last bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil || now.Sub(t.since) >= time.Hour {
		t.since, t.all, t.of = now, 0, map[access.Account]int{}
	}
	if t.all == perHour || t.of[a] == perStranger {
		return false, false
	}
	t.all++
	t.of[a]++
	return true, t.all == perHour || t.of[a] == perStranger
}
