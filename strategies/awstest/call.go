package awstest

import "time"

// A Caller is who signed a call. The zero Caller is a hand in the console,
// that is, World.Assign and its kin.
type Caller struct {
	Account string
	ARN     string
	UserID  string
	KeyID   string
}

// A Stage tells a hook where a call stands.
type Stage int

// The stages.
const (
	BeforeEffect Stage = iota + 1
	AfterEffect
)

// Outcomes other than error codes.
const (
	OK      = "OK"
	Dropped = "Dropped" // refused without an answer
)

// A Call is one request that came in with a readable operation.
type Call struct {
	Seq       int       // from 1, in the order of taking effect
	At        time.Time // on the World's clock
	Service   string    // as in the signature: sso, identitystore, organizations, sts
	Operation string
	Region    string
	Caller    Caller
	Input     map[string]any
	RequestID string
	Stage     Stage  // of hooks only
	Outcome   string // OK, Dropped or the error code; empty before the effect
	Done      bool   // it took effect, whatever the answer says
	Unheard   bool   // the answer did not reach the caller
}

// Calls returns every call so far.
func (w *World) Calls() []Call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]Call(nil), w.calls...)
}
