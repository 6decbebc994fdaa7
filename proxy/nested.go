package proxy

import (
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/proxy/calls"
)

// A Triple is a key as clients of AWS take it. It prints as its id.
type Triple struct{ ID, Secret, Token string }

// Format writes the id under every verb.
func (t Triple) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.ID) }

// MarshalText writes the id.
func (t Triple) MarshalText() ([]byte, error) { return []byte(t.ID), nil }

// handOut answers a call that Sesame brokers, with a key of the same grant. The
// session of AWS that a role gives stays here.
func (c *call) handOut(ctx context.Context) *refusal {
	c.sentAt = c.Wall.Now()
	var user types.AssumedRoleUser
	if c.found.Operation == assumeRole {
		var err error
		if user, err = c.Roles.Assume(ctx, c.key.Ring, c.grant, c.asks.roles...); err != nil {
			return c.notAssumed(err)
		}
	}
	fresh := c.key
	fresh.Roles, fresh.Expires = c.asks.roles, c.Clock.Now().Add(c.asks.lasts).Truncate(time.Second)
	// A key that is good for minutes, in case somebody takes it, begets none that
	// is good for hours.
	for _, end := range []time.Time{c.grant.EndsAt, c.key.Expires} {
		if end.Before(fresh.Expires) {
			fresh.Expires = end
		}
	}
	if c.key.By.ID != "" { // who holds a token is known by where they are alone
		fresh.Address = c.from
	}
	made, err := c.Keys.Mint(ctx, fresh)
	if err != nil {
		return asAnswer(c.unable(err, "make a key"))
	}
	return c.tellKey(issue{Triple: made, user: user, source: c.key.Ring.Params[paramPerson], until: c.asWall(fresh.Expires)})
}

// paramPerson is what the ring says who its holder is to AWS.
const paramPerson = "person"

// asWall is when something on Sesame's clock is for the client, who has no
// other clock than the world's.
func (c *call) asWall(t time.Time) time.Time {
	return c.Wall.Now().Add(t.Sub(c.Clock.Now())).UTC().Truncate(time.Second)
}

// notAssumed says why a role was not assumed: AWS's reasons are told, ours are
// logged.
func (c *call) notAssumed(err error) *refusal {
	role := c.asks.roles[len(c.asks.roles)-1].Role
	if errors.Is(err, access.ErrForbidden) {
		return asAnswer(deny(expired, "", "The grant %s on %s is over: ask again with sesame request %s.", c.grant.ID, c.grant.Target, c.grant.Target))
	}
	if api, answered := errors.AsType[smithy.APIError](err); answered && api.ErrorFault() != smithy.FaultServer {
		c.Log.Warn().Err(err).Str("call", c.id).Msg("go on as a role")
		return asAnswer(deny(denied, "", "AWS does not let the role of %s go on as %s (%s: %.300s): its trust policy is to name that role, and to allow sts:SetSourceIdentity, and sts:TagSession if the target has tags.",
			c.grant.Target, role, api.ErrorCode(), api.ErrorMessage()))
	}
	return asAnswer(c.unable(err, "go on as "+role))
}

// asAnswer has a refusal recorded as what came of a call that was begun.
func asAnswer(f *refusal) *refusal {
	f.kindOfEntry = calls.Answer
	return f
}

// An issue is a key that is handed out, and as whom.
type issue struct {
	Triple
	user   types.AssumedRoleUser
	source string
	until  time.Time // wall time
}

// tellKey records what is handed out, and then hands it out.
func (c *call) tellKey(i issue) *refusal {
	body, kind := c.stsAnswer(i)
	e := c.entry(calls.Answer)
	e.Status, e.Received, e.Took = http.StatusOK, int64(len(body)), c.Wall.Now().Sub(c.sentAt)
	e.Why = "answered by Sesame with the key " + i.ID + " until " + clockTime(i.until)
	if err := c.Calls.Append(e); err != nil {
		return asAnswer(c.unable(err, "record what is handed out"))
	}
	h := c.w.Header()
	h.Set("X-Amzn-Requestid", c.id)
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write(body) // the client may be gone
	return nil
}

// An stsResult is what STS answers, in either form.
type stsResult struct {
	User        *stsUser `xml:"AssumedRoleUser,omitempty" json:"AssumedRoleUser,omitempty"`
	Credentials stsKey   `xml:"Credentials" json:"Credentials"`
	Source      string   `xml:"SourceIdentity,omitempty" json:"SourceIdentity,omitempty"`
}

type stsUser struct {
	ID  string `xml:"AssumedRoleId" json:"AssumedRoleId"`
	ARN string `xml:"Arn" json:"Arn"`
}

type stsKey struct {
	ID      string  `xml:"AccessKeyId" json:"AccessKeyId"`
	Secret  string  `xml:"SecretAccessKey" json:"SecretAccessKey"`
	Token   string  `xml:"SessionToken" json:"SessionToken"`
	Expires string  `xml:"Expiration" json:"-"`
	Epoch   float64 `xml:"-" json:"Expiration"`
}

// stsAnswer is the answer of STS, which is XML, and JSON for who asks for that.
func (c *call) stsAnswer(i issue) (body []byte, kind string) {
	result := stsResult{Credentials: stsKey{i.ID, i.Secret, i.Token, i.until.Format(time.RFC3339), float64(i.until.Unix())}}
	if i.user.Arn != nil {
		result.User, result.Source = &stsUser{aws.ToString(i.user.AssumedRoleId), aws.ToString(i.user.Arn)}, i.source
	}
	name := c.found.Operation
	if strings.Contains(c.r.Header.Get("Accept"), "application/json") {
		return mustJSON(map[string]any{name + "Response": map[string]any{
			name + "Result": result, "ResponseMetadata": map[string]string{"RequestId": c.id},
		}}), "application/json"
	}
	text, err := xml.Marshal(struct {
		XMLName xml.Name
		Result  any
		ID      string `xml:"ResponseMetadata>RequestId"`
	}{xml.Name{Space: "https://sts.amazonaws.com/doc/2011-06-15/", Local: name + "Response"}, namedResult{xml.Name{Local: name + "Result"}, result}, c.id})
	if err != nil {
		panic(err) // texts encode
	}
	return text, "text/xml"
}

// A namedResult is a result under the name of its operation.
type namedResult struct {
	XMLName xml.Name
	stsResult
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers encode
	}
	return text
}

// lastRole is the role that calls with the key are made as, where it is not the
// target's own.
func (k Key) lastRole() string {
	if len(k.Roles) == 0 {
		return ""
	}
	return k.Roles[len(k.Roles)-1].Role
}

// account is where calls with the key are made.
func (k Key) account() string {
	return cmp.Or(flowfile.RoleAccount(k.lastRole()), k.Ring.Params[flowfile.ParamAccount])
}
