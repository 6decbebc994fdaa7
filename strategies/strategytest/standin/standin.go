// Package standin is where tests of ways begin that have the stand-in for AWS
// behind them: a world with its clock, how Sesame gets to it, and what a fault of
// the suite is there.
//
// It promises that the world ends with the test, and that time in it is the
// test's to move. What a way makes in the world, and which of its calls are
// struck, is the way's own to say.
//
// It refuses to know any way: those bring their objects, see strategytest.Rig.
package standin

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"

	"sesame/flows/clock"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
	"sesame/strategies/strategytest"
)

// Noon returns when tests begin.
func Noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// Start starts a world as c says, with a clock that stands at noon.
func Start(t *testing.T, c awstest.Config) (*awstest.World, *clock.Movable) {
	t.Helper()
	at := clock.Frozen(Noon())
	c.Clock = at
	w := awstest.New(c)
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w, at
}

// Reach returns how Sesame gets to an account and region, as a user of the
// account and without a limit on its calls.
func Reach(w *awstest.World, c clock.Clock, account, region string) identitycenter.Config {
	key := w.AddKey(account, "sesame")
	return identitycenter.Config{
		Region: region, Account: account, Endpoint: w.URL(), Transport: readers{http.DefaultTransport}, AllowCustomEndpoints: true,
		CallsPerSecond: -1, Clock: c, Credentials: credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""),
	}
}

// readers hides that the bodies of the SDK's requests can write themselves. When
// an answer comes before net/http has found the end of such a body, which takes
// an answer as fast as the stand-in's, the connection is closed in the middle of
// the answer.
type readers struct{ http.RoundTripper }

func (r readers) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		req.Body = struct{ io.ReadCloser }{req.Body}
	}
	return r.RoundTripper.RoundTrip(req)
}

// Fault returns what a fault of the suite is for a change that takes time. The
// operation that it strikes is left to the way. Reads that lag are none: see
// awstest.Settings.
func Fault(f strategytest.Fault) awstest.Fault {
	return map[strategytest.FaultKind]awstest.Fault{
		strategytest.LostRequest:     {Kind: awstest.Drop},
		strategytest.LostAnswer:      {Kind: awstest.Drop, AfterEffect: true},
		strategytest.Throttled:       {Kind: awstest.Throttle},
		strategytest.Busy:            {Kind: awstest.Conflict},
		strategytest.Refused:         {Kind: awstest.Deny},
		strategytest.FailedOperation: {Kind: awstest.FailOperation, Reason: strategytest.FailReason},
		strategytest.StuckOperation:  {Kind: awstest.NeverFinish},
		strategytest.SlowOperation:   {Kind: awstest.Slow, Delay: f.Delay},
	}[f.Kind]
}

// ImmediateFault is Fault for a change that AWS makes at once, and whether there
// is such a fault: it is neither slow nor stuck, and fails by a refusal.
func ImmediateFault(f strategytest.Fault) (awstest.Fault, bool) {
	switch f.Kind {
	case strategytest.StuckOperation, strategytest.SlowOperation:
		return awstest.Fault{}, false
	case strategytest.FailedOperation:
		return awstest.Fault{Kind: awstest.Refuse, Code: "LimitExceeded", Reason: strategytest.FailReason}, true
	}
	return Fault(f), true
}
