package api

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"
)

// Keys make proxy keys. Their methods are safe for concurrent use.
type Keys interface {
	// Serves reports whether what a grant gives is a proxy key.
	Serves(g access.Grant) bool
	// Mint makes a key for an open grant, good until a moment and from an
	// address. It refuses when there is nothing left to make it from.
	Mint(ctx context.Context, g access.Grant, until time.Time, from netip.Addr) (Key, error)
	// Place says where the proxy is, and by whom its certificates are.
	// It refuses while there is none.
	Place() (Place, error)
	// Now is the time that grants go by.
	Now() time.Time
}

// A Secret is the secret part of a key. It prints as a placeholder, and encodes
// as what it is.
type Secret string

// Format writes a placeholder, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[redacted]") }

// A Place is where AWS is served to the holders of grants.
type Place struct {
	// Proxy is a host and a port. Without a host it is that of the API.
	Proxy string `json:"proxy"`
	// Endpoint is the address for AWS_ENDPOINT_URL; empty where there is none.
	Endpoint string `json:"endpoint,omitempty"`
	// Authority is the certificate to trust, in PEM.
	Authority string `json:"authority"`
}

// A Key is a proxy key, with all that a client of AWS needs to use it.
type Key struct {
	Place
	Grant  string `json:"grant"`
	Target string `json:"target"`
	Region string `json:"region"`
	ID     string `json:"id"`
	Secret Secret `json:"secret"`
	Token  Secret `json:"token"`
	// Tunnel is the password for tunnels to what is not AWS; empty where there
	// are none.
	Tunnel  Secret    `json:"tunnel,omitempty"`
	Expires time.Time `json:"expires"` // by the server's clock, as EndsAt
	EndsAt  time.Time `json:"ends_at"` // of the grant
	Now     time.Time `json:"now"`     // by the server's clock
	// Vends says that the target hands out keys of AWS to who asks for them.
	Vends bool `json:"vends,omitempty"`
	// Direct says that this is one: it is used without the proxy, calls with it
	// are not recorded by Sesame, and it works until Expires even if the access
	// is ended before.
	Direct bool `json:"direct,omitempty"`
}

// A KeyAsking asks for a proxy key.
type KeyAsking struct {
	// Target says which access is meant. Optional for whoever holds one.
	Target string `json:"target,omitempty"`
	// Whole asks for a key that is good until the grant ends, as clients need
	// that cannot ask again. Optional: else it is good for KeyLasts at most.
	Whole bool `json:"whole,omitempty"`
	// Direct asks for a key of AWS, where the target hands out such.
	Direct bool `json:"direct,omitempty"`
}

// KeyLasts is how long a proxy key serves those who can ask again.
const KeyLasts = 15 * time.Minute

// The codes of refusals for whoever asks for a key.
const (
	CodeNoAccess access.RefusalCode = "no-access" // nothing is open that gives one
	CodeSeveral  access.RefusalCode = "several"   // more than one is, and none was named
)

// errNoProxy refuses keys where there is nothing to use them with.
var errNoProxy = &access.Refusal{Code: CodeNoAccess, Text: "This server serves no AWS, because no proxy is configured: use what sesame mine says of your access, or ask its operators."}

func (s *Remote) place(context.Context, caller) (any, error) {
	if s.Keys == nil {
		return nil, errNoProxy
	}
	return s.Keys.Place()
}

// key makes a key for a grant of the caller's own, and of nobody else's. It is
// bound to the address that it is asked for from.
func (s *Remote) key(ctx context.Context, c caller) (any, error) {
	asked, err := decode[KeyAsking](c.body)
	if err != nil {
		return nil, err
	}
	if s.Keys == nil {
		return nil, errNoProxy
	}
	at, err := s.Keys.Place()
	if err != nil {
		return nil, err
	}
	from, err := netip.ParseAddrPort(c.RemoteAddr)
	if err != nil {
		return nil, err
	}
	now := s.Keys.Now()
	g, err := s.served(ctx, c.login.Person, asked.Target, now)
	if err != nil {
		return nil, err
	}
	k, err := s.make(ctx, g, asked, Holder{Person: access.Person{ID: c.login.Person, Name: c.login.Name}, From: from.Addr().Unmap()})
	k.Place, k.Grant, k.Target, k.EndsAt, k.Now, k.Vends = at, string(g.ID), g.Target, g.EndsAt, now, g.Vended
	return k, err
}

// A Holder is who asks for a key, and whence.
type Holder struct {
	access.Person
	From netip.Addr
}

// make makes the key that is asked for: of Sesame's, or of AWS where the target
// hands out such.
func (s *Remote) make(ctx context.Context, g access.Grant, asked KeyAsking, who Holder) (Key, error) {
	if asked.Direct && g.Vended && s.Vend != nil {
		return s.Vend(ctx, g, who)
	}
	until := s.Keys.Now().Add(KeyLasts)
	if asked.Whole || g.EndsAt.Before(until) {
		until = g.EndsAt
	}
	return s.Keys.Mint(ctx, g, until, who.From)
}

// served returns the grant that somebody holds at a moment and can have a key
// for: that of a target, or without one that of the only target. Of several on
// one target it is the last to end.
func (s *Remote) served(ctx context.Context, who access.PersonID, target string, now time.Time) (access.Grant, error) {
	var live, open []access.Grant
	err := each(ctx, s.Store, access.IndexLive, who, func(g access.Grant) {
		if target != "" && g.Target != target {
			return
		}
		live = append(live, g)
		if g.State == access.Open && now.Before(g.EndsAt) && s.Keys.Serves(g) {
			open = append(open, g)
		}
	})
	switch {
	case err != nil:
		return access.Grant{}, err
	case len(open) == 0:
		return access.Grant{}, s.nothing(live, target, now)
	}
	if names := targetsOf(open); len(names) > 1 {
		return access.Grant{}, several(names)
	}
	return lastToEnd(open), nil
}

func targetsOf(all []access.Grant) []string {
	var names []string
	for _, g := range all {
		names = append(names, g.Target)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func lastToEnd(all []access.Grant) access.Grant {
	last := all[0]
	for _, g := range all[1:] {
		if g.EndsAt.After(last.EndsAt) {
			last = g
		}
	}
	return last
}

func several(names []string) error {
	return &access.Refusal{Code: CodeSeveral, Text: fmt.Sprintf("You hold access to %s, and one key is for one of them: say which with --target, or in $SESAME_TARGET.", join(names))}
}

// nothing says why none of what somebody holds gives a key now.
func (s *Remote) nothing(live []access.Grant, target string, now time.Time) error {
	text := "You hold no access that gives a key to AWS: sesame targets list shows what you can ask for, and sesame mine what you wait for."
	if target != "" {
		text = fmt.Sprintf("You hold no access to %.100q: sesame targets list shows what you can ask for, and sesame mine what you hold.", target)
	}
	for _, g := range live {
		switch {
		case g.State == access.Opening:
			text = fmt.Sprintf("Your access to %s is being opened: try again in a moment.", g.Target)
		case g.State != access.Open || !now.Before(g.EndsAt):
			text = fmt.Sprintf("Your access to %s is over: ask again with sesame request %s.", g.Target, g.Target)
		case !s.Keys.Serves(g) && target != "":
			text = fmt.Sprintf("Your access to %s is not by a key of Sesame's: sesame mine %s says how you get in.", g.Target, g.Request)
		}
	}
	return &access.Refusal{Code: CodeNoAccess, Text: text}
}

// join is "a, b and c".
func join(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
