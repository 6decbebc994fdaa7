package identitycenter_test

import (
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/strategies/awstest"
	"sesame/strategies/identitycenter"
)

func TestOpenReadsTheInstance(t *testing.T) {
	r := newRig(t, func(c *identitycenter.Config) { c.Account = management })
	c := r.center
	if c.ID() != "d-90677f1112" || c.Owner() != management || c.Caller().Account != management || c.Instance() != instance {
		t.Errorf("opened %s of %s as %+v", c.ID(), c.Owner(), c.Caller())
	}
}

func TestOpenRefusesOtherCredentials(t *testing.T) {
	r := newWorld(t)
	c := r.config()
	c.Account = payments
	if _, err := identitycenter.Open(t.Context(), c); !errors.Is(err, access.ErrForbidden) || !strings.Contains(err.Error(), management) {
		t.Errorf("got %v, want a refusal that names the account", err)
	}
}

func TestOpenRefusesTheWrongRegion(t *testing.T) {
	r := newWorld(t)
	c := r.config()
	c.Region = "eu-west-1"
	if _, err := identitycenter.Open(t.Context(), c); access.ClassOf(err) != access.Refused {
		t.Errorf("got %v, want refused", err)
	}
}

func TestOpenRefusesForeignEndpoints(t *testing.T) {
	r := newWorld(t)
	c := r.config()
	c.Endpoint, c.AllowCustomEndpoints = "", false
	for _, name := range []string{"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_SSO_ADMIN"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, r.w.URL())
			_, err := identitycenter.Open(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), name+" is set") {
				t.Errorf("got %v, want a refusal", err)
			}
		})
	}
	for name, content := range map[string]string{
		"endpoint": "[default]\nendpoint_url = " + r.w.URL() + "\n",
		"services": "[default]\nservices = mine\n[services mine]\nsso_admin =\n  endpoint_url = " + r.w.URL() + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			writeFile(t, os.Getenv("AWS_CONFIG_FILE"), content)
			_, err := identitycenter.Open(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), "allow_custom_endpoints") {
				t.Errorf("got %v, want a refusal", err)
			}
		})
	}
	if len(r.w.Calls()) != 0 {
		t.Error("somebody was called")
	}
}

func writeFile(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestValidateSaysEverything(t *testing.T) {
	err := identitycenter.Config{
		Region: "home", InstanceARN: "x", Account: "1", Endpoint: "http://localhost", Transport: http.DefaultTransport,
		RoleChain: []identitycenter.Role{{ARN: "role", SessionName: "a b", Duration: 2 * time.Hour}},
	}.Validate()
	for _, want := range []string{"region: ", "instance_arn: ", "account: ", "endpoint: ", "transport: ", "clock: ", "role_chain[0].role_arn: ", "role_chain[0].session_name: ", "role_chain[0].duration: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

func TestRoleChain(t *testing.T) {
	const first, second = "arn:aws:iam::222222222222:role/First", "arn:aws:iam::111111111111:role/Second"
	r := newWorld(t)
	r.w.AddRole(awstest.Role{ARN: first, Trusts: []string{management}, ExternalID: "x-1"})
	r.w.AddRole(awstest.Role{ARN: second, Trusts: []string{first}})
	c := r.config()
	c.Account = management
	c.RoleChain = []identitycenter.Role{{ARN: first, ExternalID: "x-1"}, {ARN: second, SessionName: "sesame-prod"}}
	center := must(identitycenter.Open(t.Context(), c))(t)
	if got := center.Caller().ARN; got != "arn:aws:sts::111111111111:assumed-role/Second/sesame-prod" {
		t.Errorf("caller = %s, want the second role's session", got)
	}
	c.RoleChain[0].ExternalID = "wrong"
	if _, err := identitycenter.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("with a wrong external id: %v, want AccessDenied", err)
	}
}

func TestProfileGoesBeforeTheEnvironment(t *testing.T) {
	r := newWorld(t)
	k := r.w.AddKey(management, "from-profile")
	writeFile(t, os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), "[work]\naws_access_key_id = "+k.ID+"\naws_secret_access_key = "+k.Secret+"\n")
	c := r.config()
	c.Profile = "work"
	if got := must(identitycenter.Open(t.Context(), c))(t).Caller().ARN; !strings.HasSuffix(got, "user/from-profile") {
		t.Errorf("caller = %s, want the profile's", got)
	}
}

func TestEnvironmentKeysCanBeIgnored(t *testing.T) {
	r := newWorld(t)
	c := r.config()
	c.IgnoreEnvironmentKeys = true
	if _, err := identitycenter.Open(t.Context(), c); err == nil {
		t.Error("the environment's keys were used")
	}
	k := r.w.AddKey(management, "from-file")
	writeFile(t, os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), "[default]\naws_access_key_id = "+k.ID+"\naws_secret_access_key = "+k.Secret+"\n")
	if got := must(identitycenter.Open(t.Context(), c))(t).Caller().ARN; !strings.HasSuffix(got, "user/from-file") {
		t.Errorf("caller = %s, want the file's", got)
	}
}

func TestSkewIsReported(t *testing.T) {
	r := newRig(t)
	if got := r.center.Skew().Abs(); got > 2*time.Second {
		t.Errorf("skew = %v, want about none", got)
	}
	r.w.Tune(func(s *awstest.Settings) { s.Skew = 30 * time.Second })
	for range 2 {
		must(r.center.Exists(t.Context(), r.assignment(payments)))(t)
	}
	if got := r.center.Skew(); got < 28*time.Second || got > 31*time.Second {
		t.Errorf("skew = %v, want about 30s", got)
	}
}

func TestEndingWorksWithAWrongClock(t *testing.T) {
	r := newRig(t)
	r.w.Assign(awstest.Tuple{Account: payments, PermissionSet: r.set, PrincipalType: "USER", Principal: string(r.alice)})
	r.w.Tune(func(s *awstest.Settings) { s.Skew = time.Hour })
	_, err := r.center.Delete(t.Context(), r.assignment(payments))
	if access.ClassOf(err) != access.Throttled {
		t.Fatalf("first: %v, want to be tried again", err)
	}
	must(r.center.Delete(t.Context(), r.assignment(payments)))(t)
}
