package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// What the two ends of a session tell KMS that a data key is for
// (github.com/aws/session-manager-plugin, src/service/kms).
const (
	contextSession = "aws:ssm:SessionId"
	contextTarget  = "aws:ssm:TargetId"
)

// maxKeys is how many data keys a session is given, at most: one each time it
// begins to be sealed.
const maxKeys = 8

// keyIn is how long KMS may take to open a data key.
const keyIn = 10 * time.Second

// A madeKey is a data key that passed on its way to the client. It never
// prints.
type madeKey struct {
	blob  [sha256.Size]byte // of its encrypted form
	plain []byte
}

// Format writes nothing of the key.
func (madeKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[redacted]")) }

// readsAnswer reports whether AWS's answer is read here, so that it is to come
// as plain text.
func (c *call) readsAnswer() bool { return c.opens() != 0 || c.keyFor() != nil }

// forSession has a session learn what AWS's answer means to it, and returns the
// body as it came.
func (c *call) forSession(res *http.Response, body io.Reader) io.Reader {
	if res.StatusCode != http.StatusOK || c.Sessions.Recorders == nil {
		return body
	}
	if s := c.keyFor(); s != nil {
		return s.passKey(res)
	}
	if s, _ := c.ownSession(); s != nil {
		s.cut(&ending{why: endedByPerson, gone: true, quiet: true})
	}
	return body
}

// keyFor finds the session that a data key is made for by the call, if it is
// one of the holder's.
func (c *call) keyFor() *session {
	if c.found.Service != "kms" || c.found.Operation != "GenerateDataKey" || !c.read {
		return nil
	}
	var in struct{ EncryptionContext map[string]string }
	if json.Unmarshal(c.body, &in) != nil {
		return nil
	}
	s := c.bridged.find(in.EncryptionContext[contextSession])
	if s == nil || s.grant.ID != c.grant.ID || s.person != c.grant.Holder {
		return nil
	}
	return s
}

// passKey takes note of the data key in an answer of KMS, and returns the body
// as it came.
func (s *session) passKey(res *http.Response) io.Reader {
	body, err := io.ReadAll(io.LimitReader(res.Body, ssm.MaxJSON))
	rest := io.MultiReader(strings.NewReader(string(body)), res.Body)
	var made struct{ CiphertextBlob, Plaintext []byte }
	if err != nil {
		return io.MultiReader(strings.NewReader(string(body)), failing{err})
	}
	if json.Unmarshal(body, &made) != nil || len(made.Plaintext) != ssm.KeySize {
		return rest
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) < maxKeys {
		s.keys = append(s.keys, madeKey{sha256.Sum256(made.CiphertextBlob), made.Plaintext})
	}
	return rest
}

var errElsewhere = errors.New("its data key was made elsewhere")

// dataKey is the key of which blob is the encrypted form: one that passed, or
// what KMS opens for the role.
func (s *session) dataKey(blob []byte) ([]byte, error) {
	if plain := s.passed(blob); plain != nil {
		return plain, nil
	}
	if s.about.Kind == record.ECS {
		return nil, errElsewhere // what target its key is for is between the client and the agent
	}
	return s.decrypt(blob)
}

func (s *session) passed(blob []byte) []byte {
	sum := sha256.Sum256(blob)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if k.blob == sum {
			return k.plain
		}
	}
	return nil
}

// decrypt asks KMS for the key.
func (s *session) decrypt(blob []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(s.over, keyIn)
	defer cancel()
	creds, err := s.Roles.Credentials(ctx, s.ring, s.grant)
	if err != nil {
		return nil, err
	}
	answer, err := s.ask(ctx, creds, ownCall{
		host: "kms" + strings.TrimPrefix(s.control, "ssm"), service: "kms", operation: "Decrypt", target: "TrentService.Decrypt",
		in: map[string]any{"CiphertextBlob": blob, "EncryptionContext": map[string]string{contextSession: s.id, contextTarget: s.aimedAt}},
	})
	if err != nil {
		return nil, errors.Join(errElsewhere, err)
	}
	var opened struct{ Plaintext []byte }
	if err := json.Unmarshal(answer, &opened); err != nil {
		return nil, errElsewhere // and of the answer nothing must be told
	}
	return opened.Plaintext, nil
}
