package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/proxy/api"
	"sesame/proxy/archive"
	"sesame/proxy/record"
)

// recordingsDir is the folder of recordings in the data directory.
const recordingsDir = "recordings"

// openRecordings opens the recordings of terminal sessions.
func (s *Server) openRecordings(p *served) (err error) {
	c := s.Config
	p.recordings, err = archive.Open(archive.Config{
		// Whoever is signed in is known without the chat.
		Store: s.store, People: s.people.WithoutChat(), Rules: s.rules.set.Load,
		Auditors: c.Roles.Auditors, Keystrokes: c.Roles.Keystrokes, Keep: c.Recordings.Keep,
		Files: record.Config{
			Dir: filepath.Join(c.DataDir, recordingsDir), Sealer: p.sealer, Quota: c.Recordings.Quota << 20, Clock: s.Clock,
			// The auditor is there before the first session is.
			Sign: func(text []byte) []byte { return s.auditor.Sign(text) },
		},
		Clock: s.Clock, Failed: p.failed,
	})
	return err
}

// recordings are those that there are, or nil where there is to be no proxy.
func (s *Server) recordings() api.Recordings {
	if !s.cloud.able().Proxy {
		return nil
	}
	return shelf{&s.serving}
}

// A shelf is an archive as commands see it. What is on it cannot be opened while
// its keys are not there.
type shelf struct{ of *serving }

// List implements api.Recordings.
func (s shelf) List(ctx context.Context, from access.Account, q api.RecordingQuery) (api.RecordingPage, error) {
	page := api.RecordingPage{Recordings: []api.Recording{}}
	p, err := s.of.proxy()
	if err != nil {
		return page, err
	}
	if q.ID != "" {
		r, err := p.recordings.Get(ctx, from, q.ID)
		page.Recordings = append(page.Recordings, viewRecording(r))
		return page, err
	}
	all, next, err := p.recordings.List(ctx, from, archive.Filter{Grant: q.Grant, Person: q.Person, Target: q.Target, Open: q.Open, After: q.After, Limit: q.Limit})
	for _, r := range all {
		page.Recordings = append(page.Recordings, viewRecording(r))
	}
	page.Next = next
	return page, err
}

// View implements api.Recordings.
func (s shelf) View(ctx context.Context, from access.Account, id string, v api.Viewing) (api.View, error) {
	p, err := s.of.proxy()
	if err != nil {
		return api.View{}, err
	}
	token, err := p.recordings.View(ctx, from, archive.Looking{Recording: id, Look: archive.Look(v.Look), Reason: v.Reason})
	if err != nil {
		return api.View{}, err
	}
	r, err := p.recordings.Shown(ctx, from, token)
	return api.View{ID: token, Recording: viewRecording(r)}, err
}

// Read implements api.Recordings.
func (s shelf) Read(ctx context.Context, from access.Account, view string, q api.ReadQuery) (api.Part, error) {
	p, err := s.of.proxy()
	if err != nil {
		return api.Part{}, err
	}
	if q.Live {
		look, err := p.recordings.Watch(ctx, from, view, q.Offset)
		return api.Part{Text: string(look.Text), Offset: look.Next, Skipped: look.Skipped, Over: look.Over}, err
	}
	page, err := p.recordings.Read(ctx, from, view, archive.Place{Position: record.Position{Segment: q.Segment, Offset: q.Offset}, At: q.At, Back: q.Back})
	return api.Part{Text: string(page.Text), From: page.From.Milliseconds(), Segment: page.Next.Segment, Offset: page.Next.Offset, Over: page.Over}, err
}

// The bounds of a search.
const (
	hitsAtOnce = 100
	maxHits    = 1000
	maxSought  = 1000 // bytes of what is searched for
)

// Search implements api.Recordings.
func (s shelf) Search(ctx context.Context, from access.Account, q api.RecordingSearch) (api.RecordingHits, error) {
	sought, err := query(q)
	if err != nil {
		return api.RecordingHits{}, err
	}
	p, err := s.of.proxy()
	if err != nil {
		return api.RecordingHits{}, err
	}
	c, err := p.recordings.Search(ctx, from, archive.Hunt{
		Query: sought, Recording: q.Recording, Since: q.Since,
		Filter: archive.Filter{Grant: q.Grant, Person: q.Person, Target: q.Target},
	})
	if err != nil {
		return api.RecordingHits{}, err
	}
	found := api.RecordingHits{Hits: []api.RecordingHit{}, Searched: c.Searched, More: c.More}
	if c.Unread != nil {
		found.Unread = c.Unread.Error()
	}
	for _, h := range c.Hits {
		m := c.Of[h.Recording].Manifest
		found.Hits = append(found.Hits, api.RecordingHit{
			Recording: h.Recording, Target: m.Target, Name: m.PersonName, After: h.At.Milliseconds(), At: m.Began.Add(h.At), Row: h.Row,
		})
	}
	return found, nil
}

func query(q api.RecordingSearch) (record.Query, error) {
	sought := record.Query{Text: q.Text, Limit: q.Limit}
	if sought.Limit == 0 {
		sought.Limit = hitsAtOnce
	}
	switch {
	case q.Text == "" || len(q.Text) > maxSought || strings.ContainsAny(q.Text, "\r\n"):
		return sought, &access.Refusal{Code: access.RefusedInput, Text: "Nothing can be searched for in that way, because it takes one line of text of at most 1000 bytes: give one."}
	case sought.Limit < 1 || sought.Limit > maxHits:
		return sought, &access.Refusal{Code: access.RefusedInput, Text: "A search shows 1 to 1000 rows: give another limit."}
	case !q.Pattern && !q.IgnoreCase:
		return sought, nil
	}
	text := q.Text
	if !q.Pattern {
		text = regexp.QuoteMeta(text)
	}
	if q.IgnoreCase {
		text = "(?i)" + text
	}
	var err error
	if sought.Pattern, err = regexp.Compile(text); err != nil {
		return sought, &access.Refusal{Code: access.RefusedInput, Text: "This is no regular expression that can be searched for: " + strings.TrimPrefix(err.Error(), "error parsing regexp: ") + "."}
	}
	return sought, nil
}

func viewRecording(r archive.Recording) api.Recording {
	m := r.Manifest
	v := api.Recording{
		ID: m.ID, Kind: string(m.Kind), State: api.RecordingEnded,
		Grant: m.Grant, Request: m.Request, Person: m.Person, Name: m.PersonName, Target: m.Target, Instance: m.Instance,
		Document: m.Document, Command: m.Command, Session: m.Session, Region: m.Region,
		Began: m.Began, EndedAt: m.EndedAt, Why: m.Why, Exit: m.Exit, Only: m.MetadataOnly,
		Shown: m.Shown, Typed: m.Typed, Hidden: m.Masked, Sealed: m.Sealed, Lost: m.Lost, Odd: m.Odd, Torn: m.Torn,
		Size: m.Output.Bytes + m.Input.Bytes,
	}
	switch {
	case r.Removed != nil:
		v.State, v.RemovedAt, v.Rule, v.Digest = api.RecordingRemoved, r.Removed.At, r.Removed.Rule, m.Digest()
	case m.State == record.StateOpen:
		v.State = api.RecordingOpen
	default:
		v.Digest = m.Digest()
	}
	if v.Only == "" && (m.Kind == record.Port || m.Kind == record.SSH) {
		v.Only = "it is a " + string(m.Kind) + " session"
	}
	return v
}

// VerifyRecordings checks the recordings that a record speaks of, or one of
// them. What does not hold is part of the answer; an error means that nothing
// was found out.
func VerifyRecordings(ctx context.Context, r Record, id string) (api.RecordingProof, error) {
	var due archive.Account
	_, err := audit.Verify(ctx, r.Store, r.Key, audit.VerifyOptions{Events: due.Add})
	if errors.Is(err, access.ErrBroken) {
		return api.RecordingProof{Recordings: []api.RecordingFinding{}, Broken: err.Error()}, nil
	} else if err != nil {
		return api.RecordingProof{}, err
	}
	return r.recordings(&due, id)
}

// recordings compares what there is with what is due.
func (r Record) recordings(due *archive.Account, id string) (api.RecordingProof, error) {
	proof := api.RecordingProof{Recordings: []api.RecordingFinding{}}
	found, err := due.Verify(filepath.Join(r.Dir, recordingsDir), r.Key, id)
	for _, f := range found {
		proof.Recordings = append(proof.Recordings, api.RecordingFinding{ID: f.ID, State: f.State, Text: f.Text})
	}
	return proof, err
}

// firstBroken returns what is wrong with the first that does not hold.
func firstBroken(p api.RecordingProof) string {
	for _, f := range p.Recordings {
		if f.State == archive.Damaged {
			return f.Text
		}
	}
	return p.Broken
}

// inWords says how many recordings hold.
func inWords(p api.RecordingProof) string {
	count := map[string]int{}
	for _, f := range p.Recordings {
		count[f.State]++
	}
	if len(p.Recordings) == 0 {
		return ""
	}
	return fmt.Sprintf("%d whole, %d open, %d removed", count[archive.Whole], count[archive.Going], count[archive.Gone])
}

// verifyRecordings checks twice where something does not hold: a recording may
// have begun, or been removed, while the files were looked at.
func (s *Server) verifyRecordings(ctx context.Context, id string) (api.RecordingProof, error) {
	r := Record{s.store, s.auditor.PublicKey(), s.Config.DataDir}
	first, err := VerifyRecordings(ctx, r, id)
	if err != nil || firstBroken(first) == "" {
		return first, err
	}
	again, err := VerifyRecordings(ctx, r, id)
	again.Recordings = slices.DeleteFunc(again.Recordings, func(f api.RecordingFinding) bool {
		return f.State == archive.Damaged && !slices.ContainsFunc(first.Recordings, func(o api.RecordingFinding) bool {
			return o.ID == f.ID && o.State == archive.Damaged
		})
	})
	return again, err
}
