package identitycenter_test

import (
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const (
	instance   = "arn:aws:sso:::instance/ssoins-1234567890abcdef"
	management = "111111111111"
	payments   = "222222222222"
	billing    = "333333333333"
)

// A rig is a Center in front of the stand-in, on a clock that stands still.
type rig struct {
	*testing.T
	w      *awstest.World
	clock  *clock.Movable
	center *identitycenter.Center
	alice  access.Principal
	set    string

	mu    sync.Mutex // guards calls
	calls []identitycenter.Call
}

// config is what opens the Center: no limit of its own, and the keys of a user
// of the management account in the environment.
func (r *rig) config() identitycenter.Config {
	return identitycenter.Config{
		Region: "us-east-1", InstanceARN: instance, Endpoint: r.w.URL(), AllowCustomEndpoints: true,
		CallsPerSecond: -1, Clock: r.clock, OnCall: r.record,
	}
}

func (r *rig) record(c identitycenter.Call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls = append(r.calls, c)
}

// took returns how often operation was called since the last take, and forgets.
func (r *rig) took(operation string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	r.calls = slices.DeleteFunc(r.calls, func(c identitycenter.Call) bool {
		if c.Operation == operation {
			n++
		}
		return c.Operation == operation
	})
	return n
}

// hideAWS hides the machine's own AWS configuration.
func hideAWS(t *testing.T) {
	for _, name := range []string{"AWS_PROFILE", "AWS_CA_BUNDLE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "credentials"))
}

// newWorld starts the stand-in.
func newWorld(t *testing.T) *rig {
	t.Helper()
	hideAWS(t)
	r := &rig{T: t, clock: clock.Frozen(noon)}
	r.w = awstest.New(awstest.Config{Clock: r.clock, Settings: awstest.Settings{Rate: -1}})
	if err := r.w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.w.Close)
	r.people()
	return r
}

// people fills the stand-in, and puts a key to it into the environment.
func (r *rig) people() {
	r.w.AddAccount(awstest.Account{ID: payments})
	r.w.AddAccount(awstest.Account{ID: billing})
	r.set = r.w.AddPermissionSet(awstest.PermissionSet{Name: "ReadOnly", Session: 2 * time.Hour})
	r.alice = r.user(awstest.User{UserName: "alice", Email: "alice@example.com"})
	r.useKey(r.w.AddKey(management, "sesame"))
}

func (r *rig) useKey(k awstest.Key) {
	r.Setenv("AWS_ACCESS_KEY_ID", k.ID)
	r.Setenv("AWS_SECRET_ACCESS_KEY", k.Secret)
}

func newRig(t *testing.T, edit ...func(*identitycenter.Config)) *rig {
	t.Helper()
	r := newWorld(t)
	c := r.config()
	for _, f := range edit {
		f(&c)
	}
	var err error
	if r.center, err = identitycenter.Open(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	r.calls = nil
	return r
}

func (r *rig) user(u awstest.User) access.Principal {
	r.Helper()
	id, err := r.w.AddUser(u)
	if err != nil {
		r.Fatal(err)
	}
	return access.Principal(id)
}

func (r *rig) assignment(account string) identitycenter.Assignment {
	return identitycenter.Assignment{Account: account, PermissionSet: r.set, User: r.alice}
}

// must fails the test unless err is nil.
func must[T any](v T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
