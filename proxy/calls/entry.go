package calls

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"
)

// A Kind says what an entry is about.
type Kind string

// The kinds of entries. A call that was let through has an Answer; one that
// changes something has an Intent before it leaves.
const (
	Intent  Kind = "intent"  // is about to be sent
	Answer  Kind = "answer"  // AWS answered, or could not be reached
	Ended   Kind = "ended"   // the answer was longer than could be told before, or broke off
	Refused Kind = "refused" // was not sent

	segment Kind = "segment" // a file begins
	torn    Kind = "torn"    // what a crash left unfinished was cut off
)

// An Entry is one line of the record. It holds no secret: of parameters only
// names and ids, of the body a hash.
type Entry struct {
	Seq  uint64    `json:"seq"`
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	Call string    `json:"call,omitempty"` // the same in all entries of one call

	Grant  string `json:"grant,omitempty"`
	Person string `json:"person,omitempty"`
	Target string `json:"target,omitempty"`
	Key    string `json:"key,omitempty"`   // the id of the proxy key
	Role   string `json:"role,omitempty"`  // that was gone on as, from the target's own
	Token  string `json:"token,omitempty"` // the name of the service token, if it was one's
	From   string `json:"from,omitempty"`  // the address of the client
	Agent  string `json:"agent,omitempty"`

	Service   string              `json:"service,omitempty"`
	Operation string              `json:"operation,omitempty"` // METHOD /path where it is not known
	Actions   []string            `json:"actions,omitempty"`
	Level     string              `json:"level,omitempty"`
	Region    string              `json:"region,omitempty"`
	Resources []string            `json:"resources,omitempty"`
	Params    map[string][]string `json:"params,omitempty"`
	Body      string              `json:"body,omitempty"` // the hash that was signed, if it covers all of it

	Sent     int64         `json:"sent,omitempty"`     // bytes of the body; -1 if not known
	Received int64         `json:"received,omitempty"` // of the answer's; -1 if not known yet
	Status   int           `json:"status,omitempty"`
	Code     string        `json:"code,omitempty"`   // of an error
	AWSID    string        `json:"aws_id,omitempty"` // AWS's id of the request
	Took     time.Duration `json:"took,omitempty"`   // to the head of the answer, in nanoseconds
	Rule     string        `json:"rule,omitempty"`   // that refused
	Why      string        `json:"why,omitempty"`

	Prev string `json:"prev,omitempty"` // in the first entry of a segment, the chain before it
}

// append writes e as JSON without the number and the closing brace. It is what
// encoding/json writes, at a fraction of the time: there are two of these for
// each call.
func (e *Entry) append(b []byte) []byte {
	b = e.At.UTC().AppendFormat(append(b, `,"at":"`...), time.RFC3339Nano)
	b = append(b, '"')
	for _, f := range [...]struct{ name, value string }{
		{"kind", string(e.Kind)}, {"call", e.Call}, {"grant", e.Grant}, {"person", e.Person}, {"target", e.Target}, {"key", e.Key},
		{"role", e.Role}, {"token", e.Token},
		{"from", e.From}, {"agent", e.Agent}, {"service", e.Service}, {"operation", e.Operation}, {"level", e.Level}, {"region", e.Region},
		{"body", e.Body}, {"code", e.Code}, {"aws_id", e.AWSID}, {"rule", e.Rule}, {"why", e.Why}, {"prev", e.Prev},
	} {
		if f.value != "" {
			b = appendText(appendName(b, f.name), f.value)
		}
	}
	for _, f := range [...]struct {
		name  string
		value int64
	}{{"sent", e.Sent}, {"received", e.Received}, {"status", int64(e.Status)}, {"took", int64(e.Took)}} {
		if f.value != 0 {
			b = strconv.AppendInt(appendName(b, f.name), f.value, 10)
		}
	}
	if len(e.Actions) > 0 {
		b = appendTexts(appendName(b, "actions"), e.Actions)
	}
	if len(e.Resources) > 0 {
		b = appendTexts(appendName(b, "resources"), e.Resources)
	}
	if len(e.Params) == 0 {
		return b
	}
	return appendParams(appendName(b, "params"), e.Params)
}

func appendName(b []byte, name string) []byte {
	return append(append(append(b, ',', '"'), name...), '"', ':')
}

func appendParams(b []byte, params map[string][]string) []byte {
	b = append(b, '{')
	var room [16]string
	names := slices.AppendSeq(room[:0], maps.Keys(params))
	slices.Sort(names)
	for i, name := range names {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendTexts(append(appendText(b, name), ':'), params[name])
	}
	return append(b, '}')
}

func appendTexts(b []byte, all []string) []byte {
	b = append(b, '[')
	for i, s := range all {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, s)
	}
	return append(b, ']')
}

func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(s)
			if err != nil {
				panic(err) // a text encodes
			}
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
