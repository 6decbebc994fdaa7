package ssm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// MaxJSON is the longest answer, or first frame, that is rewritten.
const MaxJSON = 64 << 10

// ErrToken means that a token cannot be replaced without doubt about what the
// receiver would read, or without leaving a copy of it behind. It never holds
// a token.
var ErrToken = errors.New("the token cannot be replaced")

func badToken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrToken, fmt.Sprintf(format, args...))
}

// An Opening is the first frame of a socket, which is text.
type Opening struct {
	Schema        string `json:"MessageSchemaVersion"`
	RequestID     string `json:"RequestId"`
	Token         string `json:"TokenValue"`
	ClientID      string `json:"ClientId"`
	ClientVersion string `json:"ClientVersion"`
}

// ReadOpening returns what the first frame of a socket says. Its Token is the
// one that RewriteOpening replaces.
func ReadOpening(frame []byte) (Opening, error) {
	var o Opening
	if _, err := locate(frame, "TokenValue"); err != nil {
		return o, err
	}
	if err := json.Unmarshal(frame, &o); err != nil {
		return Opening{}, badToken("the first frame cannot be read")
	}
	if o.Token == "" {
		return Opening{}, badToken("the first frame has none")
	}
	return o, nil
}

// RewriteOpening returns frame with token in place of the one it has. No
// other byte differs, and frame stays as it is.
func RewriteOpening(frame []byte, token string) ([]byte, error) {
	if _, err := ReadOpening(frame); err != nil {
		return nil, err
	}
	_, rewritten, err := replace(frame, token, "TokenValue")
	return rewritten, err
}

// A Call is one that is answered with a token for a data channel.
type Call uint8

// The calls whose answers are rewritten.
const (
	StartSession   Call = iota + 1 // of ssm
	ResumeSession                  // of ssm
	ExecuteCommand                 // of ecs
)

// fields are where the answer to a Call has what an Answer holds.
func (c Call) fields() (session, stream, token []string) {
	switch c {
	case StartSession, ResumeSession:
		return []string{"SessionId"}, []string{"StreamUrl"}, []string{"TokenValue"}
	case ExecuteCommand:
		return []string{"session", "sessionId"}, []string{"session", "streamUrl"}, []string{"session", "tokenValue"}
	}
	return nil, nil, nil
}

// An Answer is how AWS lets a client into a session.
type Answer struct {
	SessionID string
	StreamURL string
	Token     string // of AWS: for the server alone. Empty when a session timed out
}

// RewriteAnswer returns what the answer to c says, and body with token in
// place of its own. No other byte differs: the stream URL in particular keeps
// its host, which clients check. It refuses an answer that would let the
// client past the bridge: one that holds its token twice, or whose stream URL
// is signed.
//
// An answer without a token, which ResumeSession gives when the session has
// timed out, is returned as it came.
func RewriteAnswer(c Call, body []byte, token string) (Answer, []byte, error) {
	session, stream, tokenAt := c.fields()
	if tokenAt == nil {
		return Answer{}, nil, badToken("no call that has one")
	}
	var a Answer
	var err error
	if a.SessionID, err = value(body, session...); err != nil {
		return Answer{}, nil, err
	}
	if a.StreamURL, err = value(body, stream...); err != nil {
		return Answer{}, nil, err
	}
	if err := unsigned(a.StreamURL); err != nil {
		return Answer{}, nil, err
	}
	rewritten := body
	if a.Token, rewritten, err = replace(body, token, tokenAt...); err != nil {
		return Answer{}, nil, err
	}
	return a, rewritten, nil
}

// anySession is the id of a session within an answer, whatever else is in it.
var anySession = regexp.MustCompile(`"[Ss]essionId"\s*:\s*"([A-Za-z0-9+=,.@_-]{1,96})"`)

// FindSession returns the id of the session that an answer is about which cannot
// be passed on: cut off, or with something in it that is refused. It is empty
// where there is none, or more than one. It is good for ending that session, and
// for nothing else.
func FindSession(body []byte) string {
	found := anySession.FindAllSubmatch(body, -1)
	if len(found) == 0 {
		return ""
	}
	id := found[0][1]
	for _, other := range found {
		if !bytes.Equal(other[1], id) {
			return ""
		}
	}
	return string(id)
}

// unsigned refuses a URL that opens the channel without the client's own
// signature.
func unsigned(stream string) error {
	u, err := url.Parse(stream)
	if err != nil {
		return badToken("the stream URL cannot be read")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.User != nil {
		return badToken("the stream URL cannot be read")
	}
	for name := range query {
		if strings.HasPrefix(strings.ToLower(name), "x-amz-") {
			return badToken("the stream URL is signed")
		}
	}
	return nil
}

// value returns the string at path in doc, or nothing where there is none.
func value(doc []byte, path ...string) (string, error) {
	at, err := locate(doc, path...)
	if err != nil || at.empty() {
		return "", err
	}
	var s string
	if err := json.Unmarshal(doc[at.from:at.to], &s); err != nil {
		return "", badToken("%s is no text", strings.Join(path, "."))
	}
	return s, nil
}

// replace puts with in place of the string at path, and returns what was
// there. Where there is nothing, or nothing in it, doc comes back.
func replace(doc []byte, with string, path ...string) (string, []byte, error) {
	before, err := value(doc, path...)
	if err != nil || before == "" {
		return "", doc, err
	}
	quoted, err := json.Marshal(with)
	if err != nil {
		return "", nil, badToken("the new one is no text")
	}
	at, err := locate(doc, path...)
	if err != nil {
		return "", nil, err
	}
	raw := doc[at.from+1 : at.to-1]
	rewritten := slices.Concat(doc[:at.from], quoted, doc[at.to:])
	rest := slices.Concat(doc[:at.from], doc[at.to:])
	if bytes.Contains(rest, raw) || bytes.Contains(rest, []byte(before)) {
		return "", nil, badToken("it occurs more than once")
	}
	return before, rewritten, nil
}

// A part is a value within a document: the bytes from from to before to.
type part struct{ from, to int }

func (p part) empty() bool { return p.from == p.to }

// locate finds the value at path in doc, an object in objects. Readers differ
// in which of two equal names they take, and in whether case matters, so a
// name that comes twice or in another case is refused. A path that leads
// nowhere, or to null, is an empty part.
func locate(doc []byte, path ...string) (part, error) {
	if len(doc) > MaxJSON {
		return part{}, badToken("%d bytes are more than the %d allowed", len(doc), MaxJSON)
	}
	at := part{0, len(doc)}
	for _, name := range path {
		within, err := member(doc[at.from:at.to], name)
		if err != nil || within.empty() {
			return part{}, err
		}
		at = part{at.from + within.from, at.from + within.to}
	}
	return at, nil
}

// member finds the value called name in the object that doc is.
func member(doc []byte, name string) (part, error) {
	d := json.NewDecoder(bytes.NewReader(doc))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return part{}, badToken("what holds %s is no object", name)
	}
	var found part
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return part{}, badToken("what holds %s is no JSON", name)
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return part{}, badToken("what holds %s is no JSON", name)
		}
		if k, _ := key.(string); !strings.EqualFold(k, name) {
			continue
		} else if k != name || !found.empty() {
			return part{}, badToken("%s is there in two ways", name)
		}
		end := int(d.InputOffset())
		found = part{end - len(raw), end}
	}
	if err := closes(d, name); err != nil {
		return part{}, err
	}
	if string(doc[found.from:found.to]) == "null" {
		return part{}, nil
	}
	return found, nil
}

// closes checks that the object ends and that nothing follows it.
func closes(d *json.Decoder, name string) error {
	if _, err := d.Token(); err != nil {
		return badToken("what holds %s is no JSON", name)
	}
	if _, err := d.Token(); err != io.EOF {
		return badToken("something follows what holds %s", name)
	}
	return nil
}
