package sink_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/ledger"
	"sesame/flows/sink"
	"sesame/store/memory"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const token = "s3cr3t-of-the-sink"

// A service takes messages as a sink does, or does not.
type service struct {
	*httptest.Server
	mu     sync.Mutex // guards what follows
	status []int      // of the next answers; then 204
	got    []string   // bodies
	keys   []string
	auth   []string
	seen   func()
}

func newService(t *testing.T, status ...int) *service {
	s := &service{status: status, seen: func() {}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got, s.keys, s.auth = append(s.got, string(body)), append(s.keys, r.Header.Get("Idempotency-Key")), append(s.auth, r.Header.Get("Authorization"))
	status := http.StatusNoContent
	if len(s.status) > 0 {
		status, s.status = s.status[0], s.status[1:]
	}
	if status == http.StatusFound {
		w.Header().Set("Location", "/elsewhere")
	}
	w.WriteHeader(status)
	s.seen()
}

func (s *service) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.got)
}

// A rig is a Teller between a store and services.
type rig struct {
	t     *testing.T
	clk   *clock.Movable
	store *memory.Store
	log   buffer
	stop  func()
	tell  *sink.Teller
	fail  func() error // to record an acknowledgement
	// changed says that something was posted or recorded.
	changed chan struct{}
}

func (r *rig) change() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

type buffer struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, clk: clock.Frozen(noon), store: memory.New(), stop: func() {}, changed: make(chan struct{}, 1)}
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *rig) run(services map[string]*service) {
	var sinks []*sink.Sink
	for name, s := range services {
		s.seen = r.change
		sinks = append(sinks, sink.New(sink.Config{Name: name, URL: s.URL + "/take?key=" + token, Token: func() string { return token }}))
	}
	r.tell = sink.NewTeller(sink.Work{Store: r.store, Sinks: sinks, Announced: r.announced, Clock: r.clk, Log: zerolog.New(&r.log)})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := r.tell.Run(ctx); err != nil {
			r.t.Error(err)
		}
	})
	r.stop = func() {
		cancel()
		running.Wait()
		r.stop = func() {}
	}
}

// announced records an acknowledgement, as the Desk does.
func (r *rig) announced(ctx context.Context, id access.RequestID, where string) error {
	defer r.change()
	if r.fail != nil {
		if err := r.fail(); err != nil {
			return err
		}
	}
	return ledger.Retry(func() error {
		q, v, err := access.Load[access.Request](ctx, r.store, access.Request{ID: id}.Key())
		if err != nil {
			return err
		}
		if q, err = q.Announced(where, r.clk.Now()); err != nil {
			return err
		}
		b := ledger.NewBatch(r.clk.Now())
		b.Put(q, v)
		_, err = b.Commit(ctx, r.store)
		return err
	})
}

func (r *rig) breaks(id access.RequestID) {
	r.t.Helper()
	b := ledger.NewBatch(r.clk.Now())
	b.Put(access.Request{
		ID: id, State: access.Approved, BreakGlass: true, Incident: "INC-1", Reason: "the disk is full", Duration: time.Hour, AskedAt: noon,
		By:      access.Person{ID: "p-alice", Name: "Alice", Email: "alice@example.com", Account: access.Account{Workspace: "T1", User: "U1"}},
		Target:  access.Target{Name: "ec2-frontend", Label: "EC2 front end"},
		Verdict: access.Verdict{Route: access.Route{Name: "emergency", Skipped: []access.Need{{Count: 2, Groups: []string{"leads"}}}}},
		Review:  access.Reviewing{DueAt: noon.Add(24 * time.Hour)},
	}, 0)
	b.Put(access.Grant{ID: id.Grant(), Request: id, State: access.Opening, CloseBy: noon.Add(75 * time.Minute)}, 0)
	if _, err := b.Commit(r.t.Context(), r.store); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) noted(id access.RequestID) []string {
	r.t.Helper()
	q, _, err := access.Load[access.Request](r.t.Context(), r.store, access.Request{ID: id}.Key())
	if err != nil {
		r.t.Fatal(err)
	}
	var where []string
	for _, a := range q.Announcements {
		where = append(where, a.Where)
	}
	slices.Sort(where)
	return where
}

// until drives the clock until what is waited for is so.
func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	for range 5000 {
		if ok() {
			return
		}
		// What goes over HTTP takes real time, and says when it is done.
		ctx, cancel := context.WithTimeout(r.t.Context(), 2*time.Millisecond)
		select {
		case <-r.changed:
		case <-ctx.Done():
			r.clk.Advance(time.Second / 2)
		}
		cancel()
	}
	r.t.Fatalf("never: %s", what)
}

func TestBrokenGlassIsToldToEverySinkUntilItIsAcknowledged(t *testing.T) {
	r := newRig(t)
	siem, pager := newService(t, 500, http.StatusFound, 429), newService(t)
	r.run(map[string]*service{"siem": siem, "pager": pager})
	r.breaks("r-0123456789")
	r.until("both took note", func() bool { return len(r.noted("r-0123456789")) == 2 })
	if diff := cmp.Diff([]string{"sink pager", "sink siem"}, r.noted("r-0123456789")); diff != "" {
		t.Errorf("noted (-want +got):\n%s", diff)
	}
	if n := len(siem.received()); n != 4 {
		t.Errorf("a sink that refused three times was asked %d times", n)
	}
	if n := len(pager.received()); n != 1 {
		t.Errorf("a sink that acknowledged was asked %d times", n)
	}
	siem.mu.Lock()
	defer siem.mu.Unlock()
	for i, key := range siem.keys {
		if key != "glass/r-0123456789" || siem.auth[i] != "Bearer "+token {
			t.Errorf("key %q, authorization of %d characters", key, len(siem.auth[i]))
		}
	}
	if strings.Contains(r.log.String(), token) || strings.Contains(r.log.String(), "127.0.0.1") {
		t.Errorf("the log has what is secret:\n%s", r.log.String())
	}
	if !strings.Contains(r.log.String(), "it answered with status 302") {
		t.Errorf("the log lacks why:\n%s", r.log.String())
	}
}

func TestTheBodyIsAsDocumented(t *testing.T) {
	r := newRig(t)
	s := newService(t)
	r.run(map[string]*service{"siem": s})
	r.breaks("r-0123456789")
	r.until("it took note", func() bool { return len(s.received()) == 1 })
	var got map[string]any
	if err := json.Unmarshal([]byte(s.received()[0]), &got); err != nil {
		t.Fatal(err)
	}
	delete(got, "at")
	want := map[string]any{"version": 1.0, "kind": "break_glass", "break_glass": map[string]any{
		"request": "r-0123456789", "target": "ec2-frontend", "label": "EC2 front end",
		"by":       map[string]any{"id": "p-alice", "name": "Alice", "email": "alice@example.com", "account": "T1/U1"},
		"duration": "1h0m0s", "until": "2026-11-20T13:15:00Z", "incident": "INC-1", "reason": "the disk is full",
		"route": "emergency", "skipped": "2 of leads", "asked_at": "2026-11-20T12:00:00Z", "review_by": "2026-11-21T12:00:00Z",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestAnAcknowledgementThatWasNotRecordedIsAskedForAgain(t *testing.T) {
	r := newRig(t)
	s := newService(t)
	var mu sync.Mutex
	failures := 2
	r.fail = func() error {
		mu.Lock()
		defer mu.Unlock()
		if failures--; failures >= 0 {
			return errors.New("the disk is full")
		}
		return nil
	}
	r.run(map[string]*service{"siem": s})
	r.breaks("r-0123456789")
	r.until("it is recorded", func() bool { return len(r.noted("r-0123456789")) == 1 })
	if n := len(s.received()); n != 3 {
		t.Errorf("asked %d times, want once more for each time that nothing was recorded", n)
	}
}

func TestARestartTellsWhatWasNotAcknowledged(t *testing.T) {
	r := newRig(t)
	down := newService(t)
	down.Close()
	r.run(map[string]*service{"siem": down})
	r.breaks("r-0123456789")
	r.until("a try failed", func() bool { return strings.Contains(r.log.String(), "announce broken glass later") })
	r.stop()
	up := newService(t)
	r.run(map[string]*service{"siem": up})
	r.until("it took note", func() bool { return len(r.noted("r-0123456789")) == 1 })
	r.stop()
	r.run(map[string]*service{"siem": up})
	r.breaks("r-9876543210")
	r.until("the second is noted", func() bool { return len(r.noted("r-9876543210")) == 1 })
	if n := len(up.received()); n != 2 {
		t.Errorf("%d messages, want one for each", n)
	}
}

func TestTheLatestCheckpointIsSentAndHoldsUpNoGlass(t *testing.T) {
	r := newRig(t)
	s := newService(t)
	r.run(map[string]*service{"siem": s})
	send := func(n uint64) {
		t.Helper()
		if err := r.tell.Checkpoint(n, map[string]uint64{"number": n}); err != nil {
			t.Fatal(err)
		}
	}
	send(1)
	r.until("it has the checkpoint", func() bool { return len(s.received()) == 1 })
	s.mu.Lock()
	s.status = []int{500, 500, 500}
	s.mu.Unlock()
	for n := range uint64(5) {
		send(n + 2)
	}
	r.breaks("r-0123456789")
	r.until("it took note, and has the latest", func() bool {
		latest := slices.ContainsFunc(s.received(), func(body string) bool { return strings.Contains(body, `"checkpoint":{"number":6}`) })
		return len(r.noted("r-0123456789")) == 1 && latest
	})
}

func TestWithoutSinksThereIsNothingToDo(t *testing.T) {
	r := newRig(t)
	r.run(nil)
	r.breaks("r-0123456789")
	if err := r.tell.Checkpoint(1, 1); err != nil {
		t.Error(err)
	}
	r.stop()
	if got := r.noted("r-0123456789"); len(got) != 0 {
		t.Errorf("noted by %v", got)
	}
}
