package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"time"
)

// A RequestID names a request: "r-" and ten characters.
type RequestID string

// A GrantID names a grant. A request has at most one grant, whose id differs
// from the request's in the first letter only.
type GrantID string

// A PersonID names a person as Sesame knows them, whatever accounts they have.
type PersonID string

// A Principal is the id of a user in the directory that AWS access hangs on:
// for Identity Center, the identity store's user id.
type Principal string

// idAlphabet has no letters that are confused when read aloud or typed.
const idAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

var idEncoding = base32.NewEncoding(idAlphabet).WithPadding(base32.NoPadding)

// NewRequestID returns a random request id.
func NewRequestID() RequestID { return RequestIDFrom(rand.Text()) }

// Valid reports whether id has the form of a request id, wherever it is from.
func (id RequestID) Valid() bool {
	name, ok := strings.CutPrefix(string(id), "r-")
	return ok && len(name) == 10 && strings.Trim(name, idAlphabet) == ""
}

// RequestIDFrom returns the request id for something that was received from
// outside, so that the same delivery handled twice asks once.
func RequestIDFrom(source string) RequestID { return RequestID("r-" + shortHash(source)) }

// Grant returns the id of the grant that id becomes when approved.
func (id RequestID) Grant() GrantID { return GrantID("g-" + strings.TrimPrefix(string(id), "r-")) }

// Request returns the id of the request that became the grant.
func (id GrantID) Request() RequestID { return RequestID("r-" + strings.TrimPrefix(string(id), "g-")) }

// PersonIDFrom returns the id of the person with principal p in directory.
func PersonIDFrom(directory string, p Principal) PersonID {
	return PersonID("p-" + shortHash(directory+"\x00"+string(p)))
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return idEncoding.EncodeToString(sum[:])[:10]
}

// An Account is somebody's identity in one chat workspace. Ids are opaque.
type Account struct {
	Workspace string `json:"workspace"` // enterprise id where there is one, else team id
	User      string `json:"user"`
}

// String returns "workspace/user".
func (a Account) String() string { return a.Workspace + "/" + a.User }

// IsZero reports whether a names nobody.
func (a Account) IsZero() bool { return a == Account{} }

// A Person has one account and one principal, linked once and unique both
// ways. Name and Email are for people to read; they carry no authority.
type Person struct {
	ID        PersonID  `json:"id"`
	Account   Account   `json:"account"`
	Principal Principal `json:"principal"`
	Directory string    `json:"directory"` // the identity store that Principal belongs to
	Email     string    `json:"email"`
	Name      string    `json:"name"`
	Zone      string    `json:"zone,omitempty"` // IANA time zone, as the account says
	LinkedAt  time.Time `json:"linked_at"`
	LinkedBy  string    `json:"linked_by"` // "map", "email" or "proof"
}

// Key is where the person is stored.
func (p Person) Key() Key { return Key{KindPerson, string(p.ID)} }

// Index lists nothing: people are found by id, or through a Link.
func (p Person) Index(Version) []Index { return nil }

// A Link points from an account, or from a principal, to a person. Both exist
// or neither does, which is what makes a person unique both ways.
type Link struct {
	From   string   `json:"from"`
	Person PersonID `json:"person"`
}

// AccountLink returns the link from p's account.
func (p Person) AccountLink() Link { return Link{"account/" + p.Account.String(), p.ID} }

// PrincipalLink returns the link from p's principal.
func (p Person) PrincipalLink() Link {
	return Link{"principal/" + p.Directory + "/" + string(p.Principal), p.ID}
}

// Key is where the link is stored.
func (l Link) Key() Key { return Key{KindLink, l.From} }

// Index lists nothing.
func (l Link) Index(Version) []Index { return nil }
