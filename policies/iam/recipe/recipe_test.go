package recipe_test

import (
	"strings"
	"testing"
	"time"

	"sesame/flows/golden"
	"sesame/policies/iam"
	"sesame/policies/iam/lint"
	"sesame/policies/iam/recipe"
)

const (
	home    = "111111111111"
	partner = "222222222222"
)

var (
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	here  = recipe.Scope{Accounts: []string{home}, Regions: []string{"eu-west-1"}}
	front = map[string]string{"Department": "FrontEnd"}
	pairs = []recipe.TagPair{{"APP_GROUP_NAME", "AppGroupName"}, {"APP_ID", "AppId"}, {"RELEASE_ID", "ReleaseId"}}
)

// A policy is a recipe for one.
type policy interface {
	Document() (*iam.Document, error)
}

// examples are recipes whose documents are in testdata.
var examples = map[string]policy{
	"shell":                recipe.Shell{Scope: here, Tags: front},
	"shell-anywhere":       recipe.Shell{Tags: map[string]string{"Department": "FrontEnd", "env": "prod"}, Documents: []string{"Own", "AWS-StartSSHSession"}, ListSessions: true},
	"shell-window":         recipe.Shell{Scope: here, Tags: front, Window: recipe.Window{From: noon, Until: noon.Add(time.Hour)}, KMSKeys: []string{"arn:aws:kms:eu-west-1:111111111111:key/0a"}},
	"port-forward":         recipe.PortForward{Shell: recipe.Shell{Scope: here, Tags: front, Documents: []string{"ForwardToBilling"}}},
	"ecs-exec":             recipe.ECSExec{Scope: here, Cluster: "shop", Tags: front, Container: "web", KMSKeys: []string{"arn:aws:kms:eu-west-1:111111111111:key/0a"}},
	"principal-tags":       recipe.PrincipalTags{Shell: recipe.Shell{Scope: here}, Pairs: pairs, Slots: 3},
	"principal-tags-timed": recipe.PrincipalTags{Shell: recipe.Shell{Scope: here, Timed: true}},
	"third-party":          recipe.ThirdParty{Shell: recipe.Shell{Scope: here, Tags: map[string]string{"ExternalAccessGrantedTo": "PartyA"}}},
	"server-role": recipe.ServerRole{
		Scope: here, Instance: "arn:aws:sso:::instance/ssoins-1234567890abcdef",
		PermissionSets: []string{"arn:aws:sso:::permissionSet/ssoins-1234567890abcdef/ps-1234567890abcdef"}, Targets: []string{home, partner},
		IdentityStore: "d-1234567890", Directory: home, Groups: []string{"90677f11-0000-4000-8000-000000000000"},
		Users: []string{"arn:aws:iam::111111111111:user/people/*"}, TagKeys: []string{"AppGroupName", "AppId", "ReleaseId"},
		IAMGroups: []string{"arn:aws:iam::111111111111:group/sesame/*"}, Roles: []string{"arn:aws:iam::222222222222:role/SesameEC2"}, EndSessions: true,
	},
	"third-party-timed": recipe.ThirdParty{Shell: recipe.Shell{Scope: here, Timed: true}},
	"server-role-timed": recipe.ServerRole{
		Users: []string{"arn:aws:iam::111111111111:user/people/*"}, PersonRoles: []string{"arn:aws:iam::111111111111:role/people/*"}, TagKeys: []string{"App"},
		Boundary: "arn:aws:iam::111111111111:policy/People",
	},
	"ended-sessions":          recipe.EndedSessions{Grants: []string{"g-7k2m9p4xqa", "g-0123456789"}},
	"server-role-machines":    recipe.ServerRole{Scope: here, Machines: true, Config: true, Aggregators: true},
	"server-role-assignments": recipe.ServerRole{Instance: "arn:aws:sso:::instance/ssoins-1234567890abcdef"},
	"trust-server":            recipe.Trust{Account: home, Principals: []string{"arn:aws:iam::111111111111:role/Sesame"}, TagSession: true, SourceIdentity: true},
	"trust-third-party": recipe.Trust{
		Account: home, Principals: []string{"arn:aws:iam::222222222222:role/Operators"}, ExternalIDs: []string{"b0c4e1d2-0000-4000-8000-000000000000"},
		SessionNames: []string{"carol@partner.example", "dave@partner.example"},
	},
	"trust-two-external-ids": recipe.Trust{
		Account: home, Principals: []string{"arn:aws:iam::222222222222:role/Operators"},
		ExternalIDs: []string{"b0c4e1d2-0000-4000-8000-000000000000", "a1c4e1d2-0000-4000-8000-000000000001"},
	},
}

// A text is a recipe for a Session document.
type text interface{ Text() ([]byte, error) }

var texts = map[string]text{
	"document-shell": recipe.SessionDocument{
		Description: "Shells of Sesame", RunAs: "nobody-special", Grant: 2 * time.Hour, LogGroup: "/sesame/sessions",
		Bucket: "sesame-sessions", Prefix: "shells", KMSKey: "alias/sesame", Profile: "exec /bin/bash",
	},
	"document-os-user": recipe.OSUserDocument{Description: "Users of Sesame"},
	"document-plain":   recipe.SessionDocument{Description: "Plain", Idle: 5 * time.Minute, Longest: time.Hour},
	"document-tagged":  recipe.SessionDocument{Description: "As their tag says", Tagged: true, Grant: time.Hour},
	"document-port":    recipe.PortDocument{Description: "The billing database", Host: "billing.internal.example", Port: 5432},
}

// TestDocuments compares what the recipes make with testdata, and each policy
// with what the linter wants.
func TestDocuments(t *testing.T) {
	for name, p := range examples {
		d, err := p.Document()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden.Equal(t, "testdata/"+name+".json", string(d.Format()))
		o := lint.Options{Account: home, Kind: d.Kind()}
		if found := lint.Check(name, d.Format(), o); len(found) > 0 {
			t.Errorf("the linter finds:\n%v", found)
		}
	}
	for name, r := range texts {
		text, err := r.Text()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		golden.Equal(t, "testdata/"+name+".json", string(text))
	}
}

func TestForms(t *testing.T) {
	d, err := examples["shell"].Document()
	if err != nil {
		t.Fatal(err)
	}
	trust, err := examples["trust-server"].Document()
	if err != nil {
		t.Fatal(err)
	}
	document, err := texts["document-port"].Text()
	if err != nil {
		t.Fatal(err)
	}
	for form, ending := range map[recipe.Form]string{recipe.Terraform: ".tf", recipe.CloudFormation: ".template.json"} {
		for holder, text := range map[recipe.Holder][]byte{recipe.Policy: d.Format(), recipe.Role: trust.Format(), recipe.Session: document} {
			wrapped, err := recipe.Wrap(form, holder, "Sesame-FrontEnd", text)
			if err != nil {
				t.Fatal(err)
			}
			golden.Equal(t, "testdata/wrapped-"+string(holder)+ending, string(wrapped))
		}
	}
	if plain, err := recipe.Wrap(recipe.JSON, recipe.Policy, "", document); err != nil || string(plain) != string(document) {
		t.Errorf("JSON is wrapped: %s, %v", plain, err)
	}
}

// TestTextsFitTheirPlace: with its blanks, a policy may be longer than there is
// room for, and is then on one line.
func TestTextsFitTheirPlace(t *testing.T) {
	for place, fits := range map[string]bool{"session": false, "scp": true, "managed": true} {
		d, err := recipe.Shell{
			Scope: recipe.Scope{Accounts: []string{home, partner}, Regions: []string{"eu-west-1", "us-east-1"}},
			Tags:  map[string]string{"Department": "FrontEnd", "Team": "Payments"}, Place: place,
		}.Document()
		if err != nil {
			t.Fatal(err)
		}
		text := recipe.Text(d, place)
		if found := lint.Check("p", text, lint.Options{Place: place}); len(found) > 0 || strings.Contains(string(text), "\n") != fits {
			t.Errorf("%s: %v in\n%s", place, found, text)
		}
	}
}

// TestTagsOfAnyScript: AWS takes letters of any script, and counts them and not
// their bytes.
func TestTagsOfAnyScript(t *testing.T) {
	d, err := recipe.Shell{Tags: map[string]string{"Abteilung": "Förderung", "部門": strings.Repeat("ö", 256)}}.Document()
	if err != nil {
		t.Fatal(err)
	}
	if text := string(d.Format()); !strings.Contains(text, `"ssm:resourceTag/Abteilung": "Förderung"`) {
		t.Error(text)
	}
}

func TestRefusals(t *testing.T) {
	many := func(n int) []string {
		var all []string
		for i := range n {
			all = append(all, "region-"+strings.Repeat("x", 30)+string(rune('a'+i%26))+string(rune('a'+i/26))+"-1")
		}
		return all
	}
	slots := func(n int, place string) policy {
		return recipe.PrincipalTags{Shell: recipe.Shell{Place: place}, Pairs: pairs[:2], Slots: n}
	}
	for _, c := range []struct {
		name   string
		policy policy
		want   string
	}{
		{"no tag", recipe.Shell{}, "no tag is named: the policy would open every instance"},
		{"an empty value", recipe.Shell{Tags: map[string]string{"a": ""}}, "a tag value of a is empty"},
		{"a blank at the end", recipe.Shell{Tags: map[string]string{"a ": "b"}}, `the tag key "a " begins or ends with a blank`},
		{"a value of 257 letters", recipe.Shell{Tags: map[string]string{"a": strings.Repeat("ö", 257)}}, "a tag value of a has 257 characters: at most 256"},
		{"an invisible letter", recipe.Shell{Tags: map[string]string{"a": "b\u200b"}}, `the tag value of a "b\u200b" has a letter that IAM does not take`},
		{"a wildcard", recipe.Shell{Tags: map[string]string{"a": "b*"}}, `the tag value of a "b*" has a letter that IAM does not take`},
		{"a variable", recipe.Shell{Tags: map[string]string{"a": "${aws:userid}"}}, `the tag value of a "${aws:userid}" has a letter that IAM does not take`},
		{"a window that ends first", recipe.Shell{Tags: front, Window: recipe.Window{From: noon, Until: noon}}, "the window ends at 2026-03-02T12:00:00Z, before it begins"},
		{"all documents", recipe.Shell{Tags: front, Documents: []string{"*"}}, `"*" is no name of a Session document`},
		{"too long", recipe.Shell{Scope: recipe.Scope{Regions: many(60)}, Tags: front}, "the policy has 19628 characters, and a managed policy may have 6144: name fewer slots, accounts, regions or tags, or another place"},
		{"an unknown place", recipe.Shell{Tags: front, Place: "wall"}, `there is no place "wall" for a policy: it is one of group, managed, permission-set, role, scp, session, trust, user`},
		{"shells in a trust policy", recipe.Shell{Tags: front, Place: "trust"}, "a trust policy says who may assume a role and nothing else: choose another place"},
		{"an account that is none", recipe.Shell{Scope: recipe.Scope{Accounts: []string{"1111"}}, Tags: front}, `"1111" is no account: write its twelve digits`},
		{"a region that is none", recipe.Start{Scope: recipe.Scope{Regions: []string{"Ireland"}}, Tags: front, Window: recipe.Window{Until: noon}}, `"Ireland" is no region: write it as eu-west-1`},
		{"a region of China", recipe.Shell{Scope: recipe.Scope{Regions: []string{"cn-north-1"}}, Tags: front}, "the region cn-north-1 is in the partition aws-cn and not in aws: nothing would be there"},
		{"a region that is not of China", recipe.ECSExec{Scope: recipe.Scope{Partition: "aws-cn", Regions: []string{"us-gov-west-1"}}, Tags: front, Cluster: "c"}, "the region us-gov-west-1 is in the partition aws-us-gov and not in aws-cn: nothing would be there"},
		{"a partition that is none", recipe.ServerRole{Scope: recipe.Scope{Partition: "mars"}, Machines: true}, `there is no partition "mars" of AWS: it is one of aws, aws-cn, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f, aws-us-gov`},
		{"a key that is none", recipe.Shell{Tags: front, KMSKeys: []string{"0a"}}, `"0a" is no ARN of a key of KMS: write arn:aws:kms:REGION:ACCOUNT:key/ID, since policies do not know aliases`},
		{"the alias of a key", recipe.ECSExec{Tags: front, Cluster: "c", KMSKeys: []string{"arn:aws:kms:eu-west-1:111111111111:alias/s"}}, `"arn:aws:kms:eu-west-1:111111111111:alias/s" is no ARN of a key of KMS: write arn:aws:kms:REGION:ACCOUNT:key/ID, since policies do not know aliases`},
		{"a document with another letter", recipe.Shell{Tags: front, Documents: []string{"Own!"}}, `"Own!" is no name of a Session document`},
		{"a tunnel to anywhere", recipe.PortForward{Shell: recipe.Shell{Tags: front}}, "no document is named: a tunnel is opened with one that pins its host and port"},
		{"a tunnel that the person directs", recipe.PortForward{Shell: recipe.Shell{Tags: front, Documents: []string{"AWS-StartPortForwardingSessionToRemoteHost"}}}, "with AWS-StartPortForwardingSessionToRemoteHost the person chooses where the tunnel leads: write a document that pins it"},
		{"a third party that looks at others", recipe.ThirdParty{Shell: recipe.Shell{Tags: front, ListSessions: true}}, "a third party may not list the sessions of others"},
		{"no slot", slots(0, ""), "at least one pair and one slot are needed: without, the policy would open nothing"},
		{"more tags than there may be", slots(26, "role"), "26 slots of 2 tags and 0 others are 52 tags: a principal may have 50"},
		{"slots that do not fit", slots(25, ""), "the policy has 7400 characters, and a managed policy may have 6144: name fewer slots, accounts, regions or tags, or another place"},
		{"names that meet", recipe.PrincipalTags{Pairs: []recipe.TagPair{{"A", "App"}, {"a", "App2"}}, Slots: 2}, "the resource's tag a is named twice\nthe principal's tag App2 is in two slots, or twice in one"},
		{"fixed tags beside pairs", recipe.PrincipalTags{Shell: recipe.Shell{Tags: front}, Pairs: pairs, Slots: 1}, "principal tags leave no place for fixed ones: name pairs"},
		{"every cluster", recipe.ECSExec{Tags: front, Cluster: "*"}, `"*" is no name of a cluster`},
		{"trust in nobody", recipe.Trust{}, "no principal is named"},
		{"trust in an account", recipe.Trust{Account: home, Principals: []string{"arn:aws:iam::111111111111:root"}}, `"arn:aws:iam::111111111111:root" is no ARN of a role or a user: name one, and not its account`},
		{"trust in a role of no account", recipe.Trust{Principals: []string{"arn:aws:iam:::role/A"}}, `"arn:aws:iam:::role/A" is no ARN of a role or a user: name one, and not its account`},
		{"trust in all roles", recipe.Trust{Account: home, Principals: []string{"arn:aws:iam::111111111111:role/*"}}, `"arn:aws:iam::111111111111:role/*" is no ARN of a role or a user: name one, and not its account`},
		{"strangers without an external id", recipe.Trust{Account: home, Principals: []string{"arn:aws:iam::222222222222:role/A"}}, "arn:aws:iam::222222222222:role/A is of another account: a role that it may assume needs an external id"},
		{"an external id with blanks", recipe.Trust{Account: home, Principals: []string{"arn:aws:iam::222222222222:role/A"}, ExternalIDs: []string{"a b"}}, "the external id is too short, too long, or has a letter that AWS does not take"},
		{"a name with a slash", recipe.Trust{Account: home, Principals: []string{"arn:aws:iam::111111111111:role/A"}, SessionNames: []string{"a/b"}}, `"a/b" is no name of a session`},
		{"sessions of no grant", recipe.EndedSessions{}, "no grant is named: the policy would deny nothing"},
		{"sessions of all grants", recipe.EndedSessions{Grants: []string{"g-*"}}, `"g-*" is no id of a grant: write it as sesame grants shows it, g-7k2m9p4xqa`},
		{"a server that may do nothing", recipe.ServerRole{}, "nothing is named that the server may do: name a target with --target, or flags as --help lists them"},
	} {
		if d, err := c.policy.Document(); err == nil || err.Error() != c.want || d != nil {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	for _, c := range []struct {
		name string
		text text
		want string
	}{
		{"longer than the grant", recipe.SessionDocument{Longest: 2 * time.Hour, Grant: time.Hour}, "the longest session, 2h0m0s, outlasts the longest grant, 1h0m0s"},
		{"half a minute", recipe.SessionDocument{Idle: 90 * time.Second}, "the idle timeout is 1m30s: it must be whole minutes from 1m0s to 1h0m0s"},
		{"days", recipe.SessionDocument{Longest: 48 * time.Hour}, "the longest session is 48h0m0s: it must be whole minutes from 1m0s to 24h0m0s"},
		{"root", recipe.SessionDocument{RunAs: "root"}, `sessions cannot run as "root"`},
		{"a command", recipe.SessionDocument{RunAs: "a; reboot"}, `sessions cannot run as "a; reboot"`},
		{"a user beside the tag's", recipe.SessionDocument{RunAs: "web", Tagged: true}, `sessions without a tag either run as "web" or do not start: choose one`},
		{"a host that is an address with more", recipe.PortDocument{Port: 1, Host: "db.example/x"}, `"db.example/x" is no host`},
		{"no port", recipe.PortDocument{}, "0 is no port"},
		{"a host that is a parameter", recipe.PortDocument{Port: 1, Host: "{{ host }}"}, `"{{ host }}" is no host`},
	} {
		if _, err := c.text.Text(); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	for holder, names := range map[recipe.Holder][]string{
		recipe.Policy:  {"", "12", "a b", `a"b`, "ä", strings.Repeat("a", 129)},
		recipe.Role:    {"", "a/b", strings.Repeat("a", 65)},
		recipe.Session: {"ab", "a+b", "a@b", strings.Repeat("a", 129)},
		recipe.Command: {"ab", "a=b"},
	} {
		for _, name := range names {
			if _, err := recipe.Wrap(recipe.Terraform, holder, name, nil); err == nil || !strings.Contains(err.Error(), "is no name of a "+string(holder)) {
				t.Errorf("%q is taken for the name of a %s: %v", name, holder, err)
			}
		}
	}
	d, err := slots(25, "permission-set").Document()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := recipe.Wrap(recipe.Terraform, recipe.Policy, "Slots", d.Format()); err == nil || !strings.HasPrefix(err.Error(), "the policy has 7400 characters, and the customer managed policy that terraform would make of it may have 6144") {
		t.Errorf("a policy that is too long for what it is wrapped in: %v", err)
	}
	if _, err := recipe.Wrap("yaml", recipe.Policy, "a", nil); err == nil || err.Error() != `there is no form "yaml": it is one of json, terraform, cloudformation` {
		t.Errorf("yaml: %v", err)
	}
}
