package proxy

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sesame/flows/flowfile"
	"sesame/proxy/awsapi"
	"sesame/proxy/calls"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// sessionCalls are the operations whose sessions can be recorded. Others that
// open one have a protocol of their own, and stay refused.
var sessionCalls = map[string]ssm.Call{
	"ssm:StartSession":   ssm.StartSession,
	"ssm:ResumeSession":  ssm.ResumeSession,
	"ecs:ExecuteCommand": ssm.ExecuteCommand,
}

const (
	endsSession    = "ssm:TerminateSession"
	resumesSession = "ssm:ResumeSession"
)

// opens is how the call is answered if it is one for a session that is
// recorded; else it is zero.
func (c *call) opens() ssm.Call {
	if c.Sessions.Recorders == nil || c.found.Known == nil {
		return 0
	}
	return sessionCalls[c.found.Service+":"+c.found.Operation]
}

// ownSession finds the session that a call is about which may only be about
// one's own. For other calls it is nil.
func (c *call) ownSession() (*session, *refusal) {
	name := namesOf(c.found)[0]
	if c.Sessions.Recorders == nil || name != endsSession && name != resumesSession {
		return nil, nil
	}
	id := c.params["SessionId"]
	if !c.read || len(id) != 1 {
		return nil, deny(denied, "session", "Sesame does not see which session this is about: use an unchanged SDK or the AWS CLI.")
	}
	s := c.bridged.find(id[0])
	if s == nil || s.grant.ID != c.grant.ID || s.person != c.grant.Holder {
		return nil, deny(denied, "session", "The session %.80q is not one that this access has open through Sesame: it is over, or was cut off when Sesame was started again; start another one.", id[0])
	}
	return s, nil
}

// answerSession passes the answer to a call for a session on, once the session
// is known and recorded, with a token of ours in place of AWS's. What cannot
// be recorded is ended before anybody was in it.
func (c *call) answerSession(ctx context.Context, res *http.Response) *refusal {
	body, err := io.ReadAll(io.LimitReader(res.Body, ssm.MaxJSON+1))
	if err != nil {
		c.endUnread(ctx, body)
		return c.unanswered(ctx, err)
	}
	ours := rand.Text() + rand.Text()
	answer, rewritten, err := ssm.RewriteAnswer(c.opens(), body, ours)
	if err == nil && res.Header.Get("Content-Encoding") != "" {
		err = errors.New("the answer is encoded")
	}
	if err == nil {
		err = c.admitSession(ctx, answer, ours)
	}
	if err != nil {
		return c.noSession(ctx, body, err)
	}
	e := c.answered(res, int64(len(rewritten)))
	if err := c.Calls.Append(e); err != nil {
		if s := c.bridged.find(answer.SessionID); s != nil {
			s.cut(&ending{why: "The start of this session could not be recorded, so Sesame ended it: start another one.", cause: err})
		}
		return c.unrecorded(err)
	}
	res.Header.Set("Content-Length", strconv.Itoa(len(rewritten)))
	c.passHead(res)
	_, _ = c.w.Write(rewritten) // whoever is gone can resume, or is waited for in vain
	return nil
}

// answered is the entry about an answer.
func (c *call) answered(res *http.Response, length int64) calls.Entry {
	e := c.entry(calls.Answer)
	e.Status, e.Received, e.Took, e.AWSID = res.StatusCode, length, c.Wall.Now().Sub(c.sentAt), awsID(res.Header)
	return e
}

func (c *call) unrecorded(err error) *refusal {
	f := c.unable(err, "record the outcome")
	f.why = "The call was made, and its outcome could not be recorded, so that it is not told either: look at what became of it."
	return f
}

// admitSession makes the session of an answer known, or gives the one that is
// known another token.
func (c *call) admitSession(ctx context.Context, a ssm.Answer, ours string) error {
	if c.opens() == ssm.ResumeSession {
		s, refused := c.ownSession()
		if refused != nil {
			return errors.New(refused.why)
		}
		switch {
		case a.Token == "":
			s.cut(&ending{why: "AWS had given this session up before it was resumed.", gone: true, told: true})
			return nil
		case a.SessionID != s.id:
			return errors.New("AWS answered with another session")
		}
		stream, err := c.streamOf(a)
		if err != nil {
			return err
		}
		s.resumedAt(stream)
		s.issue(ours, c.signed.KeyID, a.Token)
		return nil
	}
	s, err := c.newSession(ctx, a)
	if err != nil {
		return err
	}
	s.issue(ours, c.signed.KeyID, a.Token)
	return s.begin(ctx)
}

// streamOf is the address of a data channel, which has to be one that comes
// through here.
func (c *call) streamOf(a ssm.Answer) (*url.URL, error) {
	u, err := url.Parse(a.StreamURL)
	if err != nil {
		return nil, errors.New("the stream URL cannot be read")
	}
	e, ours := c.hosts.resolve(c.Table, u.Host)
	switch {
	case u.Scheme != "wss" || !ours || !e.Serves(awsapi.Channels, c.signed.Scope.Region):
		return nil, fmt.Errorf("the stream is at %.100q, which is no data channel of %s", u.Host, c.signed.Scope.Region)
	case u.Path != channelPath+a.SessionID || a.Token == "":
		return nil, errors.New("the stream is not that of the session")
	}
	return u, nil
}

// newSession is the session that an answer is about.
func (c *call) newSession(ctx context.Context, a ssm.Answer) (*session, error) {
	stream, err := c.streamOf(a)
	if err != nil {
		return nil, err
	}
	request, err := c.asked.get(ctx, c.Store, c.grant.Request)
	if err != nil {
		return nil, fmt.Errorf("read what the grant was given for: %w", err)
	}
	lists, err := flowfile.ParseCalls(c.key.Ring.Params)
	if err != nil {
		return nil, err
	}
	control, _ := awsapi.ControlHost(stream.Host)
	s := &session{
		Proxy: c.Proxy, id: a.SessionID, grant: c.grant, ring: c.key.Ring, person: c.grant.Holder, lists: lists,
		stream: stream, control: control, region: c.signed.Scope.Region, moved: make(chan struct{}, 1), idle: c.Clock.Now(),
	}
	wanted := c.wanted()
	s.aimedAt = wanted.target
	s.about = record.About{
		ID: record.NewID(), Began: s.idle, Kind: wanted.kind, Grant: string(c.grant.ID), Request: string(c.grant.Request), Person: string(c.grant.Holder),
		PersonName: request.By.Name, Target: c.grant.Target, Instance: wanted.target, Document: wanted.document, Command: wanted.place(),
		Session: a.SessionID, Region: s.region,
	}
	s.tap = ssm.New(ssm.Options{Emit: s.take, Key: s.dataKey})
	return s, nil
}

// begin has the session recorded and watched over. Without both it is none.
func (s *session) begin(ctx context.Context) error {
	var err error
	if s.recorded, err = s.Sessions.Recorders.Begin(ctx, s.about); err != nil {
		return fmt.Errorf("begin its recording: %w", err)
	}
	s.over, s.cut = context.WithCancelCause(context.Background()) // it outlives the call that began it
	if err := s.bridged.add(s); err != nil {
		return errors.Join(err, s.recorded.End(s.Clock.Now(), "It did not begin: "+err.Error()))
	}
	return nil
}

// noSession refuses a session that AWS has started, and ends it there.
func (c *call) noSession(ctx context.Context, body []byte, err error) *refusal {
	c.Log.Error().Err(err).Str("call", c.id).Msg("begin a session")
	f := deny(unavailable, "session", "Sesame could not record this session, so it was ended before it began: try again, and tell its operators if that does not help.")
	f.kindOfEntry = calls.Answer
	c.endUnread(ctx, body)
	return f
}

// endUnread ends a session at AWS of whose answer nobody gets anything, as far as
// that says which it is. One that was to be resumed goes on as it was.
func (c *call) endUnread(ctx context.Context, body []byte) {
	id := ssm.FindSession(body)
	if id == "" || c.opens() == ssm.ResumeSession {
		return
	}
	control := c.host
	if elsewhere, ok := strings.CutPrefix(control, c.found.Service); ok {
		control = "ssm" + elsewhere
	}
	s := &session{Proxy: c.Proxy, id: id, grant: c.grant, ring: c.key.Ring, person: c.grant.Holder, control: control, region: c.signed.Scope.Region}
	s.terminate(context.WithoutCancel(ctx))
}

// A wanted session is what a call for one asks for.
type wanted struct {
	kind     record.Kind
	target   string
	document string
	host     string // whereto a port session leads, from the target
	port     string
	unknown  []string // parameters that nobody here knows
}

// place is where a port session leads.
func (w wanted) place() string {
	if w.port == "" {
		return ""
	}
	return cmp.Or(w.host, localhost) + ":" + w.port
}

func only(values []string) string {
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// wanted reads what the call asks for, which the judge has looked at.
func (c *call) wanted() wanted {
	if c.opens() == ssm.ExecuteCommand {
		return wanted{kind: record.ECS, target: strings.Join(slices.Concat(c.params["cluster"], c.params["task"]), " ")}
	}
	w, _ := readDocument(c.params, c.body)
	return w
}
