package proxy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/proxy/calls"
	"sesame/strategies/awstest"
	"sesame/strategies/rolesession"
)

const (
	deployARN = "arn:aws:iam::333333333333:role/ci/Deploy"
	auditARN  = "arn:aws:iam::444444444444:role/Audit"
	brokering = `{"deny":["dynamodb:DeleteTable"],"assume":["` + deployARN + `","` + auditARN + `"]}`
)

// newBroker gives alice a target from which she may go on as Deploy, and as
// Audit from there.
func newBroker(t testing.TB, lists string) *rig {
	r := newRig(t, lists)
	r.sts.AddRole(awstest.Role{ARN: deployARN, Trusts: []string{roleARN}, ExternalID: "theirs", TagSession: true, SetSource: true})
	r.sts.AddRole(awstest.Role{ARN: auditARN, Trusts: []string{deployARN}, SetSource: true})
	return r
}

// as is the configuration with a key that STS gave out.
func (r *rig) as(k rolesession.Key) aws.Config {
	c := r.config()
	c.Credentials = credentials.NewStaticCredentialsProvider(k.ID, k.Secret, k.Token)
	return c
}

// assume goes on as a role, as the SDK does it.
func (r *rig) assume(from aws.Config, in *sts.AssumeRoleInput) (*sts.AssumeRoleOutput, rolesession.Key) {
	r.Helper()
	in.RoleSessionName = aws.String("somebody-else")
	out, err := sts.NewFromConfig(from).AssumeRole(r.Context(), in)
	if err != nil {
		r.Fatal(err)
	}
	return out, rolesession.Key{
		ID: aws.ToString(out.Credentials.AccessKeyId), Secret: aws.ToString(out.Credentials.SecretAccessKey), Token: aws.ToString(out.Credentials.SessionToken),
	}
}

func deploy() *sts.AssumeRoleInput {
	return &sts.AssumeRoleInput{RoleArn: aws.String(deployARN), ExternalId: aws.String("theirs")}
}

func (r *rig) whoami(c aws.Config) string {
	r.Helper()
	who, err := sts.NewFromConfig(c).GetCallerIdentity(r.Context(), nil)
	if err != nil {
		r.Fatal(err)
	}
	return aws.ToString(who.Arn)
}

// TestRolesAreGoneOnAs goes on as a role through the SDK, and calls as it.
func TestRolesAreGoneOnAs(t *testing.T) {
	r := newBroker(t, brokering)
	r.listen()
	out, key := r.assume(r.config(), deploy())
	const alice = "arn:aws:sts::333333333333:assumed-role/Deploy/alice@example.com+g-0123456789"
	if got := aws.ToString(out.AssumedRoleUser.Arn); got != alice || aws.ToString(out.SourceIdentity) != "alice@example.com" {
		t.Errorf("assumed %s from %s", got, aws.ToString(out.SourceIdentity))
	}
	if left := out.Credentials.Expiration.Sub(clock.System{}.Now()); !strings.HasPrefix(key.ID, "SESA") || left < 59*time.Minute || left > time.Hour {
		t.Errorf("the key %s lasts %s", key.ID, left)
	}
	if got := r.whoami(r.as(key)); got != alice {
		t.Errorf("called as %s", got)
	}
	if got := r.whoami(r.config()); !strings.Contains(got, "assumed-role/SesameEC2/") {
		t.Errorf("the first key is %s", got)
	}
	if _, err := dynamodb.NewFromConfig(r.as(key)).DeleteTable(t.Context(), &dynamodb.DeleteTableInput{TableName: aws.String("x")}); err == nil || !strings.Contains(err.Error(), "refused on ec2-frontend by calls.deny") {
		t.Errorf("what the target denies: %v", err)
	}
	if _, err := dynamodb.NewFromConfig(r.as(key)).Query(t.Context(), &dynamodb.QueryInput{TableName: aws.String("orders")}); err != nil {
		t.Fatal(err)
	}
	got := r.aws.received()[0].session
	if got.Source != "alice@example.com" || !strings.Contains(got.Policy, `"dynamodb:DeleteTable"`) || !strings.Contains(got.Policy, "aws:CurrentTime") {
		t.Errorf("the session is %+v", got)
	}
	all := r.entries()
	last := all[len(all)-1]
	if diff := cmp.Diff([]string{"arn:aws:dynamodb:us-east-1:333333333333:table/orders"}, last.Resources); diff != "" || last.Role != deployARN || last.Grant != "g-0123456789" {
		t.Errorf("recorded %+v %s", last, diff)
	}
	if diff := cmp.Diff([]calls.Kind{calls.Intent, calls.Answer}, kinds(all[:2])); diff != "" || !strings.Contains(all[1].Why, "answered by Sesame with the key "+key.ID) {
		t.Errorf("%s %+v", diff, all[1])
	}
	for _, c := range r.sts.Calls() {
		if c.Operation == "AssumeRole" && strings.Contains(fmt.Sprint(c.Input), "somebody-else") {
			t.Error("the name that the client asked for reached AWS")
		}
	}
}

// TestKeysOfRolesEndWithTheGrant restarts the server, goes on from role to role,
// and ends the grant.
func TestKeysOfRolesEndWithTheGrant(t *testing.T) {
	r := newBroker(t, brokering)
	stop := r.listen()
	_, first := r.assume(r.config(), deploy())
	_, second := r.assume(r.as(first), &sts.AssumeRoleInput{RoleArn: aws.String(auditARN), DurationSeconds: aws.Int32(900)})
	if got := r.whoami(r.as(second)); got != "arn:aws:sts::444444444444:assumed-role/Audit/alice@example.com+g-0123456789" {
		t.Errorf("called as %s", got)
	}
	stop()
	r.begin()
	r.listen()
	for _, k := range []rolesession.Key{first, second} {
		if got := r.whoami(r.as(k)); !strings.Contains(got, "alice@example.com") {
			t.Errorf("after a restart: %s", got)
		}
	}
	r.clock.Advance(15 * time.Minute)
	if _, err := sts.NewFromConfig(r.as(second)).GetCallerIdentity(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "This key ended at 2026-11-20 12:15:00 UTC") {
		t.Errorf("beyond what was asked for: %v", err)
	}
	if got := r.whoami(r.as(first)); !strings.Contains(got, "Deploy") {
		t.Errorf("called as %s", got)
	}
	r.end()
	if _, err := sts.NewFromConfig(r.as(first)).GetCallerIdentity(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "The grant g-0123456789 on ec2-frontend ended at 2026-11-20 12:15:00 UTC") {
		t.Errorf("after the end: %v", err)
	}
}

// TestSessionTokensAreSesames asks for a session token, of which AWS hears
// nothing.
func TestSessionTokensAreSesames(t *testing.T) {
	r := newRig(t, `{"allow":["ec2:Describe*"],"read_only":true}`)
	r.listen()
	out, err := sts.NewFromConfig(r.config()).GetSessionToken(t.Context(), &sts.GetSessionTokenInput{DurationSeconds: aws.Int32(129600)})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(r.sts.Calls()); n != 0 {
		t.Errorf("AWS was called %d times", n)
	}
	if left := out.Credentials.Expiration.Sub(clock.System{}.Now()); left > time.Hour || left < 59*time.Minute {
		t.Errorf("it lasts %s, and the grant an hour", left)
	}
	k := rolesession.Key{ID: aws.ToString(out.Credentials.AccessKeyId), Secret: aws.ToString(out.Credentials.SecretAccessKey), Token: aws.ToString(out.Credentials.SessionToken)}
	if got := r.whoami(r.as(k)); !strings.Contains(got, "assumed-role/SesameEC2/alice@example.com+g-0123456789") {
		t.Errorf("called as %s", got)
	}
}

// TestWhatIsNotBrokered holds the sentences.
func TestWhatIsNotBrokered(t *testing.T) {
	const role = "&RoleArn=" + deployARN + "&ExternalId=theirs"
	for name, c := range map[string]struct{ say, sentence string }{
		"not listed":    {"&RoleArn=arn:aws:iam::333333333333:role/Admin", `Going on as "arn:aws:iam::333333333333:role/Admin" is refused on ec2-frontend, which lets its holder go on as ` + deployARN + " or " + auditARN + ": use one of those."},
		"a policy":      {role + "&Policy={}", `Sesame does not take the parameter "Policy", since the session is confined by the policy of the target, and by that alone: leave it out.`},
		"policies":      {role + "&PolicyArns.member.1.arn=x", `Sesame does not take the parameter "PolicyArns.member.1.arn", since`},
		"tags":          {role + "&Tags.member.1.Key=a", "since the tags of the session are those of the target: leave it out."},
		"a device":      {role + "&SerialNumber=a", "since it has no device to check the code of: leave it out."},
		"something new": {role + "&Wish=a", "since it does not know how to keep to it: leave it out."},
		"too long":      {role + "&DurationSeconds=3601", `DurationSeconds is "3601", and AWS takes 900 to 3600 here, since one role assumes the other: ask for that, and again once it is over.`},
		"too short":     {role + "&DurationSeconds=1", `DurationSeconds is "1"`},
		"no number":     {role + "&DurationSeconds=x", `DurationSeconds is "x"`},
		"a role twice":  {role + "&RoleArn=" + auditARN, `the parameter "RoleArn" is repeated; use an unchanged SDK`},
		"not trusted":   {"&RoleArn=" + auditARN, "AWS does not let the role of ec2-frontend go on as " + auditARN + " (AccessDenied: "},
		"external id":   {"&RoleArn=" + deployARN + "&ExternalId=" + strings.Repeat("x", 257), "The external id is longer than the 256 characters that Sesame takes"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newBroker(t, brokering)
			w := r.serve(r.signed(assumeMessage(c.say)), home)
			if w.Code != http.StatusForbidden || !strings.Contains(plain(w.Body.String()), c.sentence) {
				t.Errorf("%d %s, want %s", w.Code, w.Body, c.sentence)
			}
			all := r.entries()
			if last := all[len(all)-1]; last.Why == "" || last.Status != 0 {
				t.Errorf("recorded %+v", last)
			}
		})
	}
}

func assumeMessage(say string) message {
	return message{
		method: "POST", url: "https://sts.us-east-1.amazonaws.com/", service: "sts", body: "Action=AssumeRole&Version=2011-06-15&RoleSessionName=x" + say,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
	}
}

// TestAnswersInJSON asks for the form that STS has for who accepts it.
func TestAnswersInJSON(t *testing.T) {
	r := newBroker(t, brokering)
	m := assumeMessage("&RoleArn=" + deployARN + "&ExternalId=theirs")
	m.header["Accept"] = "application/json"
	w := r.serve(r.signed(m), home)
	body := w.Body.String()
	for _, want := range []string{`{"AssumeRoleResponse":{"AssumeRoleResult":{"AssumedRoleUser":{"AssumedRoleId":"AROA`, `"SourceIdentity":"alice@example.com"`, `"ResponseMetadata":{"RequestId":"c-`, `"Expiration":1`} {
		if w.Code != http.StatusOK || !strings.Contains(body, want) || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %s, want %s", w.Code, body, want)
		}
	}
	if again := r.serve(r.signed(m), home); again.Code != http.StatusForbidden && again.Body.String() == body {
		t.Error("the same request gave the same key")
	}
}

// TestEveryKeyIsHeldTo has keys of roles, and service tokens, stand what other
// keys do.
func TestEveryKeyIsHeldTo(t *testing.T) {
	nested := func(r *rig) rolesession.Key {
		bound := r.mint(netip.MustParseAddr("192.0.2.7"))
		m := assumeMessage("&RoleArn=" + deployARN + "&ExternalId=theirs")
		m.key = &bound
		return r.answered(r.serve(r.signed(m), home).Body.String())
	}
	bearer := func(r *rig) rolesession.Key { return r.token("192.0.2.0/24") }
	for name, c := range map[string]struct {
		keys     []func(*rig) rolesession.Key // default both
		change   func(*message)
		tamper   func(*http.Request)
		from     string
		twice    bool
		sentence string
	}{
		"nested elsewhere":  {keys: []func(*rig) rolesession.Key{nested}, from: "192.0.2.8:1", sentence: "This key is bound to the address 192.0.2.7, and the call comes from 192.0.2.8"},
		"token elsewhere":   {keys: []func(*rig) rolesession.Key{bearer}, from: "198.51.100.1:1", sentence: "The token nightly is bound to 192.0.2.0/24, and the call comes from 198.51.100.1: make one where it is used."},
		"no address at all": {keys: []func(*rig) rolesession.Key{bearer}, from: "@", sentence: "The token nightly is bound to 192.0.2.0/24"},
		"tampered token":    {keys: []func(*rig) rolesession.Key{nested}, tamper: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "e30") }, sentence: "does not know this key"},
		"a session token":   {keys: []func(*rig) rolesession.Key{bearer}, tamper: func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "e30") }, sentence: "does not know this token"},
		"another target": {keys: []func(*rig) rolesession.Key{bearer}, tamper: func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "#ec2", "#rds", 1))
		}, sentence: "does not know this token"},
		"tampered":        {tamper: func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.Scan") }, sentence: "the signature does not match"},
		"replayed":        {twice: true, sentence: "This very request was sent before, and it changes something"},
		"unsigned header": {tamper: func(r *http.Request) { r.Header.Set("X-Amz-Acl", "public-read") }, sentence: "a header is not signed"},
		"another region":  {change: func(m *message) { m.region = "eu-west-1" }, sentence: "which dynamodb.us-east-1.amazonaws.com does not serve"},
		"forged host":     {tamper: func(r *http.Request) { r.Host = "dynamodb.eu-west-1.amazonaws.com" }, sentence: "the signature does not match"},
	} {
		keys := c.keys
		if keys == nil {
			keys = []func(*rig) rolesession.Key{nested, bearer}
		}
		for _, key := range keys {
			t.Run(name, func(t *testing.T) {
				r := newBroker(t, brokering)
				k, m := key(r), item(`{"TableName":"orders"}`)
				m.key = &k
				if c.change != nil {
					c.change(&m)
				}
				req := r.signed(m)
				if c.tamper != nil {
					c.tamper(req)
				}
				if c.twice {
					r.serve(req, home)
				}
				if c.from == "" {
					c.from = home
				}
				if w := r.serve(req, c.from); w.Code == http.StatusOK || !strings.Contains(plain(w.Body.String()), c.sentence) {
					t.Errorf("%d %s, want %s", w.Code, w.Body, c.sentence)
				}
			})
		}
	}
}

// TestSessionTokensStayWhereTheyWereAskedFor asks with a service token, whose
// network is larger than an address, and sends the same question twice.
func TestSessionTokensStayWhereTheyWereAskedFor(t *testing.T) {
	r := newBroker(t, brokering)
	k := r.token("192.0.2.0/24")
	ask := assumeMessage("")
	ask.body, ask.key = "Action=GetSessionToken&Version=2011-06-15", &k
	made := r.answered(r.serve(r.signed(ask), home).Body.String())
	m := query()
	m.key = &made
	if w := r.serve(r.signed(m), home); w.Code != http.StatusOK {
		t.Errorf("where it was asked for: %d %s", w.Code, w.Body)
	}
	if w := r.serve(r.signed(m), "192.0.2.8:1"); !strings.Contains(w.Body.String(), "This key is bound to the address 192.0.2.7") {
		t.Errorf("at its neighbour's: %d %s", w.Code, w.Body)
	}
	bound := r.mint(netip.MustParseAddr("192.0.2.7"))
	ask.key = &bound
	again := r.signed(ask)
	r.serve(again, home)
	if w := r.serve(again, home); !strings.Contains(w.Body.String(), "This very request was sent before") {
		t.Errorf("whoever repeats the question gets another key: %d %s", w.Code, w.Body)
	}
}

// TestSessionsAreOfTheTargetsRole tries to open a session where it could not be
// ended.
func TestSessionsAreOfTheTargetsRole(t *testing.T) {
	r := newBroker(t, `{"assume":["`+deployARN+`"],"escalate":["ssm:StartSession"]}`)
	nested := r.answered(r.serve(r.signed(assumeMessage("&RoleArn="+deployARN+"&ExternalId=theirs")), home).Body.String())
	start := message{
		method: "POST", url: "https://ssm.us-east-1.amazonaws.com/", service: "ssm", body: `{"Target":"i-1"}`,
		header: map[string]string{"X-Amz-Target": "AmazonSSM.StartSession", "Content-Type": "application/x-amz-json-1.1"},
		key:    &nested,
	}
	w := r.serve(r.signed(start), home)
	if want := "Sessions are opened as the role of ec2-frontend itself, and this key went on as " + deployARN + ": use the key from before."; !strings.Contains(plain(w.Body.String()), want) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if n := len(r.aws.received()); n != 0 {
		t.Error("it reached AWS")
	}
}

// TestTokensLiveUnderAGrant calls with a token as its owner's grant comes to an
// end, and the token itself.
func TestTokensLiveUnderAGrant(t *testing.T) {
	r := newBroker(t, brokering)
	k := r.token("192.0.2.0/24", "2001:db8::/32")
	call := func(m message) string {
		m.key = &k
		w := r.serve(r.signed(m), home)
		if w.Code == http.StatusOK {
			return ""
		}
		return plain(w.Body.String())
	}
	if got := call(item(`{"TableName":"orders"}`)); got != "" {
		t.Fatal(got)
	}
	all := r.entries()
	if e := all[len(all)-1]; e.Token != "nightly" || e.Grant != "g-0123456789" || e.Person != "p-alice00000" || e.Key != k.ID {
		t.Errorf("recorded %+v", e)
	}
	r.end()
	if got := call(query()); !strings.Contains(got, "The grant g-0123456789 on ec2-frontend ended") {
		t.Errorf("after the grant: %s", got)
	}
	idle := r.tokens[k.ID]
	idle.Grant, idle.Ring, idle.By.Idle = "", access.Spec{}, "The token nightly works while Alice holds ec2-frontend."
	r.tokens[k.ID] = idle
	if got := call(query()); !strings.Contains(got, idle.By.Idle) {
		t.Errorf("without a grant: %s", got)
	}
	all = r.entries()
	if e := all[len(all)-1]; e.Token != "nightly" || e.Person != "p-alice00000" || e.Target != "ec2-frontend" || e.Rule != "token" {
		t.Errorf("recorded %+v", e)
	}
	r.clock.Advance(30 * time.Minute)
	if got := call(query()); !strings.Contains(got, "The token nightly ended at 2026-11-20 12:30 UTC: make another with sesame tokens create.") {
		t.Errorf("after its end: %s", got)
	}
}

// answered reads the key out of an answer of STS.
func (r *rig) answered(body string) rolesession.Key {
	r.Helper()
	part := func(name string) string {
		_, after, found := strings.Cut(body, "<"+name+">")
		if !found {
			r.Fatalf("no %s in %s", name, body)
		}
		text, _, _ := strings.Cut(after, "<")
		return text
	}
	return rolesession.Key{ID: part("AccessKeyId"), Secret: part("SecretAccessKey"), Token: part("SessionToken")}
}

// TestNoKeyOutlivesTheOneItComesFrom asks with a key that is good for minutes,
// under a grant that is open for an hour.
func TestNoKeyOutlivesTheOneItComesFrom(t *testing.T) {
	r := newBroker(t, brokering)
	short, err := r.keys.Mint(t.Context(), r.ring.Key, rolesession.Terms{Grant: "g-0123456789", Expires: noon.Add(10 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	w := r.serve(r.signed(message{
		method: "POST", url: "https://sts.us-east-1.amazonaws.com/", service: "sts", body: "Action=GetSessionToken&Version=2011-06-15", key: &short,
		header: map[string]string{"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
	}), home)
	var out struct {
		GetSessionTokenResponse struct {
			GetSessionTokenResult struct {
				Credentials struct {
					AccessKeyId, SecretAccessKey, SessionToken string
					Expiration                                 float64
				}
			}
		}
	}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	fresh := out.GetSessionTokenResponse.GetSessionTokenResult.Credentials
	if left := time.Unix(int64(fresh.Expiration), 0).Sub(clock.System{}.Now()); left > 10*time.Minute || left < 9*time.Minute {
		t.Errorf("the key is good for %v", left)
	}
	r.clock.Advance(11 * time.Minute)
	m := query()
	m.key = &rolesession.Key{ID: fresh.AccessKeyId, Secret: fresh.SecretAccessKey, Token: fresh.SessionToken}
	if w := r.serve(r.signed(m), home); !strings.Contains(w.Body.String(), "This key ended at 2026-11-20 12:10:00 UTC, and its grant is still open") {
		t.Errorf("after its end: %d %s", w.Code, w.Body)
	}
}
