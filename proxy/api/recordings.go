package api

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	"sesame/flows/access"
)

// A Recording is what is known of the recording of a session.
type Recording struct {
	ID    string `json:"id"`
	Kind  string `json:"kind"`  // "shell", "command", "ecs", "port" or "ssh"
	State string `json:"state"` // "open", "ended" or "removed"

	Grant    string `json:"grant"`
	Request  string `json:"request"`
	Person   string `json:"person"`
	Name     string `json:"name,omitempty"`
	Target   string `json:"target"`
	Instance string `json:"instance,omitempty"`
	Document string `json:"document,omitempty"`
	Command  string `json:"command,omitempty"`
	Session  string `json:"session,omitempty"` // AWS's id
	Region   string `json:"region,omitempty"`

	Began   time.Time `json:"began"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	Why     string    `json:"why,omitempty"`
	Exit    *int      `json:"exit,omitempty"`

	// Only says why nothing that passed is kept; empty where it is.
	Only   string `json:"metadata_only,omitempty"`
	Shown  int64  `json:"shown"`            // bytes; -1 if not known
	Typed  int64  `json:"typed"`            // bytes; -1 if not known
	Hidden int    `json:"hidden,omitempty"` // how often something was typed that was not shown, and is not kept
	Sealed int64  `json:"sealed,omitempty"` // bytes that nobody here could open
	Lost   int64  `json:"lost,omitempty"`   // messages
	Odd    int    `json:"odd,omitempty"`    // messages
	Torn   int64  `json:"torn,omitempty"`   // bytes that a crash left unfinished
	Size   int64  `json:"size"`             // bytes that the recording takes
	Digest string `json:"digest,omitempty"` // of the manifest, once it ended

	RemovedAt time.Time `json:"removed_at,omitzero"`
	Rule      string    `json:"rule,omitempty"` // by which it was removed
}

// The states of a Recording.
const (
	RecordingOpen    = "open"
	RecordingEnded   = "ended"
	RecordingRemoved = "removed"
)

// A RecordingQuery says which recordings are meant.
type RecordingQuery struct {
	ID                    string // this one alone
	Grant, Person, Target string // of this alone
	Open                  bool   // only sessions that go on
	After                 string // Next of the page before
	Limit                 int
}

// RecordingPage is a part of a listing, newest first.
type RecordingPage struct {
	Recordings []Recording `json:"recordings"`
	Next       string      `json:"next,omitempty"` // empty on the last one
}

// A Viewing asks to look at a recording.
type Viewing struct {
	// Look is "play", "export", "watch" or "keystrokes".
	Look   string `json:"look"`
	Reason string `json:"reason,omitempty"` // required for keystrokes
}

// The looks.
const (
	LookPlay       = "play"
	LookExport     = "export"
	LookWatch      = "watch"
	LookKeystrokes = "keystrokes"
)

// A View lets somebody look at a recording for a while. That they do is in the
// record.
type View struct {
	ID        string    `json:"id"`
	Recording Recording `json:"recording"`
}

// A ReadQuery says which part of a recording is meant.
type ReadQuery struct {
	// Segment and Offset are where the part before ended.
	Segment uint64
	Offset  int64
	// At begins at a moment since the session began, and Back leads up to it
	// with so many bytes.
	At   time.Duration
	Back int64
	// Live waits for what is shown next, Offset being where it goes on; below
	// zero it begins with the latest.
	Live bool
}

// A Part is lines of an asciicast, version 3.
type Part struct {
	Text string `json:"text"`
	// From is how many milliseconds after the beginning the first interval
	// counts from.
	From    int64  `json:"from"`
	Segment uint64 `json:"segment"`
	Offset  int64  `json:"offset"`
	// Skipped is how many bytes came before Text that are not in it.
	Skipped int64 `json:"skipped,omitempty"`
	Over    bool  `json:"over"` // there is no more
}

// A RecordingSearch says what is searched for in what was shown.
type RecordingSearch struct {
	Text       string    `json:"text"`
	Pattern    bool      `json:"pattern,omitempty"` // Text is a regular expression
	IgnoreCase bool      `json:"ignore_case,omitempty"`
	Recording  string    `json:"recording,omitempty"` // in this one alone
	Grant      string    `json:"grant,omitempty"`
	Person     string    `json:"person,omitempty"`
	Target     string    `json:"target,omitempty"`
	Since      time.Time `json:"since,omitzero"`
	Limit      int       `json:"limit,omitempty"` // of hits; default 100
}

// RecordingHits are what was found.
type RecordingHits struct {
	Hits     []RecordingHit `json:"hits"`
	Searched int            `json:"searched"` // recordings
	More     bool           `json:"more,omitempty"`
	Unread   string         `json:"unread,omitempty"` // what could not be read
}

// A RecordingHit is a row in which something was found.
type RecordingHit struct {
	Recording string    `json:"recording"`
	Target    string    `json:"target"`
	Name      string    `json:"name"`  // of the holder
	After     int64     `json:"after"` // milliseconds since the session began
	At        time.Time `json:"at"`
	Row       string    `json:"row"`
}

// RecordingProof is what a check of recordings found.
type RecordingProof struct {
	Recordings []RecordingFinding `json:"recordings"`
	// Broken says what is wrong with the record that says what there has to be;
	// empty if it holds.
	Broken string `json:"broken,omitempty"`
}

// A RecordingFinding is what was found out about one recording.
type RecordingFinding struct {
	ID    string `json:"id"`
	State string `json:"state"` // "whole", "open", "removed" or "broken"
	Text  string `json:"text,omitempty"`
}

// Recordings are what is kept of sessions. Each method asks whether whoever
// calls may. They are safe for concurrent use.
type Recordings interface {
	List(ctx context.Context, from access.Account, q RecordingQuery) (RecordingPage, error)
	Search(ctx context.Context, from access.Account, s RecordingSearch) (RecordingHits, error)
	// View records that somebody is about to look at a recording.
	View(ctx context.Context, from access.Account, id string, v Viewing) (View, error)
	Read(ctx context.Context, from access.Account, view string, q ReadQuery) (Part, error)
}

// errNoRecordings refuses where there are none.
var errNoRecordings = &access.Refusal{Code: access.RefusedUnknown, Text: "This server records no sessions, because no proxy is configured: ask its operators."}

const (
	// pollFor is how long whoever watches waits for something to be shown.
	pollFor = 15 * time.Second
	// maxWatching is how many wait at a time, so that others are answered.
	maxWatching = 64
)

// A visitor is somebody who calls, and what with.
type visitor struct {
	*http.Request
	from access.Account
	body []byte
}

// A library answers calls about recordings, of whoever they come from.
type library struct {
	of       Recordings
	watching chan struct{}
}

func newLibrary(of Recordings) library { return library{of, make(chan struct{}, maxWatching)} }

// routes are the calls about recordings.
func (l library) routes() map[string]func(visitor) (any, error) {
	all := map[string]func(visitor) (any, error){
		"GET /v1/recordings": l.list, "GET /v1/recordings/{id}": l.show, "POST /v1/recordings/{id}/views": l.view,
		"POST /v1/recordings/search": l.search, "GET /v1/views/{view}": l.read,
	}
	for pattern, h := range all {
		all[pattern] = func(v visitor) (any, error) {
			if l.of == nil {
				return nil, errNoRecordings
			}
			return h(v)
		}
	}
	return all
}

func (l library) list(v visitor) (any, error) {
	limit, err := number(v.Request, "limit", 50)
	if err != nil {
		return nil, err
	}
	return l.of.List(v.Context(), v.from, RecordingQuery{
		Grant: v.FormValue("grant"), Person: v.FormValue("person"), Target: v.FormValue("target"),
		Open: v.FormValue("open") == "true", After: v.FormValue("after"), Limit: int(limit),
	})
}

func (l library) show(v visitor) (any, error) {
	page, err := l.of.List(v.Context(), v.from, RecordingQuery{ID: v.PathValue("id"), Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(page.Recordings) != 1 {
		return nil, access.ErrNotFound
	}
	return page.Recordings[0], nil
}

func (l library) search(v visitor) (any, error) {
	s, err := decode[RecordingSearch](v.body)
	if err != nil {
		return nil, err
	}
	return l.of.Search(v.Context(), v.from, s)
}

func (l library) view(v visitor) (any, error) {
	asked, err := decode[Viewing](v.body)
	if err != nil {
		return nil, err
	}
	return l.of.View(v.Context(), v.from, v.PathValue("id"), asked)
}

func (l library) read(v visitor) (any, error) {
	q, err := readQuery(v.Request)
	if err != nil {
		return nil, err
	}
	ctx := v.Context()
	if q.Live {
		select {
		case l.watching <- struct{}{}:
			defer func() { <-l.watching }()
		default:
			return nil, &access.Refusal{Code: access.RefusedTooMany, Text: "Too many people watch sessions at the moment: try again in a minute."}
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, pollFor)
		defer cancel()
	}
	return l.of.Read(ctx, v.from, v.PathValue("view"), q)
}

func readQuery(r *http.Request) (q ReadQuery, err error) {
	whole := func(name string) (n int64) {
		text := r.FormValue(name)
		if text == "" || err != nil {
			return 0
		}
		if n, err = strconv.ParseInt(text, 10, 64); err != nil {
			err = errUnreadable
		}
		return n
	}
	q = ReadQuery{Segment: uint64(max(0, whole("segment"))), Offset: whole("offset"), Back: whole("back"), Live: r.FormValue("live") == "true"}
	q.At = time.Duration(min(max(0, whole("at")), maxAt)) * time.Millisecond
	return q, err
}

// maxAt is more milliseconds than a session lasts.
const maxAt = 1 << 40

// visited has a call about recordings answered for whoever the operator recorded
// for the user who calls.
func (s *Server) visited(h func(visitor) (any, error)) handler {
	return func(r *http.Request) (any, error) {
		from, err := s.person(r)
		if err != nil {
			return nil, err
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, errUnreadable
		}
		return h(visitor{r, from, body})
	}
}

func (s *Server) verifyRecordings(r *http.Request) (any, error) {
	return s.VerifyRecordings(r.Context(), r.FormValue("id"))
}

// visited has a call about recordings answered for whoever is signed in.
func (s *Remote) visited(h func(visitor) (any, error)) func(context.Context, caller) (any, error) {
	return func(ctx context.Context, c caller) (any, error) {
		return h(visitor{c.Request.WithContext(ctx), c.login.Account, c.body})
	}
}
