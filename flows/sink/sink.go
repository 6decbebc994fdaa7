package sink

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"sesame/flows/access"
)

// DefaultTimeout is how long a sink may take to answer.
const DefaultTimeout = 10 * time.Second

// Config is how a sink is reached.
type Config struct {
	// Name is what people call it. Required.
	Name string
	// URL takes the messages. Required.
	URL string
	// Token is sent along. Optional.
	Token func() string
	// Timeout is for each try. Optional, default DefaultTimeout.
	Timeout time.Duration
	// Transport is for tests. Optional.
	Transport http.RoundTripper
}

// A Sink takes messages over HTTP. Its methods are safe for concurrent use.
type Sink struct {
	Config
	client http.Client
}

// New returns the sink that c describes. Nothing is asked of it yet.
func New(c Config) *Sink {
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	return &Sink{Config: c, client: http.Client{
		Transport: c.Transport, Timeout: c.Timeout,
		// Where a redirect leads was not configured, and gets no token.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// A message is the body of a POST.
type message struct {
	Version    int             `json:"version"`
	Kind       string          `json:"kind"`
	At         time.Time       `json:"at"`
	BreakGlass *brokenGlass    `json:"break_glass,omitempty"`
	Checkpoint json.RawMessage `json:"checkpoint,omitempty"`

	key string // the same for the same message
}

type brokenGlass struct {
	Request  access.RequestID `json:"request"`
	Target   string           `json:"target"`
	Label    string           `json:"label,omitempty"`
	By       person           `json:"by"`
	Duration string           `json:"duration"`
	Until    time.Time        `json:"until,omitzero"`
	Incident string           `json:"incident"`
	Reason   string           `json:"reason"`
	Route    string           `json:"route"`
	Skipped  string           `json:"skipped,omitempty"`
	AskedAt  time.Time        `json:"asked_at"`
	ReviewBy time.Time        `json:"review_by,omitzero"`
}

type person struct {
	ID      access.PersonID `json:"id"`
	Name    string          `json:"name"`
	Email   string          `json:"email,omitempty"`
	Account string          `json:"account,omitempty"`
}

// broken returns the message that somebody broke the glass.
func broken(r access.Request, g access.Grant, now time.Time) message {
	return message{Version: 1, Kind: "break_glass", At: now.UTC(), key: "glass/" + string(r.ID), BreakGlass: &brokenGlass{
		Request: r.ID, Target: r.Target.Name, Label: r.Target.Label,
		By:       person{r.By.ID, r.By.Name, r.By.Email, r.By.Account.String()},
		Duration: r.Duration.String(), Until: g.Until(), Incident: r.Incident, Reason: r.Reason,
		Route: r.Verdict.Route.Name, Skipped: access.Spell(r.Verdict.Route.Skipped), AskedAt: r.AskedAt, ReviewBy: r.Review.DueAt,
	}}
}

// post sends m, and returns nil once the sink has acknowledged it.
func (s *Sink) post(ctx context.Context, m message) error {
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode a message: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("the address cannot be read")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", m.key)
	if s.Token != nil {
		if token := s.Token(); token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return plain(err)
	}
	defer resp.Body.Close()
	// The rest of a short answer lets the connection be used again.
	_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return fmt.Errorf("it answered with status %d", resp.StatusCode)
	}
	return nil
}

// plain leaves out the URL, which may hold what is nobody's business.
func plain(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New("it did not answer in time")
	}
	return err
}
