package archive

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/ledger"
	"sesame/proxy/record"
)

// A view is a look that was recorded, and goes on.
type view struct {
	recording string
	look      Look
	who       access.PersonID
	last      time.Time
}

const (
	// viewLasts is how long a view is good for after it was used.
	viewLasts = time.Hour
	// maxViews bounds those that go on at a time.
	maxViews = 2000
	// maxReason bounds why somebody looks.
	maxReason = 500
	// pageSize is about how much text one page has.
	pageSize = 1 << 20
)

// A Looking asks for a view.
type Looking struct {
	Recording string
	Look      Look
	Reason    string // required for Keystrokes
}

// View records that somebody is about to look at a recording, and returns what
// they can look with from now on.
func (a *Archive) View(ctx context.Context, from access.Account, l Looking) (token string, err error) {
	r, err := a.find(ctx, l.Recording)
	if err != nil {
		return "", err
	}
	who, err := a.may(ctx, l.Look, from, r)
	if err != nil {
		return "", errors.Join(err, a.deny(ctx, who, l, r.Manifest, err))
	}
	if l.Reason = strings.TrimSpace(l.Reason); l.Look == Keystrokes && l.Reason == "" {
		return "", &access.Refusal{Code: access.RefusedInput, Text: "What was typed is shown for a reason alone, which goes into the record: give one with --reason."}
	}
	if err := lookable(l, r); err != nil {
		return "", err
	}
	if err := a.note(ctx, who, l, r.Manifest); err != nil {
		return "", err
	}
	return a.admit(&view{recording: l.Recording, look: l.Look, who: who.ID, last: a.Clock.Now()})
}

// deny records that somebody wanted to see what they may not.
func (a *Archive) deny(ctx context.Context, who access.Person, l Looking, m record.Manifest, why error) error {
	r, ok := errors.AsType[*access.Refusal](why)
	if !ok || r.Code != access.RefusedNotYours || who.ID == "" {
		return nil
	}
	b := ledger.NewBatch(a.Clock.Now())
	b.Event(stream(m), access.EventDenial, who, denied{viewed{l.Recording, l.Look, ""}, r.Text})
	_, err := b.Commit(ctx, a.Store)
	return err
}

// lookable refuses what cannot be shown to anybody.
func lookable(l Looking, r Recording) error {
	switch {
	case len(l.Reason) > maxReason:
		return &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("This reason is too long, because %d characters are taken at most: say it in fewer.", maxReason)}
	case l.Look == Exists || l.Look == Search:
		return &access.Refusal{Code: access.RefusedInput, Text: "Recordings cannot be looked at in that way: play, export or watch them."}
	case r.Removed != nil:
		return &access.Refusal{Code: access.RefusedDecided, Text: fmt.Sprintf("This recording is not there any more, because %s, and it was removed on %s: see what is known of it with sesame recordings show.", r.Removed.Rule, r.Removed.At.Format("2006-01-02"))}
	case l.Look == Live && r.Manifest.State != record.StateOpen:
		return over(r.Manifest.ID)
	case l.Look == Keystrokes && r.Manifest.Input.Head == "":
		return &access.Refusal{Code: access.RefusedInput, Text: "Nothing that was typed is in this recording, because what passed was counted and not recorded: sesame recordings show says more."}
	}
	return nil
}

func over(id string) error {
	return &access.Refusal{Code: access.RefusedDecided, Text: "There is nothing to watch any more, because this session is over: see it with sesame recordings play " + id + "."}
}

// note records a view. The time at which it was asked for is in the event.
func (a *Archive) note(ctx context.Context, who access.Person, l Looking, m record.Manifest) error {
	b := ledger.NewBatch(a.Clock.Now())
	b.Event(stream(m), EventViewed, who, viewed{l.Recording, l.Look, l.Reason})
	if _, err := b.Commit(ctx, a.Store); err != nil {
		return unrecorded(err)
	}
	return nil
}

// unrecorded refuses a view that could not be recorded.
func unrecorded(err error) error {
	if errors.Is(err, access.ErrNoSpace) || errors.Is(err, access.ErrUnavailable) {
		return &access.Refusal{Code: access.RefusedUnable, Text: "Nothing is shown, because it could not be recorded that you look: try again in a minute, and tell an admin if it goes on."}
	}
	return fmt.Errorf("record a view: %w", err)
}

// admit remembers a view.
func (a *Archive) admit(v *view) (string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for token, old := range a.views {
		if v.last.Sub(old.last) >= viewLasts {
			delete(a.views, token)
		}
	}
	if len(a.views) >= maxViews {
		return "", &access.Refusal{Code: access.RefusedTooMany, Text: "Too many people look at recordings at the moment: try again in an hour."}
	}
	token := "v-" + rand.Text()
	a.views[token] = v
	return token, nil
}

// resume returns the view that a token is for, if it still holds for whoever
// comes with it.
func (a *Archive) resume(ctx context.Context, from access.Account, token string) (view, error) {
	a.mu.Lock()
	held := a.views[token]
	var v view
	if held != nil {
		v = *held
	}
	a.mu.Unlock()
	gone := &access.Refusal{Code: access.RefusedUnknown, Text: "This view is over, because the server was restarted or nobody looked for an hour: run the command again."}
	if now := a.Clock.Now(); held == nil || now.Sub(v.last) >= viewLasts {
		return view{}, gone
	}
	r, err := a.find(ctx, v.recording)
	if err != nil {
		return view{}, err
	}
	who, err := a.may(ctx, v.look, from, r)
	switch {
	case err != nil:
		return view{}, err
	case who.ID != v.who:
		return view{}, gone
	case r.Removed != nil:
		return view{}, lookable(Looking{Look: v.look}, r)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	held.last = a.Clock.Now()
	return v, nil
}

// Shown returns the recording that a view is of.
func (a *Archive) Shown(ctx context.Context, from access.Account, token string) (Recording, error) {
	v, err := a.resume(ctx, from, token)
	if err != nil {
		return Recording{}, err
	}
	return a.find(ctx, v.recording)
}

// A Place is where to go on reading. The zero Place is the beginning.
type Place struct {
	record.Position
	// At goes to a moment since the session began, and Back to where about so
	// many bytes lead up to it; they are for the first page.
	At   time.Duration
	Back int64
}

// A Page is a part of a recording.
type Page struct {
	Text []byte        // whole lines of an asciicast
	From time.Duration // what the first interval counts from
	Next record.Position
	Over bool // there is no more, by now
}

// Read returns the next part of what a view is of.
func (a *Archive) Read(ctx context.Context, from access.Account, token string, at Place) (Page, error) {
	v, err := a.resume(ctx, from, token)
	if err != nil {
		return Page{}, err
	}
	name := record.Output
	if v.look == Keystrokes {
		name = record.Input
	}
	in, err := a.files.OpenStream(v.recording, name)
	if err != nil {
		return Page{}, err
	}
	defer in.Close()
	if at.At > 0 {
		if err := in.Seek(at.At, at.Back); err != nil {
			return Page{}, err
		}
	} else {
		in.Resume(at.Position)
	}
	return page(in)
}

func page(in *record.Reader) (p Page, err error) {
	for first := true; len(p.Text) < pageSize; first = false {
		seg, err := in.Next()
		if errors.Is(err, io.EOF) {
			p.Over = true
			break
		} else if err != nil {
			return Page{}, err
		}
		if first {
			p.From = seg.From
		}
		p.Text = append(p.Text, seg.Text...)
	}
	p.Next = in.Position()
	return p, nil
}

// Watch returns what was shown in a session since a place, once there is
// something, or when ctx ends. It begins at a place below zero.
func (a *Archive) Watch(ctx context.Context, from access.Account, token string, at int64) (record.Glimpse, error) {
	v, err := a.resume(ctx, from, token)
	if err != nil {
		return record.Glimpse{}, err
	}
	if v.look != Live {
		return record.Glimpse{}, &access.Refusal{Code: access.RefusedInput, Text: "This view is not one of a session as it happens: run sesame recordings watch."}
	}
	if at >= 0 {
		return a.files.Watch(ctx, v.recording, at)
	}
	look, err := a.files.Join(v.recording)
	if errors.Is(err, access.ErrNotFound) {
		err = over(v.recording)
	}
	return look, err
}
