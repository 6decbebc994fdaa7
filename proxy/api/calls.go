package api

import (
	"net/http"
	"time"
)

// A Call is an entry of the record of what was called through the proxy. One
// call that changes something has two at least: before it left, and after.
type Call struct {
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"`
	Kind string    `json:"kind"` // "intent", "answer", "ended" or "refused"
	Call string    `json:"call"` // the same in all entries of one call

	Grant  string `json:"grant,omitempty"`
	Person string `json:"person,omitempty"`
	Target string `json:"target,omitempty"`
	Key    string `json:"key,omitempty"`   // the id of the proxy key
	Role   string `json:"role,omitempty"`  // that was gone on as, from the target's own
	Token  string `json:"token,omitempty"` // the name of the service token, if it was one's
	From   string `json:"from,omitempty"`
	Agent  string `json:"agent,omitempty"`

	Service   string              `json:"service,omitempty"`
	Operation string              `json:"operation,omitempty"`
	Actions   []string            `json:"actions,omitempty"`
	Level     string              `json:"level,omitempty"`
	Region    string              `json:"region,omitempty"`
	Resources []string            `json:"resources,omitempty"`
	Params    map[string][]string `json:"params,omitempty"`
	Body      string              `json:"body,omitempty"`     // its hash
	Sent      int64               `json:"sent,omitempty"`     // bytes; -1 if not known
	Received  int64               `json:"received,omitempty"` // bytes; -1 if not known
	Status    int                 `json:"status,omitempty"`
	Code      string              `json:"code,omitempty"`   // of an error
	AWSID     string              `json:"aws_id,omitempty"` // AWS's id of the request
	Took      string              `json:"took,omitempty"`   // "12ms"
	Rule      string              `json:"rule,omitempty"`   // that refused
	Why       string              `json:"why,omitempty"`
}

// The kinds of a Call.
const (
	CallIntent  = "intent"  // is about to be sent
	CallAnswer  = "answer"  // AWS answered, or could not be reached
	CallEnded   = "ended"   // the answer was longer than could be told before, or broke off
	CallRefused = "refused" // was not sent
)

// A CallQuery says which calls are meant.
type CallQuery struct {
	Grant string // only its calls; empty for all
	// From is the number of the entry to begin at, and zero for as late as Limit
	// allows.
	From  uint64
	Limit int
}

// CallPage is a part of the record of calls, oldest first.
type CallPage struct {
	Calls []Call `json:"calls"`
	// Next is where what is recorded later begins, or what was left out.
	Next uint64 `json:"next"`
}

func (s *Server) calls(r *http.Request) (any, error) {
	from, err := number(r, "from", 0)
	if err != nil {
		return nil, err
	}
	limit, err := number(r, "limit", 100)
	if err != nil {
		return nil, err
	}
	return s.Calls(r.Context(), CallQuery{Grant: r.FormValue("grant"), From: from, Limit: int(limit)})
}
