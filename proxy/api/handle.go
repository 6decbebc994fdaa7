package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"sesame/flows"
	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/login"
)

// A handler answers a call with a value, or with an error that respond maps.
type handler func(r *http.Request) (any, error)

// maxBody is more than any call sends.
const maxBody = 64 << 10

func (s *Server) handle(pattern string, h handler) {
	s.routes.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		v, err := h(r)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.write(w, http.StatusOK, v)
	})
}

// A responder turns what came of a call into an answer.
type responder struct {
	log   zerolog.Logger
	clock clock.Clock // of the server; nil to keep it to itself
	next  *strings.Replacer
}

// TimeHeader is the header of each answer that says what time it is for the
// server, so that commands say rightly in how long something is.
const TimeHeader = "Sesame-Time"

func (s responder) write(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	if s.clock != nil {
		w.Header().Set(TimeHeader, s.clock.Now().UTC().Format(time.RFC3339Nano))
	}
	w.WriteHeader(code)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		s.log.Debug().Err(err).Msg("answer command")
	}
}

// An Error is the body of every answer that is not a success.
type Error struct {
	Code string `json:"code"`
	Text string `json:"text"` // a sentence for people
	// About are the fields that a refusal is about, where it is about some.
	About []string `json:"about,omitempty"`
}

// The codes of errors that are not refusals. A refusal has its own.
const (
	CodeNotFound = "not-found"
	CodeInternal = "internal"
)

func (s responder) fail(w http.ResponseWriter, r *http.Request, err error) {
	code, body := s.status(err)
	if code == http.StatusInternalServerError {
		s.log.Error().Err(err).Str("call", r.Method+" "+r.URL.Path).Msg("command")
	}
	s.write(w, code, body)
}

// status is the only place where an error becomes an HTTP status. Whoever reads
// it is at a terminal.
func (s responder) status(err error) (int, Error) {
	if refusal, ok := errors.AsType[*access.Refusal](err); ok {
		return refused(refusal.Code), Error{string(refusal.Code), s.next.Replace(refusal.Text), slices.Sorted(maps.Keys(refusal.Fields))}
	}
	if errors.Is(err, access.ErrNotFound) {
		return http.StatusNotFound, Error{Code: CodeNotFound, Text: "There is no such record."}
	}
	return http.StatusInternalServerError, Error{Code: CodeInternal, Text: "The server met an error, which its log describes."}
}

func refused(c access.RefusalCode) int {
	switch c {
	case access.RefusedInput:
		return http.StatusBadRequest
	case login.RefusedSignedOut, CodeSignature:
		return http.StatusUnauthorized
	case access.RefusedTooMany:
		return http.StatusTooManyRequests
	case access.RefusedUnknown:
		return http.StatusNotFound
	case access.RefusedDecided, access.RefusedChanged, access.RefusedTwice:
		return http.StatusConflict
	case access.RefusedUnable, access.RefusedClosing:
		return http.StatusServiceUnavailable
	default:
		return http.StatusForbidden
	}
}

func (s *Server) status(r *http.Request) (any, error) { return s.Status(r.Context()) }

func (s *Server) requests(r *http.Request) (any, error) {
	rs, next, err := list[access.Request](s, r, access.IndexRequests, access.IndexPending)
	page := RequestPage{Requests: []Request{}, Next: next}
	for _, q := range rs {
		page.Requests = append(page.Requests, viewRequest(q))
	}
	return page, err
}

func (s *Server) grants(r *http.Request) (any, error) {
	gs, next, err := list[access.Grant](s, r, access.IndexGrants, access.IndexLive)
	if err != nil {
		return nil, err
	}
	page := GrantPage{Grants: []Grant{}, Next: next}
	for _, g := range gs {
		v, err := s.viewGrant(r, g)
		if err != nil {
			return nil, err
		}
		page.Grants = append(page.Grants, v)
	}
	return page, nil
}

// list returns one page, newest first: of everything, or of what has not
// ended.
func list[T any](s *Server, r *http.Request, all, open string) ([]T, string, error) {
	limit, err := number(r, "limit", 50)
	if err != nil {
		return nil, "", err
	}
	q := access.Query{Index: all, Descending: true, After: r.FormValue("after"), Limit: int(limit)}
	if r.FormValue("open") == "true" {
		q.Index = open
	}
	page, err := s.Store.List(r.Context(), q)
	if err != nil {
		return nil, "", err
	}
	var found []T
	for _, rec := range page.Records {
		v, err := access.Decode[T](rec)
		if err != nil {
			return nil, "", err
		}
		found = append(found, v)
	}
	return found, page.Next, nil
}

// number returns a number of the query, which is at most 1000.
func number(r *http.Request, name string, otherwise uint64) (uint64, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || name == "limit" && (n < 1 || n > 1000) {
		return 0, &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("%q is no %s: give a whole number, of records at most 1000.", text, name)}
	}
	return n, nil
}

func (s *Server) request(r *http.Request) (any, error) {
	id := access.RequestID(r.PathValue("id"))
	q, _, err := access.Load[access.Request](r.Context(), s.Store, access.Request{ID: id}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return nil, unknown("request", string(id))
	} else if err != nil {
		return nil, err
	}
	story := Story{Request: viewRequest(q)}
	about := id.Grant()
	if q.Extends != "" {
		about = q.Extends
	}
	g, _, err := access.Load[access.Grant](r.Context(), s.Store, access.Grant{ID: about}.Key())
	if err == nil {
		v := viewGrant(g, q.By)
		story.Grant = &v
	} else if !errors.Is(err, access.ErrNotFound) {
		return nil, err
	}
	story.Events, err = s.Store.Stream(r.Context(), id, 1, maxEvents)
	return story, err
}

// stream returns the events of one request: of one that was refused, there is
// nothing else.
func (s *Server) stream(r *http.Request) (any, error) {
	id := r.PathValue("id")
	events, err := s.Store.Stream(r.Context(), access.RequestID(id), 1, maxEvents)
	if err == nil && len(events) == 0 {
		err = unknown("request", id)
	}
	return EventPage{Events: events}, err
}

// maxEvents is more than one request comes to.
const maxEvents = 1000

func (s *Server) grant(r *http.Request) (any, error) {
	id := access.GrantID(r.PathValue("id"))
	g, _, err := access.Load[access.Grant](r.Context(), s.Store, access.Grant{ID: id}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return nil, unknown("grant", string(id))
	} else if err != nil {
		return nil, err
	}
	return s.viewGrant(r, g)
}

func unknown(what, id string) error {
	return &access.Refusal{
		Code: access.RefusedUnknown,
		Text: fmt.Sprintf("There is no %s %q: sesame %ss list shows what there is.", what, id, what),
	}
}

// viewGrant adds the holder, whom the request names.
func (s *Server) viewGrant(r *http.Request, g access.Grant) (Grant, error) {
	q, _, err := access.Load[access.Request](r.Context(), s.Store, access.Request{ID: g.Request}.Key())
	if errors.Is(err, access.ErrNotFound) {
		return viewGrant(g, access.Person{ID: g.Holder}), nil
	}
	return viewGrant(g, q.By), err
}

func (s *Server) end(r *http.Request) (any, error) {
	who, err := s.person(r)
	if err != nil {
		return nil, err
	}
	g, err := s.Desk.End(r.Context(), flows.Ending{From: who, Grant: access.GrantID(r.PathValue("id")), Source: access.FromCLI})
	if err != nil {
		return nil, err
	}
	v, err := s.viewGrant(r, g)
	return Ended{v}, err
}

// person returns who is calling, as the operator recorded them.
func (s *Server) person(r *http.Request) (access.Account, error) {
	id, err := uid(r.Context())
	if err != nil {
		return access.Account{}, err
	}
	who, ok := s.Person(id)
	if !ok {
		return access.Account{}, &access.Refusal{
			Code: access.RefusedStranger,
			Text: fmt.Sprintf("Nobody is recorded for user %d of this machine, so this would be done by no one: add them under operators in sesame.yaml.", id),
		}
	}
	return who, nil
}

func (s *Server) events(r *http.Request) (any, error) {
	from, err := number(r, "from", 1)
	if err != nil {
		return nil, err
	}
	limit, err := number(r, "limit", 500)
	if err != nil {
		return nil, err
	}
	events, err := s.Store.Log(r.Context(), from, int(limit))
	if err != nil {
		return nil, err
	}
	page := EventPage{Events: events}
	if len(events) == int(limit) {
		page.Next = events[len(events)-1].Pos + 1
	}
	return page, nil
}

func (s *Server) verify(r *http.Request) (any, error) {
	return s.Verify(r.Context(), r.FormValue("head"))
}

// backup streams the store. Once the first byte is sent, a failure can only be
// told by breaking the stream off, which the client sees as an unexpected end.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/octet-stream")
	if err := s.Backup(r.Context(), w); err != nil {
		s.Log.Error().Err(err).Msg("backup")
		panic(http.ErrAbortHandler)
	}
}
