// Package oncalltest is a stand-in for on-call services over HTTP: PagerDuty's
// GET /oncalls and its neighbours, and any service in the shape of package oncall under /on-call.
//
// It is strict: a request without the token, the version or the filter that
// the service asks for is refused. Each fault is set explicitly. It shares no
// code with what it checks.
package oncalltest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sesame/flows/clock"
)

// Token is what the stand-in asks for.
const Token = "stand-in-token"

// A Shift is somebody on call.
type Shift struct {
	Email    string
	Schedule string // id; empty for a person who stands in the policy itself
	Policy   string // id
	Level    int    // of the policy
	Start    time.Time
	End      time.Time // zero for ever
}

// A Fault is how the service misbehaves.
type Fault string

// The faults.
const (
	None     Fault = ""
	Hangs    Fault = "hangs"     // answers nothing until the caller gives up
	Throttle Fault = "throttles" // 429, and wants no question for a minute
	Lies     Fault = "lies"      // answers about something else than was asked for
	Stale    Fault = "stale"     // answers what was true ten minutes ago
	Future   Fault = "future"    // answers what will be true in ten minutes
	Garbage  Fault = "garbage"   // answers a page of HTML with the status 200
	Empty    Fault = "empty"     // answers {}
	Huge     Fault = "huge"      // answers without end
	Redirect Fault = "redirects" // sends callers elsewhere, with their token
	Down     Fault = "down"      // 503
	Forever  Fault = "forever"   // always says that there is more
)

// A Service is the stand-in without a network.
type Service struct {
	mux   *http.ServeMux
	clock clock.Clock

	mu       sync.Mutex // guards what follows
	shifts   []Shift
	fault    Fault
	pageSize int
	asked    int
	leaked   bool
}

// NewService returns a stand-in whose time is c's.
func NewService(c clock.Clock) *Service {
	s := &Service{mux: http.NewServeMux(), clock: c, pageSize: 100}
	s.mux.HandleFunc("GET /oncalls", s.pagerDuty)
	s.mux.HandleFunc("GET /schedules/{id}", s.schedule)
	s.mux.HandleFunc("GET /escalation_policies/{id}", s.policy)
	s.mux.HandleFunc("GET /on-call", s.service)
	s.mux.HandleFunc("/elsewhere", s.elsewhere)
	return s
}

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// RoundTrip implements http.RoundTripper: it answers every request itself,
// whatever host it is for. A fault without end needs a network.
func (s *Service) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if err := context.Cause(r.Context()); err != nil {
		return nil, err
	}
	return w.Result(), nil
}

// A Server is the stand-in on the loopback.
type Server struct {
	*Service
	// URL is where it is.
	URL  string
	http *httptest.Server
}

// New returns a running stand-in whose time is c's. Close stops it.
func New(c clock.Clock) *Server {
	s := NewService(c)
	web := httptest.NewServer(s)
	return &Server{Service: s, URL: web.URL, http: web}
}

// Close stops the server.
func (s *Server) Close() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// RoundTrip implements http.RoundTripper: it takes every request to the stand-in
// over the network, whatever host it is for.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = "http", s.http.Listener.Addr().String(), ""
	return s.http.Client().Transport.RoundTrip(r)
}

// Put replaces the shifts.
func (s *Service) Put(shifts ...Shift) { s.set(func() { s.shifts = shifts }) }

// Misbehave sets the fault.
func (s *Service) Misbehave(f Fault) { s.set(func() { s.fault = f }) }

// PageSize sets how many shifts a page has at most.
func (s *Service) PageSize(n int) { s.set(func() { s.pageSize = n }) }

func (s *Service) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Asked returns how many questions there were.
func (s *Service) Asked() (n int) {
	s.set(func() { n = s.asked })
	return n
}

// Leaked reports whether a token reached where a redirect led.
func (s *Service) Leaked() (leaked bool) {
	s.set(func() { leaked = s.leaked })
	return leaked
}

func (s *Service) elsewhere(_ http.ResponseWriter, r *http.Request) {
	s.set(func() { s.leaked = r.Header.Get("Authorization") != "" })
}

// misbehaved carries out a fault that does not hang on the service, and
// returns the one that does.
func (s *Service) misbehaved(w http.ResponseWriter, r *http.Request) (Fault, bool) {
	var fault Fault
	s.set(func() {
		s.asked++
		fault = s.fault
	})
	switch fault {
	case Hangs:
		<-r.Context().Done()
	case Throttle:
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	case Garbage:
		fmt.Fprint(w, "<html>Sign in</html>")
	case Empty:
		fmt.Fprint(w, "{}")
	case Huge:
		line := strings.Repeat("x", 1<<16)
		for r.Context().Err() == nil {
			if _, err := fmt.Fprint(w, line); err != nil {
				break
			}
		}
	case Redirect:
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	case Down:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		return fault, false
	}
	return fault, true
}

// pagerDuty answers as PagerDuty does.
func (s *Service) pagerDuty(w http.ResponseWriter, r *http.Request) {
	fault, done := s.misbehaved(w, r)
	if done {
		return
	}
	q := r.URL.Query()
	schedules, policies := q["schedule_ids[]"], q["escalation_policy_ids[]"]
	limit, err := strconv.Atoi(q.Get("limit"))
	offset, err2 := strconv.Atoi(q.Get("offset"))
	switch {
	case r.Header.Get("Authorization") != "Token token="+Token:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case r.Header.Get("Accept") != "application/vnd.pagerduty+json;version=2", err != nil, err2 != nil, limit < 1, limit > 100,
		len(schedules)+len(policies) != 1:
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var found []map[string]any
	s.set(func() {
		for _, shift := range s.shifts {
			if slices.Contains(schedules, shift.Schedule) || slices.Contains(policies, shift.Policy) || fault == Lies {
				found = append(found, shift.pagerDuty(slices.Contains(q["include[]"], "users")))
			}
		}
		limit = min(limit, s.pageSize)
	})
	end := min(offset+limit, len(found))
	answer := map[string]any{"oncalls": append([]map[string]any{}, found[min(offset, end):end]...), "limit": limit, "offset": offset, "more": end < len(found)}
	if fault == Forever {
		answer["oncalls"], answer["more"] = found, true
	}
	reply(w, answer)
}

// pagerDuty returns a shift as PagerDuty shows it. A user who is not included
// is a reference.
func (s Shift) pagerDuty(withUser bool) map[string]any {
	user := map[string]any{"id": "P" + strings.ToUpper(s.Email[:1]), "type": "user_reference"}
	if withUser {
		user["type"], user["email"] = "user", s.Email
	}
	shift := map[string]any{"user": user, "schedule": nil, "escalation_policy": nil, "escalation_level": s.Level, "start": nil, "end": nil}
	if s.Schedule != "" {
		shift["schedule"] = map[string]any{"id": s.Schedule}
	}
	if s.Policy != "" {
		shift["escalation_policy"] = map[string]any{"id": s.Policy}
	}
	if !s.Start.IsZero() {
		shift["start"] = s.Start
	}
	if !s.End.IsZero() {
		shift["end"] = s.End
	}
	return shift
}

// schedule answers whether there is a schedule.
func (s *Service) schedule(w http.ResponseWriter, r *http.Request) {
	s.known(w, r, func(shift Shift) bool { return shift.Schedule == r.PathValue("id") })
}

// policy answers whether there is an escalation policy, with its levels.
func (s *Service) policy(w http.ResponseWriter, r *http.Request) {
	s.known(w, r, func(shift Shift) bool { return shift.Policy == r.PathValue("id") })
}

// known answers with what the shifts that match belong to.
func (s *Service) known(w http.ResponseWriter, r *http.Request, is func(Shift) bool) {
	if _, done := s.misbehaved(w, r); done {
		return
	}
	if r.Header.Get("Authorization") != "Token token="+Token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	levels, found := 0, false
	s.set(func() {
		for _, shift := range s.shifts {
			if is(shift) {
				levels, found = max(levels, shift.Level), true
			}
		}
	})
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	reply(w, map[string]any{"escalation_policy": map[string]any{"escalation_rules": make([]struct{}, levels)}})
}

// service answers in the shape of package oncall.
func (s *Service) service(w http.ResponseWriter, r *http.Request) {
	fault, done := s.misbehaved(w, r)
	if done {
		return
	}
	if r.Header.Get("Authorization") != "Bearer "+Token {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	asOf := s.clock.Now()
	switch fault {
	case Stale:
		asOf = asOf.Add(-10 * time.Minute)
	case Future:
		asOf = asOf.Add(10 * time.Minute)
	}
	on := []map[string]any{}
	s.set(func() {
		for _, shift := range s.shifts {
			entry := map[string]any{"email": shift.Email}
			if fault == Lies {
				entry = map[string]any{"name": shift.Email}
			}
			if !shift.End.IsZero() {
				entry["until"] = shift.End
			}
			on = append(on, entry)
		}
	})
	reply(w, map[string]any{"as_of": asOf, "on_call": on})
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	// The caller may be gone, which is their business.
	_ = json.NewEncoder(w).Encode(v)
}
