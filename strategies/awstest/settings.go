package awstest

import "time"

// Settings are the limits and habits of the stand-in. They may be changed
// while it runs, see World.Tune. A zero field means the default.
type Settings struct {
	// Latency is how long an assignment operation takes. Default 2s; a
	// negative one finishes before the answer is sent.
	Latency time.Duration
	// Rate is how many sso-admin calls a second are answered, and Burst how
	// many at once. Default 20 and Rate; a negative Rate lifts the limit.
	Rate, Burst int
	// Outstanding is how many assignment operations may be in progress at
	// once. Default 10; negative lifts the limit.
	Outstanding int
	// PerAccount is the same within one account. Default 1.
	PerAccount int
	// Lag is how far the lists of sso-admin are behind its writes. Default
	// none.
	Lag time.Duration
	// IAMLag is how far what IAM's reads show is behind its writes, and StoreLag
	// the same for the memberships of the identity store. Default none.
	IAMLag, StoreLag time.Duration
	// PolicyLag is how far what decides about calls is behind IAM's writes, where
	// that is more than IAMLag. Default none.
	PolicyLag time.Duration
	// Settle is how long after the end of an operation the next one on the
	// same assignment is refused with a conflict. Default none.
	Settle time.Duration
	// Stuck is how long an operation that never finishes keeps its places.
	// Default 10 minutes.
	Stuck time.Duration
	// Remember is how long the status of a finished operation can be read.
	// Default 24 hours.
	Remember time.Duration
	// PageSize caps what one page of a list holds, whatever the caller asks
	// for. Default 100.
	PageSize int
	// EmptyPages makes every list start with an empty page that has a token.
	EmptyPages bool
	// TokenLife is how long the token for a data channel can be used. Default
	// one minute.
	TokenLife time.Duration
	// Idle is how long a session is kept to which no client is connected.
	// Default 20 minutes.
	Idle time.Duration
	// Terminating is how long a session goes on whose end TerminateSession asked
	// for. Default none.
	Terminating time.Duration
	// Skew is how far AWS's wall time is ahead of this machine's.
	Skew time.Duration
	// SharedEmails lets users have the same e-mail address, which AWS calls
	// unique, but which a directory filled from elsewhere may break.
	SharedEmails bool
	// CreateExisting is what creating an assignment that exists comes to.
	// Default Succeeds.
	CreateExisting Outcome
	// DeleteMissing is what deleting an assignment that does not exist comes
	// to. Default Refused.
	DeleteMissing Outcome
}

// An Outcome is one way for AWS to take a write that has nothing to do.
type Outcome int

// The outcomes that have been seen or can be expected.
const (
	ByDefault Outcome = iota
	Succeeds          // an operation that ends SUCCEEDED
	Fails             // an operation that ends FAILED
	Refused           // an exception: conflict on create, not found on delete
)

func (s Settings) withDefaults() Settings {
	orDefault(&s.Latency, 2*time.Second)
	orDefault(&s.Rate, 20)
	orDefault(&s.Burst, s.Rate)
	orDefault(&s.Outstanding, 10)
	orDefault(&s.PerAccount, 1)
	orDefault(&s.Stuck, 10*time.Minute)
	orDefault(&s.Remember, 24*time.Hour)
	orDefault(&s.PageSize, 100)
	orDefault(&s.TokenLife, time.Minute)
	orDefault(&s.Idle, 20*time.Minute)
	orDefault(&s.CreateExisting, Succeeds)
	orDefault(&s.DeleteMissing, Refused)
	return s
}

func orDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
