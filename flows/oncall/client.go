package oncall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sesame/flows/access"
)

const (
	maxBody    = 1 << 20
	maxBackoff = 5 * time.Minute
)

// A Remote is how a service is reached.
type Remote struct {
	// URL is where it is: https, or http on this machine's loopback. Required.
	URL string
	// Token returns the secret that the service asks for. Optional. It is
	// read for each question, so that a new one holds at once.
	Token func() (string, error)
	// Transport is for tests. Optional.
	Transport http.RoundTripper
}

// check returns what is wrong with the address.
func (r Remote) check() error {
	u, err := url.Parse(r.URL)
	if err != nil {
		return errors.New("the address cannot be read")
	}
	loopback := u.Hostname() == "127.0.0.1" || u.Hostname() == "::1" || u.Hostname() == "localhost"
	if u.Host == "" || u.Scheme != "https" && !(u.Scheme == "http" && loopback) || u.User != nil {
		return fmt.Errorf("the address of %s is to begin with https:// and to hold no password", u.Host)
	}
	return nil
}

// A throttled is a service that asks to be left alone.
type throttled struct{ after time.Duration }

func (t *throttled) Error() string {
	return fmt.Sprintf("it is asked too often, and wants no question for %v", t.after)
}

// retryAfter returns how long a service wants no question.
func retryAfter(err error) time.Duration {
	if t, ok := errors.AsType[*throttled](err); ok {
		return t.after
	}
	return 0
}

// get asks for JSON. header is what the service wants besides, with the token
// put in by auth.
func (r Remote) get(ctx context.Context, query string, auth func(h http.Header, token string), into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, r.URL+query, nil)
	if err != nil {
		return errors.New("the address cannot be read")
	}
	if r.Token != nil {
		token, err := r.Token()
		if err != nil {
			return fmt.Errorf("its token cannot be read: %w", err)
		}
		auth(req.Header, token)
	}
	client := http.Client{Transport: r.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return plainError(err)
	}
	defer resp.Body.Close()
	if err := status(resp); err != nil {
		return err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return plainError(err)
	case len(body) > maxBody:
		return fmt.Errorf("the answer is longer than %d bytes", maxBody)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("the answer is not what was expected: it is no such JSON")
	}
	return nil
}

// plainError leaves out the address, which may hold what is nobody's business.
func plainError(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func status(resp *http.Response) error {
	switch {
	case resp.StatusCode == http.StatusOK:
		return nil
	case resp.StatusCode == http.StatusTooManyRequests:
		return &throttled{backoff(resp.Header)}
	case resp.StatusCode == http.StatusNotFound:
		return fmt.Errorf("it answered %s: %w", resp.Status, access.ErrNotFound)
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return fmt.Errorf("it does not take the token (%s)", resp.Status)
	}
	return fmt.Errorf("it answered %s", resp.Status)
}

// backoff returns how long a service asks to wait, within reason.
func backoff(h http.Header) time.Duration {
	for _, name := range []string{"Retry-After", "Ratelimit-Reset"} {
		if s, err := strconv.Atoi(h.Get(name)); err == nil && s > 0 {
			return min(time.Duration(min(s, 1<<20))*time.Second, maxBackoff)
		}
	}
	return 10 * time.Second
}
