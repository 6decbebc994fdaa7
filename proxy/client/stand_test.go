package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A mint makes keys that are good for a quarter of an hour, until it is told not
// to.
type mint struct {
	clock *clock.Movable

	mu   sync.Mutex // guards what follows
	made int
	err  error
}

func (m *mint) key(context.Context) (api.Key, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != nil {
		return api.Key{}, m.err
	}
	m.made++
	return api.Key{ID: fmt.Sprint("SESA", m.made), Secret: "secret", Token: "token", Expires: m.clock.Now().Add(api.KeyLasts)}, nil
}

func (m *mint) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// openStand serves a Stand until the test ends.
func openStand(t *testing.T, at time.Time) (*client.Stand, *mint) {
	t.Helper()
	m := &mint{clock: clock.Frozen(at)}
	s, err := client.OpenStand(m.clock, m.key)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var served sync.WaitGroup
	served.Go(func() {
		if err := s.Serve(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		served.Wait()
	})
	return s, m
}

// provider is the SDK's, as it finds the Stand by its environment.
func provider(s *client.Stand) aws.CredentialsProvider {
	return aws.NewCredentialsCache(endpointcreds.New(s.URL(), func(o *endpointcreds.Options) {
		o.AuthorizationToken = string(s.Token())
		o.Retryer = aws.NopRetryer{}
	}))
}

func TestKeysAreFetchedAgainBeforeTheyEnd(t *testing.T) {
	// The SDK goes by the time of the machine, and so does the first key; those
	// of a clock that is behind are over when it has them.
	s, m := openStand(t, time.Now())
	sdk := provider(s)
	for range 3 {
		if c, err := sdk.Retrieve(t.Context()); err != nil || c.AccessKeyID != "SESA1" || c.SecretAccessKey != "secret" || c.SessionToken != "token" || !c.CanExpire {
			t.Fatalf("%+v, %v", c, err)
		}
	}
	behind, m2 := openStand(t, time.Now().Add(-2*api.KeyLasts))
	sdk = provider(behind)
	for i := range 3 {
		c, err := sdk.Retrieve(t.Context())
		if want := fmt.Sprint("SESA", i+1); err != nil || c.AccessKeyID != want {
			t.Errorf("%+v, %v, want %s", c, err, want)
		}
		m2.clock.Advance(61 * time.Second)
	}
	if m.made != 1 {
		t.Errorf("%d keys were made where one was enough", m.made)
	}
}

func TestOneKeyServesWhoeverAsksWithinAMinute(t *testing.T) {
	s, m := openStand(t, noon)
	for step, want := range []string{"SESA1", "SESA1", "SESA2"} {
		if _, text := fetch(t, s, nil); !strings.Contains(text, `"`+want+`"`) {
			t.Errorf("step %d: %s, want %s", step, text, want)
		}
		m.clock.Advance(40 * time.Second)
	}
}

func TestTheEndIsSaidWhereTheSDKShowsIt(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"access is over":      {&access.Refusal{Code: api.CodeNoAccess, Text: "Your access to ec2 is over: ask again with sesame request ec2."}, "AccessDenied: Your access to ec2 is over: ask again with sesame request ec2."},
		"the server is away":  {fmt.Errorf("%w at https://sesame.example.com: connection refused", client.ErrUnreachable), "the server cannot be reached at https://sesame.example.com"},
		"nobody is signed in": {&access.Refusal{Code: api.CodeSignedOut, Text: "You are not signed in, because this login is over: run sesame login."}, "this login is over: run sesame login."},
	} {
		t.Run(name, func(t *testing.T) {
			s, m := openStand(t, time.Now())
			sdk := provider(s)
			m.fail(c.err)
			if _, err := sdk.Retrieve(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the SDK says %v, want %q", err, c.want)
			}
			m.fail(nil)
			if c, err := sdk.Retrieve(t.Context()); err != nil || c.AccessKeyID != "SESA1" {
				t.Errorf("and once that is over %+v, %v", c, err)
			}
		})
	}
}

// fetch asks a Stand as its clients do, but for what change does to it.
func fetch(t *testing.T, s *client.Stand, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", string(s.Token()))
	if change != nil {
		change(r)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestNobodyElseIsGivenAKey(t *testing.T) {
	s, m := openStand(t, noon)
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
	}{
		"no token":               {func(r *http.Request) { r.Header.Del("Authorization") }, http.StatusForbidden},
		"another token":          {func(r *http.Request) { r.Header.Set("Authorization", strings.Repeat("A", len(s.Token()))) }, http.StatusForbidden},
		"a part of the token":    {func(r *http.Request) { r.Header.Set("Authorization", string(s.Token())[1:]) }, http.StatusForbidden},
		"a name that leads here": {func(r *http.Request) { r.Host = "rebound.example" }, http.StatusNotFound},
		"another path":           {func(r *http.Request) { r.URL.Path = "/" }, http.StatusNotFound},
		"another method":         {func(r *http.Request) { r.Method = http.MethodPost }, http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if status, text := fetch(t, s, c.change); status != c.status || strings.Contains(text, "SESA") || strings.Contains(text, string(s.Token())) {
				t.Errorf("%d %s, want %d", status, text, c.status)
			}
		})
	}
	if m.made != 0 {
		t.Errorf("%d keys were made", m.made)
	}
	if got := fmt.Sprintf("%v %+v %d", s.Token(), s.Token(), s.Token()); strings.Contains(got, string(s.Token())) {
		t.Error("the token prints itself")
	}
}
