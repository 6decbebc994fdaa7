package access

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// A Target is a thing that one may get access to, as the flow files define it
// and its strategy resolved it.
type Target struct {
	Name     string            `json:"name"`
	Label    string            `json:"label"`
	Flow     string            `json:"flow"`
	Strategy string            `json:"strategy"` // its name in the flow file
	Way      string            `json:"way"`      // the strategy's type: "aws_sso"
	Tags     map[string]string `json:"tags,omitempty"`
	// Params is what the way needs to know: region, account, permission set.
	// Ids that had to be looked up are there once the target was resolved.
	Params map[string]string `json:"params,omitempty"`
	// MaxDuration is the longest that one grant may last; 0 leaves it to the
	// flow.
	MaxDuration time.Duration `json:"max_duration,omitempty"`
	// Overhang is how long credentials issued during a grant may outlive it.
	Overhang time.Duration `json:"overhang"`
	// Sessions says that what may outlive it are not credentials, but sessions
	// that people started.
	Sessions bool `json:"sessions,omitempty"`
	// Recorded says that calls pass the proxy and are recorded.
	Recorded bool `json:"recorded"`
	// Vended says that Sesame hands out the credentials itself, so that it knows
	// of each until when it works.
	Vended bool `json:"vended,omitempty"`
}

// Outliving names what may outlive a grant on t, to begin a sentence with.
func (t Target) Outliving() string {
	if t.Sessions {
		return "Sessions started"
	}
	return "Credentials issued"
}

// A Spec is everything that is needed to make, observe and remove one object,
// without a flow file and without asking anybody. It is stored with the object.
type Spec struct {
	Key ObjectKey `json:"key"`
	// Name is what people call the object: "EC2FrontendShell in 222222222222
	// for alice@example.com". Nothing is decided by it.
	Name string `json:"name,omitempty"`
	Way  string `json:"way"`
	// Lane names what AWS changes one at a time: an account.
	Lane string `json:"lane"`
	// Budget names what shares a limit on outstanding operations: an instance.
	Budget string            `json:"budget"`
	Params map[string]string `json:"params"`
	// Pool is what the object takes a place of, and Slot which one, from the
	// moment at which it is granted. Most objects take none.
	Pool Pool `json:"pool,omitzero"`
	Slot int  `json:"slot,omitempty"`
	// ID tells what Sesame made from what somebody else made in its place
	// later, if AWS has something that does: it is known once it was read.
	ID string `json:"id,omitempty"`
	// Timed says that its end is written into the object itself, which then
	// holds no longer, whatever becomes of Sesame. Each grant has one of its
	// own, for Term.
	Timed bool `json:"timed,omitempty"`
	Term  Term `json:"term,omitzero"`
	// SessionsOf names whom it lets start sessions that go on without it, and end
	// with it; empty is nobody. Objects of one lane with equal names let in the
	// same person.
	SessionsOf string `json:"sessions_of,omitempty"`
	// SessionName is what AWS calls the sessions of whom it lets in, once that was
	// read.
	SessionName string `json:"session_name,omitempty"`
	// SessionsAlone says that nothing else lets them start sessions, so that one
	// on whatever machine was started by such an object.
	SessionsAlone bool `json:"sessions_alone,omitempty"`
}

// A Term is for which grant a timed object is made, and when it holds.
type Term struct {
	Of    GrantID   `json:"of"`
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// Over returns s as g needs it: a timed object is g's own, and holds from the
// decision until the moment at which g is over in any case.
func (s Spec) Over(g Grant) Spec {
	if !s.Timed {
		return s
	}
	s.Key += ObjectKey("@" + g.ID)
	s.Term = Term{g.ID, g.DecidedAt, g.CloseBy}
	s.Name += ", until " + g.CloseBy.UTC().Format("2006-01-02 15:04 UTC")
	return s
}

// Called returns what to call the object in a sentence for people: its name,
// or its key if it has none.
func (s Spec) Called() string { return cmp.Or(s.Name, string(s.Key)) }

// An ObjectKey names one thing in AWS: one assignment, one membership. Equal
// keys are the same thing, whichever grant wants it.
type ObjectKey string

// A Plan is what a grant on a target needs.
type Plan struct {
	Objects []Spec // in the order of opening
	Connect []Step // how the holder gets in
}

// A Step is one thing that a grant's holder can do to connect: text to copy,
// or a link to open.
type Step struct {
	Label string `json:"label"`
	Code  string `json:"code,omitempty"`
	URL   string `json:"url,omitempty"`
}

// Terms are what an approver agrees to. Their digest travels on the button, so
// that a click on terms that have changed since is noticed.
type Terms struct {
	Request  RequestID         `json:"request"`
	Who      PersonID          `json:"who"`
	As       Principal         `json:"as"`
	Target   Target            `json:"target"`
	Duration time.Duration     `json:"duration"`
	Reason   string            `json:"reason"`
	Fields   map[string]string `json:"fields,omitempty"`
	// Extends, BreakGlass and Incident are as in Request.
	Extends    GrantID `json:"extends,omitempty"`
	BreakGlass bool    `json:"break_glass,omitempty"`
	Incident   string  `json:"incident,omitempty"`
}

// A Digest identifies terms.
type Digest string

// Digest returns the identity of t: equal terms, equal digest.
func (t Terms) Digest() Digest { return digest(t) }

func digest(v any) Digest {
	// Maps encode in key order, and what is digested holds nothing that cannot
	// be encoded, so the error cannot happen.
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(b)
	return Digest(hex.EncodeToString(sum[:8]))
}
