package awstest_test

import (
	"context"
	"errors"
	"testing"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/identitystore"
	store "github.com/aws/aws-sdk-go-v2/service/identitystore/types"
	sso "github.com/aws/aws-sdk-go-v2/service/ssoadmin/types"
	"github.com/aws/smithy-go"

	"sesame/strategies/awstest"
)

const createCall = "CreateAccountAssignment"

func wantNoAnswer(t *testing.T, err error) {
	t.Helper()
	var api smithy.APIError
	if err == nil || errors.As(err, &api) {
		t.Errorf("got %v, want an error without an answer from AWS", err)
	}
}

func TestLostResponseHasItsEffect(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Drop, Operation: createCall, AfterEffect: true})
	_, err := r.create(r.tuple(payments))
	wantNoAnswer(t, err)
	r.clock.Advance(2 * time.Second)
	if len(r.w.Assignments()) != 1 {
		t.Error("no effect")
	}
	call := r.w.Calls()[0]
	if !call.Done || !call.Unheard || call.Outcome != awstest.OK {
		t.Errorf("call = %+v, want done and unheard", call)
	}
}

func TestDroppedRequestHasNone(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Drop, Operation: createCall})
	_, err := r.create(r.tuple(payments))
	wantNoAnswer(t, err)
	r.clock.Advance(2 * time.Second)
	if len(r.w.Assignments()) != 0 {
		t.Error("it had an effect")
	}
	if call := r.w.Calls()[0]; call.Done || call.Outcome != awstest.Dropped {
		t.Errorf("call = %+v, want dropped", call)
	}
	must(r.create(r.tuple(payments)))(t)
}

func TestServerErrors(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.ServerError, Operation: createCall})
	_, err := r.create(r.tuple(payments))
	wantError[*sso.InternalServerException](t, err)
	r.w.Fault(awstest.Fault{Kind: awstest.Unavailable, Operation: createCall})
	_, err = r.create(r.tuple(payments))
	if resp := wantError[*awshttp.ResponseError](t, err); resp != nil && resp.HTTPStatusCode() != 503 {
		t.Errorf("status = %d, want 503", resp.HTTPStatusCode())
	}
	if len(r.w.Operations()) != 0 {
		t.Error("they had an effect")
	}
	r.w.Fault(awstest.Fault{Kind: awstest.ServerError, Operation: createCall, AfterEffect: true})
	_, err = r.create(r.tuple(payments))
	wantError[*sso.InternalServerException](t, err)
	if len(r.w.Operations()) != 1 {
		t.Error("a 500 after the effect had none")
	}
}

func TestFailedOperation(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.FailOperation, Operation: createCall, Reason: "role quota reached"})
	op := must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(2 * time.Second)
	if got := r.creation(op.RequestId); got.Status != sso.StatusValuesFailed || *got.FailureReason != "role quota reached" {
		t.Errorf("operation = %s, want FAILED with its reason", got.Status)
	}
	if len(r.w.Assignments()) != 0 {
		t.Error("a failed creation had an effect")
	}
}

func TestConflictSomeTimes(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Conflict, Operation: createCall, Times: 3})
	for range 3 {
		_, err := r.create(r.tuple(payments))
		wantError[*sso.ConflictException](t, err)
	}
	must(r.create(r.tuple(payments)))(t)
}

func TestFaultsUntilCleared(t *testing.T) {
	r := newRig(t)
	clear := r.w.Fault(awstest.Fault{
		Kind: awstest.Throttle, Times: -1,
		When: func(c awstest.Call) bool { return c.Input["TargetId"] == payments },
	})
	for range 3 {
		_, err := r.create(r.tuple(payments))
		wantError[*sso.ThrottlingException](t, err)
	}
	must(r.create(r.tuple(billing)))(t)
	clear()
	clear()
	must(r.create(r.tuple(payments)))(t)
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Deny, Operation: createCall})
	_, err := r.create(r.tuple(payments))
	wantError[*sso.AccessDeniedException](t, err)
	r.w.Fault(awstest.Fault{Kind: awstest.Refuse, Code: "ServiceQuotaExceededException"})
	_, err = r.create(r.tuple(payments))
	wantError[*sso.ServiceQuotaExceededException](t, err)
	r.w.Fault(awstest.Fault{Kind: awstest.Throttle, Operation: "ListGroups", RetryAfter: 1500 * time.Millisecond})
	_, err = r.store.ListGroups(r.ctx(), &identitystore.ListGroupsInput{IdentityStoreId: ptr(storeID)})
	if e := wantError[*store.ThrottlingException](t, err); e != nil && e.RetryAfterSeconds != 2 {
		t.Errorf("retry after %d, want 2", e.RetryAfterSeconds)
	}
}

func TestOperationThatNeverFinishes(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.NeverFinish, Operation: createCall})
	op := must(r.create(r.tuple(payments)))(t)
	r.clock.Advance(9 * time.Minute)
	_, err := r.delete(r.tuple(payments))
	wantError[*sso.ConflictException](t, err)
	r.clock.Advance(time.Minute)
	if now, _ := r.w.Outstanding(); now != 0 {
		t.Error("it keeps its place")
	}
	if got := r.creation(op.RequestId).Status; got != sso.StatusValuesInProgress {
		t.Errorf("status = %s, want IN_PROGRESS for ever", got)
	}
	must(r.create(r.tuple(payments)))(t)
}

func TestLostResponseOfASlowOperation(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Slow, Operation: createCall, Delay: time.Minute})
	r.w.Fault(awstest.Fault{Kind: awstest.Drop, Operation: createCall, AfterEffect: true})
	_, err := r.create(r.tuple(payments))
	wantNoAnswer(t, err)
	r.clock.Advance(59 * time.Second)
	if len(r.w.Assignments()) != 0 {
		t.Error("it did not take its time")
	}
	r.clock.Advance(time.Second)
	if len(r.w.Assignments()) != 1 {
		t.Error("it did not complete late")
	}
}

func TestHangingCallEndsWithItsCaller(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Hang, Operation: createCall})
	ctx, cancel := context.WithCancel(t.Context())
	r.w.OnCall(func(c awstest.Call) {
		if c.Stage == awstest.AfterEffect {
			cancel()
		}
	})
	_, err := r.sso.CreateAccountAssignment(ctx, createInput(r.tuple(payments)))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the caller's own end", err)
	}
	if len(r.w.Operations()) != 0 {
		t.Error("it had an effect")
	}
}

func TestHangingCallEndsWithItsFault(t *testing.T) {
	r := newRig(t)
	r.w.Fault(awstest.Fault{Kind: awstest.Hang, Operation: createCall})
	r.w.OnCall(func(c awstest.Call) {
		if c.Stage == awstest.AfterEffect {
			r.w.ClearFaults()
		}
	})
	_, err := r.create(r.tuple(payments))
	wantNoAnswer(t, err)
}
