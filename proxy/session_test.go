package proxy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsssm "github.com/aws/aws-sdk-go-v2/service/ssm"

	"sesame/proxy/calls"
	"sesame/proxy/ssm"
	"sesame/strategies/awstest"
)

// TestAShellIsRecorded tells the story of a shell: what the person sees is what
// is recorded, AWS's token stays here, and each call of it is recorded.
func TestAShellIsRecorded(t *testing.T) {
	r, kept := newSessionRig(t, `{"allow":["ssm:StartSession"]}`)
	term := r.start("", nil)
	term.until(prompt)
	term.types("echo one  two\r")
	if got := term.until(prompt); got != "echo one  two\r\none two\r\n"+prompt {
		t.Errorf("shown %q", got)
	}
	term.sends(ssm.PayloadSize, ssm.Size{Cols: 132, Rows: 43})
	term.types("stty size\r")
	term.until(prompt)
	term.types("exit\r")
	if got := term.ends(); got != "" {
		t.Errorf("told %q", got)
	}
	tape := kept.only(t)
	if why := tape.over(t); why != "The session was closed by its other end." {
		t.Errorf("ended: %s", why)
	}
	shown, typed, events := tape.outcome()
	if shown != term.shown.String() || typed != "echo one  two\rstty size\rexit\r" || events[0] != "132x43" {
		t.Errorf("recorded %q, %q, %q; shown %q", shown, typed, events, term.shown.String())
	}
	a := tape.about
	if a.Target != "ec2-frontend" || a.Instance != "i-0a" || a.Kind != "shell" || a.Session != *term.SessionId || a.Grant != "g-0123456789" || a.Request != "r-0123456789" {
		t.Errorf("%+v", a)
	}
	for _, e := range r.entries() {
		if e.Service != "ssm" && e.Service != "ssmmessages" || e.Kind == calls.Refused {
			t.Errorf("%+v", e)
		}
	}
	opened := r.lastCall()
	if arn := "arn:aws:ssm:us-east-1:222222222222:session/" + *term.SessionId; opened.Operation != "OpenDataChannel" || !slices.Equal(opened.Resources, []string{arn}) || !slices.Equal(opened.Actions, []string{"ssmmessages:OpenDataChannel"}) {
		t.Errorf("the channel is recorded as %+v, want its session as the resource", opened)
	}
	want := []calls.Kind{calls.Intent, calls.Answer, calls.Intent, calls.Answer}
	if got := kinds(r.entries()); len(got) != len(want) {
		t.Errorf("entries %v", got)
	}
	// The client may hear of the end before the session is gone.
	for changed := r.sts.Changed(); len(r.sts.ShellSessions()) > 0; changed = r.sts.Changed() {
		<-changed
	}
}

// TestTheTokenOfAWSStaysHere holds that a client is let in by ours alone, once.
func TestTheTokenOfAWSStaysHere(t *testing.T) {
	r, _ := newSessionRig(t, "")
	out, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{Target: aws.String("i-0a")})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, token, told string
	}{
		{"another token", "no-such-token", "The token is not the one"},
		{"no token", "", "Sesame cannot take the first frame"},
	} {
		ws, status, err := r.upgrade(*out.StreamUrl, r.key)
		if err != nil {
			t.Fatalf("%s: %d %v", c.name, status, err)
		}
		if err := ws.WriteJSON(opening(c.token)); err != nil {
			t.Fatal(err)
		}
		_, frame, err := ws.ReadMessage()
		if err != nil {
			t.Fatal(err)
		}
		m, err := ssm.Parse(frame)
		if err != nil || m.Type != ssm.Closed || !strings.Contains(string(m.Data), c.told) {
			t.Errorf("%s: %s, %v", c.name, m.Data, err)
		}
		_ = ws.Close()
	}
	term := &terminal{rig: r, StartSessionOutput: out, end: newEnd()}
	term.connect(*out.TokenValue)
	term.until(prompt)
	again := &terminal{rig: r, StartSessionOutput: out, end: newEnd()}
	again.connect(*out.TokenValue)
	if told := again.ends(); !strings.Contains(told, "The token is not the one") {
		t.Errorf("let in twice: %q", told)
	}
	term.types("exit\r")
	term.ends()
}

// TestAKeyOpensItsOwnSession holds a channel to its grant and its address.
func TestAKeyOpensItsOwnSession(t *testing.T) {
	r, _ := newSessionRig(t, "")
	out, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{Target: aws.String("i-0a")})
	if err != nil {
		t.Fatal(err)
	}
	if _, status, err := r.upgrade(strings.Replace(*out.StreamUrl, *out.SessionId, "alice-0123", 1), r.key); err == nil || status != 403 {
		t.Errorf("another session: %d, %v", status, err)
	}
	if _, status, err := r.upgrade(*out.StreamUrl+"&more=1", r.key); err == nil || status != 403 {
		t.Errorf("another address: %d, %v", status, err)
	}
	stranger := r.key
	stranger.Secret = strings.Repeat("x", 40)
	if _, status, err := r.upgrade(*out.StreamUrl, stranger); err == nil || status != 403 {
		t.Errorf("a stranger: %d, %v", status, err)
	}
}

// TestASessionIsResumed breaks its socket in the middle of what is shown.
func TestASessionIsResumed(t *testing.T) {
	r, kept := newSessionRig(t, `{"allow":["ssm:StartSession"]}`)
	term := r.start("", nil)
	term.until(prompt)
	term.types("seq 3000\r")
	term.until("1000\r\n")
	r.sts.CutShell(*term.SessionId)
	term.sockets.Wait()
	term.resume()
	term.until("3000\r\n" + prompt)
	term.types("exit\r")
	term.ends()
	tape := kept.only(t)
	tape.over(t)
	if shown, _, _ := tape.outcome(); shown != term.shown.String() || strings.Count(shown, "\r\n") < 3000 {
		t.Errorf("recorded %d bytes, shown %d", len(shown), term.shown.Len())
	}
}

// TestEndingTheGrantEndsItsSessions has somebody click on End Session.
func TestEndingTheGrantEndsItsSessions(t *testing.T) {
	r, kept := newSessionRig(t, "")
	term := r.start("", nil)
	term.until(prompt)
	r.end()
	if err := r.proxy.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = "The access to ec2-frontend was over at 12:00:00 UTC, and this session with it: ask again with sesame request ec2-frontend."
	if told := term.ends(); told != want {
		t.Errorf("told %q", told)
	}
	if why := kept.only(t).over(t); why != want {
		t.Errorf("recorded %q", why)
	}
	r.settle()
	if got := r.lastCall(); got.Operation != "TerminateSession" || got.Status != 200 {
		t.Errorf("%+v", got)
	}
}

// gone waits until AWS has no session.
func (r *rig) gone() {
	r.Helper()
	for {
		changed := r.sts.Changed()
		if len(r.sts.ShellSessions()) == 0 {
			return
		}
		wait(r, changed, "the end of the session at AWS")
	}
}

// TestTheDeadline goes through the last minutes of a session: somebody who does
// nothing is warned twice, an extension moves the end, and the end is the end.
func TestTheDeadline(t *testing.T) {
	r, kept := newSessionRig(t, "")
	term := r.start("", nil)
	term.until(prompt)
	r.clock.Advance(55 * time.Minute)
	term.until("ends in 5 minutes, at 13:00:00 UTC")
	term.types("echo still here\r")
	term.until("still here\r\n" + prompt)
	r.clock.Advance(4 * time.Minute)
	term.until("ends in 1 minute, at 13:00:00 UTC")
	r.extend(time.Hour)
	if err := r.proxy.Cut(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(2 * time.Minute)
	term.types("seq 500\r")
	term.until("500\r\n" + prompt)
	r.clock.Advance(58*time.Minute + 30*time.Second)
	term.until("ends in 30s, at 14:00:00 UTC")
	r.clock.Advance(30 * time.Second)
	if told := term.ends(); !strings.Contains(told, "The access to ec2-frontend was over at 14:00:00 UTC, and this session with it") {
		t.Errorf("told %q", told)
	}
	tape := kept.only(t)
	tape.over(t)
	shown, _, events := tape.outcome()
	seen := term.shown.String()
	for _, e := range events {
		seen = strings.Replace(seen, "\r\n"+e+"\r\n", "", 1)
	}
	if shown != seen || len(events) != 3 {
		t.Errorf("recorded %q with %q, shown %q", shown, events, term.shown.String())
	}
	r.gone()
}

// settle waits until the proxy has done with all sessions.
func (r *rig) settle() {
	r.Helper()
	if err := r.proxy.EndSessions(r.Context(), "The test is over."); err != nil {
		r.Fatal(err)
	}
}

// extend has the grant last longer.
func (r *rig) extend(d time.Duration) {
	r.Helper()
	g := r.grant()
	g.EndsAt, g.CloseBy = g.EndsAt.Add(d), g.CloseBy.Add(d)
	r.put(g)
}

// TestWhatCannotBeRecordedEnds fills the disk, before a session and within one.
func TestWhatCannotBeRecordedEnds(t *testing.T) {
	r, kept := newSessionRig(t, "")
	term := r.start("", nil)
	term.until(prompt)
	kept.only(t).fill(errFull)
	term.types("rm -rf /\r")
	if told := term.ends(); told != "Sesame could not record this session any more, so it ended it: the disk is full." {
		t.Errorf("told %q", told)
	}
	r.gone()
	kept.mu.Lock()
	kept.full = errFull
	kept.mu.Unlock()
	_, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{Target: aws.String("i-0a")})
	if err == nil || !strings.Contains(err.Error(), "Sesame could not record this session, so it was ended before it began") {
		t.Errorf("%v", err)
	}
	r.gone()
}

// TestAnswersThatCannotBePassedOn has AWS begin sessions with answers that lead
// past Sesame, or end in the middle: the sessions are ended.
func TestAnswersThatCannotBePassedOn(t *testing.T) {
	r, _ := newSessionRig(t, "")
	for name, spoil := range map[string]func(string) string{
		"the token twice": func(s string) string { return strings.Replace(s, "{", `{"tokenValue":"x",`, 1) },
		"a signed URL":    func(s string) string { return strings.Replace(s, "?role=", "?X-Amz-Signature=1&role=", 1) },
		"another host":    func(s string) string { return strings.Replace(s, "wss://ssmmessages.", "wss://example.", 1) },
		"cut off":         func(s string) string { return s[:strings.Index(s, `"SessionId"`)+80] },
		"too long":        func(s string) string { return s + strings.Repeat(" ", 2*ssm.MaxJSON) + "x" },
	} {
		began := 0
		r.aws.spoil = func(answer string) string {
			began = len(r.sts.ShellSessions())
			return spoil(answer)
		}
		_, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{Target: aws.String("i-0a")})
		if err == nil || !strings.Contains(err.Error(), "it was ended before it began") {
			t.Errorf("%s: %v", name, err)
		}
		if began != 1 {
			t.Errorf("%s: %d sessions had begun at AWS", name, began)
		}
		r.gone()
	}
}

// TestTheServerEnds has the server end while somebody works.
func TestTheServerEnds(t *testing.T) {
	r, kept := newSessionRig(t, "")
	term := r.start("", nil)
	term.until(prompt)
	const why = "Sesame is being started again, so it ended this session: start another one."
	if err := r.proxy.EndSessions(t.Context(), why); err != nil {
		t.Fatal(err)
	}
	if told := term.ends(); told != why || kept.only(t).over(t) != why {
		t.Errorf("told %q", told)
	}
	r.gone()
	if _, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{Target: aws.String("i-0a")}); err == nil {
		t.Error("a session began when there were to be none")
	}
	r.gone()
}

// TestOnesOwnSessionsAlone are resumed and ended.
func TestOnesOwnSessionsAlone(t *testing.T) {
	r, kept := newSessionRig(t, `{"allow":["ssm:StartSession"]}`)
	term := r.start("", nil)
	term.until(prompt)
	const other = "bob@example.com-0123456789abcdef0"
	for name, call := range map[string]func() error{
		"resume": func() error {
			_, err := r.ssm().ResumeSession(t.Context(), &awsssm.ResumeSessionInput{SessionId: aws.String(other)})
			return err
		},
		"end": func() error {
			_, err := r.ssm().TerminateSession(t.Context(), &awsssm.TerminateSessionInput{SessionId: aws.String(other)})
			return err
		},
	} {
		if err := call(); err == nil || !strings.Contains(err.Error(), "is not one that this access has open through Sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := r.ssm().TerminateSession(t.Context(), &awsssm.TerminateSessionInput{SessionId: term.SessionId}); err != nil {
		t.Error(err)
	}
	term.ends()
	if why := kept.only(t).over(t); why != "The person ended the session." && why != "The session was closed by its other end." {
		t.Errorf("ended: %s", why)
	}
	r.gone()
}

// lastCall is the last entry of the record.
func (r *rig) lastCall() calls.Entry {
	r.Helper()
	all := r.entries()
	return all[len(all)-1]
}

// TestNobodyComes leaves a session alone until it is given up.
func TestNobodyComes(t *testing.T) {
	r, kept := newSessionRig(t, "")
	if _, err := r.ssm().StartSession(t.Context(), &awsssm.StartSessionInput{Target: aws.String("i-0a")}); err != nil {
		t.Fatal(err)
	}
	r.clock.Advance(10 * time.Minute)
	if why := kept.only(t).over(t); !strings.Contains(why, "was not resumed within 10 minutes") {
		t.Errorf("ended: %s", why)
	}
	r.gone()
}

// TestWarningsSurviveTheNetwork loses, repeats and swaps frames while a session
// is warned, cuts its socket at the warning, and holds that what was shown is
// whole, apart from the lines of ours, and recorded without them.
func TestWarningsSurviveTheNetwork(t *testing.T) {
	r, kept := newSessionRig(t, "")
	term := r.start("", nil)
	term.until(prompt)
	for i, kind := range []awstest.FrameFaultKind{awstest.LoseFrame, awstest.RepeatFrame, awstest.SwapFrames} {
		for _, from := range []ssm.Side{ssm.Agent, ssm.Client} {
			n := 0
			r.sts.FaultFrames(awstest.FrameFault{Kind: kind, From: from, Times: 15, When: func(ssm.Message) bool { n++; return n%7 == i }})
		}
	}
	r.clock.Advance(54 * time.Minute)
	term.types("seq 900\r")
	term.until("100\r\n")
	r.sts.CutShell(*term.SessionId)
	term.sockets.Wait()
	r.clock.Advance(time.Minute)
	term.resume()
	term.until("ends in 5 minutes")
	if !strings.Contains(term.shown.String(), "900\r\n") {
		term.until("900\r\n")
	}
	r.clock.Advance(4 * time.Minute)
	term.until("ends in 1 minute")
	term.types("echo done\r")
	term.until("done\r\n" + prompt)
	r.sts.ClearFrames()
	term.types("exit\r")
	term.ends()
	tape := kept.only(t)
	tape.over(t)
	shown, typed, events := tape.outcome()
	seen := term.shown.String()
	for _, e := range events {
		seen = strings.Replace(seen, "\r\n"+e+"\r\n", "", 1)
	}
	if shown != seen || typed != "seq 900\recho done\rexit\r" || len(events) != 2 {
		t.Errorf("recorded %q, %q, %q; shown %q", shown, typed, events, term.shown.String())
	}
}

// TestWhatAServerLeftIsEnded has a server die with a session, and the next one
// end what is left of it at AWS; its client is told that it is over.
func TestWhatAServerLeftIsEnded(t *testing.T) {
	r, kept := newSessionRig(t, `{"allow":["ssm:StartSession"]}`)
	term := r.start("", nil)
	term.until(prompt)
	dead := r.proxy
	r.begin()
	w := r.serve(r.signed(message{
		method: "POST", url: "https://ssm.us-east-1.amazonaws.com/", service: "ssm", body: `{"SessionId":"` + *term.SessionId + `"}`,
		header: map[string]string{"X-Amz-Target": "AmazonSSM.ResumeSession", "Content-Type": "application/x-amz-json-1.1"},
	}), home)
	if !strings.Contains(w.Body.String(), "was cut off when Sesame was started again; start another one.") {
		t.Errorf("resumed: %d %s", w.Code, w.Body)
	}
	if err := r.proxy.EndLeft(t.Context(), kept.only(t).about, r.ring); err != nil {
		t.Fatal(err)
	}
	r.gone()
	if got := r.lastCall(); got.Operation != "TerminateSession" || got.Status != 200 || got.Grant != "g-0123456789" {
		t.Errorf("%+v", got)
	}
	term.ends()
	r.proxy = dead // which is to end as well
}

// TestAnswersThatAreReadComePlain has a client take answers that are compressed,
// which AWS is not asked for where a token is in the answer.
func TestAnswersThatAreReadComePlain(t *testing.T) {
	r, _ := newSessionRig(t, "")
	r.aws.sessions = false
	for target, want := range map[string]string{"AmazonSSM.StartSession": "", "AmazonSSM.DescribeSessions": "gzip"} {
		req := r.signed(message{
			method: "POST", url: "https://ssm.us-east-1.amazonaws.com/", service: "ssm", body: `{"Target":"i-0a"}`,
			header: map[string]string{"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"},
		})
		req.Header.Set("Accept-Encoding", "gzip") // as net/http does by itself
		r.serve(req, home)
		got := r.aws.received()
		if asked := got[len(got)-1].header.Get("Accept-Encoding"); asked != want {
			t.Errorf("%s: AWS is asked for %q, want %q", target, asked, want)
		}
	}
}
