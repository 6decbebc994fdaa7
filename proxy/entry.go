package proxy

import (
	"cmp"
	"context"
	"strings"

	"sesame/flows/access"
	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
)

const maxAgent = 200

// entry begins an entry about the call, with what is known of it so far.
func (c *call) entry(k calls.Kind) calls.Entry {
	if c.about.Call == "" {
		c.about = c.describe()
	}
	e := c.about
	e.At, e.Kind = c.Clock.Now(), k
	return e
}

// given is the grant of the call's key, at which a call that was refused early
// has not been looked.
func (c *call) given() access.Grant {
	if c.grant.ID != "" {
		return c.grant
	}
	g, err := c.grants.get(context.WithoutCancel(c.r.Context()), c.Store, c.key.Grant)
	if err != nil {
		return access.Grant{} // of which no more is known than its id
	}
	return g
}

func (c *call) describe() calls.Entry {
	agent, grant := c.r.Header.Get("User-Agent"), c.given()
	e := calls.Entry{
		Call: c.id, Grant: string(c.key.Grant), Person: string(cmp.Or(grant.Holder, c.key.By.Owner)), Target: cmp.Or(grant.Target, c.key.By.Asked), Key: c.signed.KeyID,
		Role: c.key.lastRole(), Token: c.key.By.Name,
		Agent: agent[:min(len(agent), maxAgent)], Service: c.found.Service, Operation: c.found.Operation,
		Level: c.found.Level().String(), Region: c.region(), Params: c.params, Body: c.signed.Digest(), Sent: c.r.ContentLength,
	}
	if c.from.IsValid() {
		e.From = c.from.String()
	}
	if c.found.Service == "" { // refused before that was found out
		e.Service, e.Level = c.signed.Scope.Service, ""
	}
	if c.found.Known == nil {
		path, _, _ := strings.Cut(c.r.RequestURI, "?")
		e.Operation = strings.TrimSpace(e.Operation + " " + c.r.Method + " " + path[:min(len(path), maxAgent)])
		return e
	}
	e.Actions = c.actions
	e.Resources = c.found.Resources(c.params, awsapi.Place{
		Partition: c.request.Endpoint.Partition, Region: c.region(), Account: c.key.account(),
	})
	return e
}
