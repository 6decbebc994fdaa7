package identitycenter

import (
	"context"
	"errors"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"sesame/flows/access"
	"sesame/flows/clock"
)

// A meter stands around the calls of one API: it lets them wait for their
// turn, classifies their errors, measures the skew and tells who wants to
// know.
type meter struct {
	clock  clock.Clock
	limit  *limiter
	skew   *skew
	onCall func(Call)
}

// attach adds the meter to an SDK client.
func (m *meter) attach(stack *middleware.Stack) error {
	if err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("SesameMeter", m.call), middleware.After); err != nil {
		return err
	}
	return stack.Deserialize.Add(middleware.DeserializeMiddlewareFunc("SesameSent", markSent), middleware.After)
}

type sentKey struct{}

// markSent notes that the request is about to leave: from here on, only an
// answer can say that it had no effect.
func markSent(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	if sent, ok := middleware.GetStackValue(ctx, sentKey{}).(*bool); ok {
		*sent = true
	}
	return next.HandleDeserialize(ctx, in)
}

func (m *meter) call(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	if err := m.limit.wait(ctx); err != nil {
		return middleware.InitializeOutput{}, middleware.Metadata{}, classify(err, false)
	}
	sent, began := new(bool), m.clock.Now()
	out, md, err := next.HandleInitialize(middleware.WithStackValue(ctx, sentKey{}, sent), in)
	err = classify(err, *sent)
	m.skew.learn(md)
	if way, ok := errors.AsType[*access.WayError](err); ok && isThrottle(err) {
		m.limit.slow(way.After)
	}
	if m.onCall != nil {
		m.onCall(m.report(ctx, md, began, err))
	}
	return out, md, err
}

func (m *meter) report(ctx context.Context, md middleware.Metadata, began time.Time, err error) Call {
	c := Call{
		Service: awsmiddleware.GetServiceID(ctx), Operation: awsmiddleware.GetOperationName(ctx),
		At: began, Took: m.clock.Now().Sub(began), Err: err,
	}
	c.RequestID, _ = awsmiddleware.GetRequestIDMetadata(md)
	if err == nil {
		return c
	}
	c.Class = access.ClassOf(err)
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		c.Code = api.ErrorCode()
	}
	if resp, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		c.RequestID = resp.ServiceRequestID()
	}
	return c
}

// A skew is how far AWS's clock is ahead of this machine's, by its last two
// answers. The smaller counts: one that was long under way says little.
type skew struct {
	mu   sync.Mutex // guards what follows
	last [2]time.Duration
	n    int
}

func (s *skew) learn(md middleware.Metadata) {
	server, ok := awsmiddleware.GetServerTime(md)
	at, answered := awsmiddleware.GetResponseAt(md)
	if !ok || !answered {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	d := server.Sub(at)
	if s.n == 0 {
		s.last[1] = d
	}
	s.last[s.n%2] = d
	s.n++
}

func (s *skew) now() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last[0].Abs() < s.last[1].Abs() {
		return s.last[0]
	}
	return s.last[1]
}
