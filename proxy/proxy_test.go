package proxy_test

import (
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/calls"
)

func TestCallsGoOnUnderTheRole(t *testing.T) {
	r := newRig(t, "")
	w := r.serve(r.signed(item(`{"TableName":"orders","Item":{"id":{"S":"secret-value"}}}`)), home)
	if w.Code != http.StatusOK || w.Body.String() != `{"Count":7}` || w.Header().Get("X-Amzn-Requestid") != "aws-1" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	got := r.aws.received()[0]
	if got.session.Source != "alice@example.com" || !strings.Contains(got.session.Caller.ARN, "alice@example.com+g-0123456789") {
		t.Errorf("called as %+v", got.session.Caller)
	}
	if got.header.Get("X-Amz-Security-Token") == r.key.Token || strings.Contains(got.header.Get("Authorization"), r.key.ID) {
		t.Error("the proxy key reached AWS")
	}
	entries := r.entries()
	if diff := cmp.Diff([]calls.Kind{calls.Intent, calls.Answer}, kinds(entries)); diff != "" {
		t.Fatal(diff)
	}
	e := entries[1]
	e.Seq, e.Took, e.Call, e.Key, e.Body = 0, 0, "", "", ""
	want := calls.Entry{
		At: noon, Kind: calls.Answer, Grant: "g-0123456789", Person: "p-alice00000", Target: "ec2-frontend", From: "192.0.2.7", Service: "dynamodb",
		Operation: "PutItem", Actions: []string{"dynamodb:PutItem"}, Level: "write", Region: region, Params: map[string][]string{"TableName": {"orders"}},
		Resources: []string{"arn:aws:dynamodb:us-east-1:222222222222:table/orders"}, Sent: 57, Received: 11, Status: 200, AWSID: "aws-1",
	}
	if diff := cmp.Diff(want, e); diff != "" {
		t.Error(diff)
	}
	if entries[0].Call != entries[1].Call || entries[0].Key != r.key.ID || len(entries[0].Body) != 64 {
		t.Errorf("%+v", entries[0])
	}
}

func TestReadsAreRecordedOnce(t *testing.T) {
	r := newRig(t, "")
	r.serve(r.signed(query()), home)
	if diff := cmp.Diff([]calls.Kind{calls.Answer}, kinds(r.entries())); diff != "" {
		t.Error(diff)
	}
}

// TestRefusals holds the sentence of each refusal, and that nothing of it
// reaches AWS.
func TestRefusals(t *testing.T) {
	wall := clock.System{}.Now()
	unsignedHeader := func(req *http.Request) { req.Header.Set("X-Amz-Acl", "public-read") }
	for name, c := range map[string]struct {
		lists    string
		message  func(r *rig) message
		tamper   func(*http.Request)
		before   func(r *rig)
		from     string
		status   int
		code     string
		sentence string
		quiet    bool // and nobody knows whom to record it of
	}{
		"address": {
			message: func(r *rig) message {
				k := r.mint(netip.MustParseAddr("198.51.100.1"))
				m := query()
				m.key = &k
				return m
			},
			status: 400, code: "AccessDeniedException", sentence: "This key is bound to the address 198.51.100.1, and the call comes from 192.0.2.7: get a key where it is used.",
		},
		"tampered": {
			tamper: func(req *http.Request) { req.Header.Set("X-Amz-Target", "DynamoDB_20120810.Scan") }, quiet: true,
			status: 400, code: "InvalidSignatureException", sentence: "Sesame cannot take this request: the signature does not match; check that the three parts of the key belong together.",
		},
		"another body": {
			message: func(*rig) message { return item(`{"TableName":"orders"}`) },
			tamper:  func(req *http.Request) { req.Body = io.NopCloser(strings.NewReader(`{"TableName":"others"}`)) },
			status:  400, code: "InvalidSignatureException", sentence: "Sesame cannot take this request: the body is not the one that was signed; have the client send what it signed.",
		},
		"unsigned header": {
			tamper: unsignedHeader, quiet: true,
			status: 400, code: "AccessDeniedException", sentence: `Sesame cannot take this request: a header is not signed: "x-amz-acl"; have the client sign it, or leave it out.`,
		},
		"unsigned": {
			tamper: func(req *http.Request) { req.Header.Del("Authorization") }, quiet: true,
			status: 400, code: "MissingAuthenticationTokenException", sentence: "Sesame cannot take this request: the request is not signed; run it with sesame run, or set the credentials that sesame env prints.",
		},
		"another region": {
			message: func(*rig) message { m := query(); m.region = "eu-west-1"; return m },
			status:  400, code: "AccessDeniedException", sentence: "The request is signed for dynamodb in eu-west-1, which dynamodb.us-east-1.amazonaws.com does not serve: set the region of the client to that of the endpoint.",
		},
		"another service": {
			message: func(*rig) message { m := query(); m.service = "sqs"; return m },
			status:  400, code: "AccessDeniedException", sentence: "The request is signed for sqs in us-east-1, which dynamodb.us-east-1.amazonaws.com does not serve: set the region of the client to that of the endpoint.",
		},
		"forged host": {
			tamper: func(req *http.Request) { req.Host = "dynamodb.eu-west-1.amazonaws.com" }, quiet: true,
			status: 400, code: "InvalidSignatureException", sentence: "Sesame cannot take this request: the signature does not match; check that the three parts of the key belong together.",
		},
		"old": {
			message: func(*rig) message { m := query(); m.at = wall.Add(-time.Hour); return m }, quiet: true,
			status: 400, code: "InvalidSignatureException",
		},
		"unknown key": {
			message: under("SESA" + strings.Repeat("A", 16)), quiet: true,
			status: 400, code: "UnrecognizedClientException", sentence: "Sesame does not know this key, or its grant is over: get a fresh one with sesame env.",
		},
		"unknown token": {
			message: under("SEST" + strings.Repeat("A", 16) + "#ec2-frontend"), quiet: true,
			status: 400, code: "UnrecognizedClientException", sentence: "Sesame does not know this token, or not for this target: sesame tokens list shows yours, and sesame tokens create makes another.",
		},
		"ended and removed": {
			before: func(r *rig) { r.end(); r.remove() }, quiet: true,
			status: 400, code: "ExpiredTokenException", sentence: "The grant g-0123456789 on ec2-frontend ended at 2026-11-20 12:00:00 UTC: ask again with sesame request ec2-frontend.",
		},
		"ended and removed, with another's key": {
			before: func(r *rig) { r.end(); r.remove() }, message: under("SESA" + strings.Repeat("A", 16)), quiet: true,
			status: 400, code: "UnrecognizedClientException", sentence: "Sesame does not know this key, or its grant is over: get a fresh one with sesame env.",
		},
		"removed": {
			before: (*rig).remove, quiet: true,
			status: 400, code: "UnrecognizedClientException", sentence: "Sesame does not know this key, or its grant is over: get a fresh one with sesame env.",
		},
		"after the end": {
			before: func(r *rig) { r.clock.Advance(time.Hour) },
			status: 400, code: "ExpiredTokenException", sentence: "The grant g-0123456789 on ec2-frontend ended at 2026-11-20 13:00:00 UTC: ask again with sesame request ec2-frontend.",
		},
		"ended early": {
			before: func(r *rig) { r.clock.Advance(time.Minute); r.end() },
			status: 400, code: "ExpiredTokenException", sentence: "The grant g-0123456789 on ec2-frontend ended at 2026-11-20 12:01:00 UTC: ask again with sesame request ec2-frontend.",
		},
		"not open yet": {
			before: func(r *rig) { g := r.grant(); g.State = access.Opening; r.put(g) },
			status: 400, code: "AccessDeniedException", sentence: "The grant g-0123456789 is not open yet: try again in a moment.",
		},
		"the key is over": {
			before: func(r *rig) {
				g := r.grant()
				g.EndsAt = noon.Add(9 * time.Hour)
				r.put(g)
				r.clock.Advance(2 * time.Hour)
			},
			status: 400, code: "ExpiredTokenException", sentence: "This key ended at 2026-11-20 14:00:00 UTC, and its grant is still open: get a fresh key with sesame env.",
		},
		"read only": {
			lists: `{"read_only":true}`, message: func(*rig) message { return item(`{"TableName":"orders"}`) },
			status: 400, code: "AccessDeniedException", sentence: "dynamodb:PutItem may change something, and ec2-frontend is read-only: ask for another target.",
		},
		"not allowed": {
			lists:  `{"allow":["ec2:Describe*"]}`,
			status: 400, code: "AccessDeniedException", sentence: "dynamodb:Query is not among what ec2-frontend allows: ask for another target.",
		},
		"denied": {
			lists:  `{"deny":["dynamodb:qu?ry"]}`,
			status: 400, code: "AccessDeniedException", sentence: "dynamodb:Query is refused on ec2-frontend by calls.deny (dynamodb:qu?ry): ask for another target.",
		},
		"two protocols": {
			message: func(*rig) message { m := query(); m.header["Smithy-Protocol"] = "rpc-v2-cbor"; return m },
			status:  403, code: "AccessDeniedException", sentence: "",
		},
		"credentials": {
			message: func(*rig) message {
				return message{
					method: "POST", url: "https://sts.us-east-1.amazonaws.com/", service: "sts", body: "Action=AssumeRole&Version=2011-06-15&RoleArn=a&RoleSessionName=b",
					header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
				}
			},
			status: 403, code: "<Code>AccessDenied</Code>", sentence: `Going on as "a" is refused on ec2-frontend, which lists no roles to go on as: if it is to, its calls.assume names them.`,
		},
		"user data": {
			message: func(*rig) message {
				return message{
					method: "POST", url: "https://ec2.us-east-1.amazonaws.com/", service: "ec2", body: "Action=RunInstances&Version=2016-11-15",
					header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
				}
			},
			status: 403, code: "<Code>UnauthorizedOperation</Code>", sentence: "ec2:RunInstances is refused through Sesame, since it runs code or commands under another role: if the target is to allow it, its calls.escalate names it.",
		},
		"role for a service": {
			message: func(*rig) message {
				return message{
					method: "POST", url: "https://rds.us-east-1.amazonaws.com/", service: "rds", body: "Action=ModifyDBInstance&Version=2014-10-31&DBInstanceIdentifier=db&MonitoringRoleArn=arn",
					header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
				}
			},
			status: 403, code: "<Code>AccessDenied</Code>", sentence: "rds:ModifyDBInstance is refused through Sesame, since it may hand over a role for something else to run as: if the target is to allow it, its calls.escalate names it.",
		},
		"bucket policy": {
			message: func(*rig) message {
				return message{method: "PUT", url: "https://b.s3.us-east-1.amazonaws.com/?policy", service: "s3", body: "{}"}
			},
			status: 403, code: "<Code>AccessDenied</Code>", sentence: "s3:PutBucketPolicy is refused through Sesame, since it changes permissions: if the target is to allow it, its calls.escalate names it.",
		},
		"shared object": {
			message: func(*rig) message {
				return message{method: "PUT", url: "https://b.s3.us-east-1.amazonaws.com/k", service: "s3", body: "x", header: map[string]string{"X-Amz-Acl": "public-read"}}
			},
			status: 403, code: "<Code>AccessDenied</Code>", sentence: "s3:PutObject is refused through Sesame, since it shares what it writes, beyond the grant: if the target is to allow it, its calls.escalate names it.",
		},
		"shared object, in the query": {
			message: func(*rig) message {
				return message{method: "POST", url: "https://b.s3.us-east-1.amazonaws.com/k?uploads=&X-Amz-Grant-Read=id%3D1", service: "s3"}
			},
			status: 403, code: "<Code>AccessDenied</Code>", sentence: "s3:CreateMultipartUpload is refused through Sesame, since it shares what it writes, beyond the grant: if the target is to allow it, its calls.escalate names it.",
		},
		"a form where none is spoken": {
			message: func(*rig) message {
				return message{
					method: "POST", url: "https://ssm.us-east-1.amazonaws.com/", service: "ssm", body: "Action=SendCommand&Version=2014-11-06",
					header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
				}
			},
			status: 403, code: "<Code>AccessDenied</Code>", sentence: "ssm:unknown is refused through Sesame, since Sesame does not know it as it is asked for, and it may do anything: if the target is to allow it, its calls.escalate names it.",
		},
		"a form in chunks": {
			message: func(*rig) message {
				return message{
					method: "POST", url: "https://sts.us-east-1.amazonaws.com/", service: "sts", body: "Action=GetSessionToken&Version=2011-06-15", payload: "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
					header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
				}
			},
			status: 403, code: "<Code>AccessDenied</Code>", sentence: "Sesame cannot tell what this request asks for: the encoding of the request is not known: a body in chunks, as S3 alone takes it; use an unchanged SDK or the AWS CLI.",
		},
		"an operation by an older version": {
			message: func(*rig) message {
				return message{method: "GET", url: "https://ec2.us-east-1.amazonaws.com/?Action=ModifySnapshotAttribute&Version=2014-06-15", service: "ec2"}
			},
			status: 403, code: "<Code>UnauthorizedOperation</Code>", sentence: "ec2:ModifySnapshotAttribute is refused through Sesame, since Sesame does not know it as it is asked for, and it may do anything: if the target is to allow it, its calls.escalate names it.",
		},
		"an operation by another name": {
			lists: `{"allow":["dynamodb:*"],"escalate":["dynamodb:Query"]}`,
			message: func(*rig) message {
				m := query()
				m.header["X-Amz-Target"] = "com.amazonaws.DynamoDB_20120810.PutResourcePolicy"
				return m
			},
			status: 400, code: "AccessDeniedException", sentence: "dynamodb:amazonaws.DynamoDB_20120810.PutResourcePolicy is refused through Sesame, since Sesame does not know it as it is asked for, and it may do anything: if the target is to allow it, its calls.escalate names it.",
		},
		"no endpoint of AWS": {
			message: func(*rig) message { m := query(); m.url = "https://my-box.us-east-1.amazonaws.com/"; return m },
			status:  400, code: "AccessDeniedException", sentence: "my-box.us-east-1.amazonaws.com is no endpoint of AWS, so Sesame does not sign for it.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.lists)
			m := query()
			if c.message != nil {
				m = c.message(r)
			}
			req := r.signed(m)
			if c.tamper != nil {
				c.tamper(req)
			}
			if c.before != nil {
				c.before(r)
			}
			w := r.serve(req, home)
			text := w.Body.String() + w.Header().Get("X-Amzn-Errortype")
			if w.Code != c.status || !strings.Contains(text, c.code) || !strings.Contains(plain(text), c.sentence) {
				t.Errorf("%d %s, want %d %s %s", w.Code, text, c.status, c.code, c.sentence)
			}
			if n := len(r.aws.received()); n != 0 {
				t.Error("it reached AWS")
			}
			entries := r.entries()
			if c.quiet != (len(entries) == 0) || !c.quiet && (entries[0].Kind != calls.Refused || entries[0].Grant != "g-0123456789" || entries[0].Person != "p-alice00000" || entries[0].Target != "ec2-frontend" || entries[0].Why == "") {
				t.Errorf("recorded %+v", entries)
			}
		})
	}
}

// plain undoes what encoders do to quotes.
func plain(s string) string {
	return strings.NewReplacer(`\"`, `"`, "&#34;", `"`, "&#39;", "'").Replace(s)
}

func TestRepeats(t *testing.T) {
	r := newRig(t, "")
	write, read := r.signed(item(`{"TableName":"orders"}`)), r.signed(query())
	for _, c := range []struct {
		what string
		req  *http.Request
		from string
		want int
	}{
		{"a write", write, home, 200}, {"the write again", write, home, 503}, {"a read", read, home, 200}, {"the read again", read, home, 200},
		{"the read from elsewhere", read, "198.51.100.1:1", 400}, {"another read from elsewhere", r.signed(item(`{"TableName":"others"}`)), "198.51.100.1:1", 200},
	} {
		if w := r.serve(c.req, c.from); w.Code != c.want {
			t.Errorf("%s: %d %s, want %d", c.what, w.Code, w.Body, c.want)
		}
	}
	if n := len(r.aws.received()); n != 4 {
		t.Errorf("%d calls reached AWS, want 4", n)
	}
	bound, m := r.mint(netip.MustParseAddr("192.0.2.7")), item(`{"TableName":"bound"}`)
	m.key = &bound
	again := r.signed(m)
	for _, want := range []int{200, 503} {
		if w := r.serve(again, home); w.Code != want {
			t.Errorf("a write with a bound key: %d, want %d", w.Code, want)
		}
	}
}

// TestRepeatsOfBefore has requests that were signed before the server began: one
// that is over may have taken them.
func TestRepeatsOfBefore(t *testing.T) {
	r := newRig(t, "")
	before := func(m message) *http.Request {
		m.at = clock.System{}.Now().Add(-2 * time.Second)
		return r.signed(m)
	}
	read := before(query())
	for _, c := range []struct {
		what string
		req  *http.Request
		from string
		want int
	}{
		{"a write", before(item(`{"TableName":"orders"}`)), home, 503}, {"the same that is signed afresh", r.signed(item(`{"TableName":"orders"}`)), home, 200},
		{"a read", read, home, 200}, {"the read from elsewhere", read, "198.51.100.1:1", 400},
	} {
		w := r.serve(c.req, c.from)
		if w.Code != c.want || c.want == 503 && !strings.Contains(w.Body.String(), "signed before Sesame began to serve") {
			t.Errorf("%s: %d %s, want %d", c.what, w.Code, w.Body, c.want)
		}
	}
}

// TestWritesAreSentOnce has AWS shut a connection that was used before without
// an answer, upon which net/http tells by the method and by a header whether it
// may send a request again.
func TestWritesAreSentOnce(t *testing.T) {
	const reboot = "Action=RebootInstances&Version=2016-11-15&InstanceId.1=i-"
	query := func(id string) message {
		return message{method: "GET", url: "https://ec2.us-east-1.amazonaws.com/?" + reboot + id, service: "ec2", header: map[string]string{}}
	}
	for name, m := range map[string]message{
		"by GET": query("1"),
		"with a key for it": {
			method: "POST", url: "https://ec2.us-east-1.amazonaws.com/", service: "ec2", body: reboot + "1",
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": "1", "X-Idempotency-Key": "2"},
		},
		"without a body": {method: "POST", url: "https://ec2.us-east-1.amazonaws.com/?" + reboot + "1", service: "ec2", header: map[string]string{"Idempotency-Key": "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, "")
			r.aws.answer = func(w http.ResponseWriter, _ *http.Request) {
				if len(r.aws.received()) == 1 {
					return
				}
				conn, _, err := http.NewResponseController(w).Hijack()
				if err = errors.Join(err, conn.Close()); err != nil {
					t.Error(err)
				}
			}
			if w := r.serve(r.signed(query("0")), home); w.Code != http.StatusOK {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			w := r.serve(r.signed(m), home)
			got := r.aws.received()
			if w.Code != http.StatusBadGateway || len(got) != 2 {
				t.Fatalf("%d %s, after %d calls", w.Code, w.Body, len(got))
			}
			if sent := got[1]; sent.body != m.body || sent.header.Get("Idempotency-Key") != m.header["Idempotency-Key"] || sent.header.Get("Transfer-Encoding") != "" {
				t.Errorf("AWS got %+v", sent)
			}
		})
	}
}

func TestNoRecordNoCall(t *testing.T) {
	r := newRig(t, "")
	if err := r.log.Close(); err != nil {
		t.Fatal(err)
	}
	for _, m := range []message{item(`{}`), query()} {
		if w := r.serve(r.signed(m), home); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "could not record the call") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	if n := len(r.aws.received()); n != 0 {
		t.Errorf("%d calls reached AWS", n)
	}
}

// TestTargetsMayNameWhatIsNotKnown holds an exception to its service.
func TestTargetsMayNameWhatIsNotKnown(t *testing.T) {
	r := newRig(t, `{"escalate":["lambda:unknown","dynamodb:Novelty"]}`)
	call := func(m message) int { return r.serve(r.signed(m), home).Code }
	later := message{method: "PUT", url: "https://lambda.us-east-1.amazonaws.com/2099-01-01/functions/f", service: "lambda", body: "{}"}
	if got := call(later); got != http.StatusOK {
		t.Errorf("an operation of a service whose unknown ones are let through: %d", got)
	}
	novelty := query()
	novelty.header["X-Amz-Target"] = "DynamoDB_20120810.Novelty"
	if got := call(novelty); got != http.StatusOK {
		t.Errorf("an operation that is named: %d", got)
	}
	novelty.header["X-Amz-Target"] = "DynamoDB_20120810.Curiosity"
	if got := call(novelty); got != http.StatusBadRequest {
		t.Errorf("one that is not: %d", got)
	}
	if e := r.entries(); len(e) != 5 || e[0].Kind != calls.Intent || e[0].Level != "write" || e[4].Kind != calls.Refused {
		t.Errorf("recorded %+v", e)
	}
}

func TestTargetsMayNameExceptions(t *testing.T) {
	r := newRig(t, `{"escalate":["lambda:UpdateFunctionCode"],"allow":["lambda:*"]}`)
	call := func(method, path string) int {
		return r.serve(r.signed(message{method: method, url: "https://lambda.us-east-1.amazonaws.com" + path, service: "lambda", body: "{}", header: map[string]string{"Content-Type": "application/json"}}), home).Code
	}
	if got := call("PUT", "/2015-03-31/functions/f/code"); got == http.StatusForbidden {
		t.Error("what escalate names was refused")
	}
	if got := call("PUT", "/2015-03-31/functions/f/configuration"); got != http.StatusForbidden {
		t.Errorf("what escalate does not name: %d", got)
	}
	if got := call("PUT", "/2099-01-01/functions/f"); got != http.StatusForbidden {
		t.Errorf("what nobody knows: %d", got)
	}
	// Everybody may ask who they are, and tools do.
	who := message{
		method: "POST", url: "https://sts.us-east-1.amazonaws.com/", service: "sts", body: "Action=GetCallerIdentity&Version=2011-06-15",
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	}
	if w := r.serve(r.signed(who), home); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "assumed-role/SesameEC2/alice@example.com+g-0123456789") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// TestDocumentsAreHeldTo tries to start sessions with a document that is not
// listed, in sight and out of sight.
func TestDocumentsAreHeldTo(t *testing.T) {
	r := newRig(t, `{"documents":["SSM-SessionManagerRunShell"],"escalate":["ssm:StartSession"]}`)
	start := func(body string) message {
		return message{
			method: "POST", url: "https://ssm.us-east-1.amazonaws.com/", service: "ssm", body: body,
			header: map[string]string{"X-Amz-Target": "AmazonSSM.StartSession", "Content-Type": "application/x-amz-json-1.1"},
		}
	}
	const other = `{"Target":"i-1","DocumentName":"AWS-StartPortForwardingSession"`
	for name, c := range map[string]struct{ body, sentence string }{
		"listed":     {`{"Target":"i-1","DocumentName":"SSM-SessionManagerRunShell"}`, ""},
		"default":    {`{"Target":"i-1"}`, ""},
		"not listed": {other + "}", "do not use the document"},
		"too large":  {other + `,"Reason":"` + strings.Repeat("x", 70<<10) + `"}`, "does not see which document"},
	} {
		w := r.serve(r.signed(start(c.body)), home)
		if refused := strings.Contains(w.Body.String(), "AccessDeniedException"); refused != (c.sentence != "") || !strings.Contains(w.Body.String(), c.sentence) {
			t.Errorf("%s: %d %s, want %q", name, w.Code, w.Body, c.sentence)
		}
	}
	if n := len(r.aws.received()); n != 2 {
		t.Errorf("%d calls reached AWS, want 2", n)
	}
}

func TestErrorsOfAWSPassUnchanged(t *testing.T) {
	r := newRig(t, "")
	r.aws.answers(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example/")
		w.WriteHeader(http.StatusTemporaryRedirect)
		_, _ = w.Write([]byte(`{"__type":"com.amazonaws#ConditionalCheckFailedException:http://x","message":"no"}`))
	})
	w := r.serve(r.signed(query()), home)
	if w.Code != http.StatusTemporaryRedirect || w.Header().Get("Location") == "" || !strings.Contains(w.Body.String(), "com.amazonaws#") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if e := r.entries()[0]; e.Code != "ConditionalCheckFailedException" || e.Status != http.StatusTemporaryRedirect {
		t.Errorf("recorded %+v", e)
	}
	if n := len(r.aws.received()); n != 1 {
		t.Errorf("sent %d times", n)
	}
}
