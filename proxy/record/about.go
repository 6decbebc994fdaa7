package record

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"time"

	"sesame/flows/access"
)

// A Kind says what sort of session is recorded.
type Kind string

// The kinds of sessions. What passes in a Port or SSH session is counted and
// not kept: it is another protocol, or sealed.
const (
	Shell   Kind = "shell"
	Command Kind = "command"
	ECS     Kind = "ecs"
	Port    Kind = "port"
	SSH     Kind = "ssh"
)

// opaque reports whether only metadata is kept.
func (k Kind) opaque() bool { return k == Port || k == SSH }

// An About says whose session is recorded.
type About struct {
	// ID names the recording. Optional: Begin makes one up.
	ID string `json:"id"`
	// Began is when the session began. Required.
	Began time.Time `json:"began"`
	Kind  Kind      `json:"kind"` // Required.

	Grant      string `json:"grant"`
	Request    string `json:"request"` // whose events tell of the recording
	Person     string `json:"person"`
	PersonName string `json:"person_name,omitempty"`
	Target     string `json:"target"`
	Instance   string `json:"instance,omitempty"` // or the container
	Document   string `json:"document,omitempty"`
	Command    string `json:"command,omitempty"` // or the remote host and port
	Session    string `json:"session,omitempty"` // AWS's id
	Region     string `json:"region,omitempty"`

	// Cols and Rows are the size of the terminal, where it is known.
	Cols int `json:"cols,omitempty"`
	Rows int `json:"rows,omitempty"`
	// MetadataOnly says why nothing that passes is kept; empty where it is. A
	// Port or SSH session needs no reason.
	MetadataOnly string `json:"metadata_only,omitempty"`
}

// idForm is what an id looks like: it is the name of a folder.
var idForm = regexp.MustCompile(`^rec-[a-z0-9]{10,40}$`)

func (a About) check() error {
	switch {
	case !idForm.MatchString(a.ID):
		return fmt.Errorf("%q is no id of a recording", a.ID)
	case a.Began.IsZero():
		return fmt.Errorf("recording %s has no time that it begins at", a.ID)
	case a.Kind != Shell && a.Kind != Command && a.Kind != ECS && !a.Kind.opaque():
		return fmt.Errorf("recording %s is of no known kind: %q", a.ID, a.Kind)
	}
	return nil
}

// A State is how far a recording is.
type State string

// The states. The zero State is of nothing that was recorded.
const (
	StateOpen  State = "open"
	StateEnded State = "ended"
)

// A Manifest says what a recording holds. While the recording is open its sums
// are those of the latest stand.
type Manifest struct {
	About
	State   State     `json:"state"`
	EndedAt time.Time `json:"ended_at,omitzero"`
	// Why is how the session ended, in words for people.
	Why  string `json:"why,omitempty"`
	Exit *int   `json:"exit,omitempty"` // of the program, if it said so

	// Keys are the SHA-256 of the files of the keys, in hex.
	Keys   map[Stream]string `json:"keys"`
	Output Sum               `json:"output"`
	Input  Sum               `json:"input"`

	// Shown and Typed are how many bytes passed to the person and from them,
	// without those that were hidden; -1 after a crash.
	Shown  int64  `json:"shown"`
	Typed  int64  `json:"typed"`
	Masked int    `json:"masked,omitempty"` // pieces of input that nobody saw on the screen
	Sealed int64  `json:"sealed,omitempty"` // bytes that nobody here could open
	Odd    int    `json:"odd,omitempty"`    // messages that neither end should send
	Holes  []Hole `json:"holes,omitempty"`  // the first of them
	Lost   int64  `json:"lost,omitempty"`   // messages in all holes
	// Torn is how many bytes of a segment that was not finished a crash left.
	Torn int64 `json:"torn,omitempty"`

	// Sig is the server's signature of all the rest.
	Sig []byte `json:"sig,omitempty"`
}

// A Hole is where messages did not arrive in time.
type Hole struct {
	At    time.Time `json:"at"`
	From  string    `json:"from"` // "client" or "agent"
	First int64     `json:"first"`
	Last  int64     `json:"last"`
}

// maxHoles bounds the holes that a manifest names.
const maxHoles = 32

// A Sum is where one stream of a recording stands. The zero Sum is of a stream
// that is empty.
type Sum struct {
	Segments uint64 `json:"segments"`
	Bytes    int64  `json:"bytes"`
	Events   int64  `json:"events"`
	// Ends is when the last event came, since the session began.
	Ends time.Duration `json:"ends"` // in nanoseconds
	Head string        `json:"head"` // of the chain
}

// manifestAs separates the signatures of manifests from all others that a key
// may make.
const manifestAs = "sesame recording manifest 1\n"

// body is what is signed and hashed.
func (m Manifest) body() []byte {
	m.Sig = nil
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // the struct holds nothing that cannot be encoded
	}
	return append([]byte(manifestAs), b...)
}

// Digest is the SHA-256 of the manifest, without its signature, in hex.
func (m Manifest) Digest() string {
	sum := sha256.Sum256(m.body())
	return hex.EncodeToString(sum[:])
}

// Signed reports whether the manifest is as the holder of a key signed it.
func (m Manifest) Signed(key ed25519.PublicKey) error {
	if len(key) != ed25519.PublicKeySize || !ed25519.Verify(key, m.body(), m.Sig) {
		return fmt.Errorf("the manifest of recording %s is not signed with this key, or was changed: %w", m.ID, access.ErrBroken)
	}
	return nil
}
