package proxy

import (
	"context"
	"strings"
	"sync"

	"sesame/flows/access"
	"sesame/policies"
	"sesame/proxy/awsapi"
)

// ask has the target's rules look at the call. They come last, so that they
// need not be about what is refused in any case.
func (j *judge) ask(ctx context.Context, c *call) *refusal {
	if j.rules == nil {
		return nil
	}
	request, err := c.asked.get(ctx, c.Store, c.grant.Request)
	if err != nil {
		return c.unable(err, "read what the grant was given for")
	}
	names := namesOf(c.found)
	about := policies.Call{
		Service: c.found.Service, Operation: operationOf(c.found), Level: c.found.Level().String(), Region: c.region(),
		Actions: need(c.actions, names), Params: c.params, Partial: c.partial, Unread: c.unread(),
		Grant: c.grant.ID, Ends: c.grant.EndsAt, Request: request, Now: c.Clock.Now(),
	}
	if c.from.IsValid() {
		about.SourceIP = c.from.String()
	}
	if why, refused := j.rules.Refuses(about); refused {
		return deny(denied, strings.TrimSpace("calls.rules "+why.Rule), "%s", why.Text)
	}
	return nil
}

// unread says why the call may have parameters that are not known; empty when
// it has none.
func (c *call) unread() string {
	switch {
	case c.found.Known == nil:
		return "Sesame does not know the operation"
	case c.r.ContentLength == 0:
		return ""
	case !c.read, c.found.Protocol == awsapi.RestXML, c.found.Protocol == awsapi.JSON && strings.Contains(c.r.Header.Get("Content-Type"), "cbor"):
		return "Sesame does not read bodies that are XML, streamed or so large"
	}
	return ""
}

// requests are those that grants came from. Who asked, and for what, does not
// change, so they are read once.
type requests struct {
	mu   sync.RWMutex // guards what follows
	seen map[access.RequestID]*access.Request
}

func (rs *requests) get(ctx context.Context, store Reader, id access.RequestID) (*access.Request, error) {
	rs.mu.RLock()
	seen := rs.seen[id]
	rs.mu.RUnlock()
	if seen != nil {
		return seen, nil
	}
	rec, err := store.Get(ctx, access.Request{ID: id}.Key())
	if err != nil {
		return nil, err
	}
	fresh, err := access.Decode[access.Request](rec)
	if err != nil {
		return nil, err
	}
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if rs.seen == nil || len(rs.seen) >= maxSeen {
		rs.seen = map[access.RequestID]*access.Request{}
	}
	rs.seen[id] = &fresh
	return &fresh, nil
}
