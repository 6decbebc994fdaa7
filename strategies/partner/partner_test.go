package partner_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/flows/golden"
	"sesame/store/memory"
	"sesame/strategies/partner"
)

var _ access.Planner = partner.Planner{}

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func target() access.Target {
	return access.Target{Name: "partya-web", Way: flowfile.WayPartner, Params: map[string]string{
		"region": "us-east-1", "role_arn": "arn:aws:iam::222222222222:role/Sesame", "account": "222222222222",
		"partner": "partya", "role": "PartyA", "os_user": "partya", "slots": "1", "tag_names": `["Owner"]`, "principal_tags": `{"Owner":"PartyA"}`,
		"instances": `{"tags":{"Owner":"PartyA"},"regions":["eu-west-1","us-east-1"]}`,
	}}
}

func forCarol() access.Target {
	return flowfile.For(target(), map[string]string{flowfile.FieldFor: "carol@partner.example"})
}

func TestPlan(t *testing.T) {
	plan, err := partner.Planner{}.Plan(forCarol(), access.Person{ID: "p-sponsor"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range plan.Objects {
		got = append(got, string(o.Key)+" | "+o.Name)
	}
	want := []string{
		"aws_os_user/222222222222/eu-west-1/Owner PartyA/partya | the user partya of the machines with Owner PartyA in eu-west-1 of 222222222222",
		"aws_os_user/222222222222/us-east-1/Owner PartyA/partya | the user partya of the machines with Owner PartyA in us-east-1 of 222222222222",
		"aws_timed_policy/222222222222/role/partya/carol@partner.example/partya-web | the policy for carol@partner.example in the IAM role PartyA of 222222222222",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !plan.Objects[2].Timed || plan.Objects[0].Timed {
		t.Error("the policy alone has an end of its own")
	}
}

func TestPlanRefusesNobody(t *testing.T) {
	for name, change := range map[string]func(map[string]string){
		"nobody":      func(p map[string]string) { delete(p, flowfile.ParamSession) },
		"no role":     func(p map[string]string) { delete(p, flowfile.ParamRole) },
		"no machines": func(p map[string]string) { delete(p, flowfile.ParamInstances) },
	} {
		bare := forCarol()
		change(bare.Params)
		if _, err := (partner.Planner{}).Plan(bare, access.Person{}); err == nil {
			t.Errorf("%s: planned", name)
		}
	}
}

// A sealer seals by turning around, with a key that can be replaced.
type sealer struct{ key byte }

func (s *sealer) Seal(name string, secret []byte) []byte {
	return append([]byte{s.key}, []byte(name+"\x00"+string(secret))...)
}

func (s *sealer) Open(name string, sealed []byte) ([]byte, error) {
	secret, ok := strings.CutPrefix(string(sealed[1:]), name+"\x00")
	if !ok {
		return nil, errors.New("sealed as something else")
	}
	return []byte(secret), nil
}

func (s *sealer) Current(sealed []byte) bool { return sealed[0] == s.key }

func TestExternalIDsAreMadeOnce(t *testing.T) {
	store, seal := memory.New(), &sealer{1}
	ids := partner.NewExternalIDs(store, seal, clock.Frozen(noon))
	got := make([]string, 8)
	var all sync.WaitGroup
	for n := range got {
		all.Go(func() {
			id, err := ids.Of(context.Background(), company("partya", "333333333333"))
			if err != nil {
				t.Error(err)
			}
			got[n] = id.Now
		})
	}
	all.Wait()
	for _, id := range got {
		if id != got[0] || !strings.HasPrefix(id, "sesame-") || len(id) != 7+32 {
			t.Errorf("ids %q", got)
		}
	}
	other, err := ids.Of(t.Context(), company("partyb", "444444444444"))
	if err != nil || other.Now == got[0] {
		t.Errorf("partyb has %q, %v", other.Now, err)
	}
	seal.key = 2
	if n, err := ids.Reseal(t.Context()); n != 2 || err != nil {
		t.Errorf("sealed %d anew, %v", n, err)
	}
	if n, err := ids.Reseal(t.Context()); n != 0 || err != nil {
		t.Errorf("sealed %d anew again, %v", n, err)
	}
	if id, err := ids.Of(t.Context(), company("partya", "333333333333")); id.Now != got[0] || err != nil {
		t.Errorf("afterwards %q, %v", id.Now, err)
	}
}

func company(name, account string) flowfile.Partner {
	return flowfile.Partner{Name: name, RoleARN: "arn:aws:iam::" + account + ":role/Operators"}
}

// TestAnotherCompanyHasAnotherExternalID, although it comes under the name of
// one that was there before.
func TestAnotherCompanyHasAnotherExternalID(t *testing.T) {
	store, seal := memory.New(), &sealer{1}
	ids := partner.NewExternalIDs(store, seal, clock.Frozen(noon))
	of := func(account string) string {
		t.Helper()
		id, err := ids.Of(t.Context(), company("partya", account))
		if err != nil {
			t.Fatal(err)
		}
		return id.Now
	}
	first := of("333333333333")
	if id := of("333333333333"); id != first {
		t.Errorf("%q and then %q", first, id)
	}
	other := of("444444444444")
	if other == first {
		t.Error("two companies have one external id")
	}
	if id := of("444444444444"); id != other {
		t.Errorf("%q and then %q", other, id)
	}
}

func progress(t *testing.T, kit partner.Kit, made bool) string {
	t.Helper()
	text, err := kit.Progress(made)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestKit(t *testing.T) {
	kit := partner.Kit{
		Partner: flowfile.Partner{Name: "partya", RoleARN: "arn:aws:iam::333333333333:role/Operators", People: []string{"carol@partner.example", "dave@partner.example"}},
		Targets: []access.Target{target()}, IDs: partner.IDs{Now: "sesame-0123456789abcdef0123456789abcdef"}, Server: "https://sesame.example.com",
	}
	text, err := kit.Text()
	if err != nil {
		t.Fatal(err)
	}
	trust, err := kit.Trust()
	if err != nil {
		t.Fatal(err)
	}
	got := text + "---- trust policy of the role here ----\n" + string(trust.Format())
	golden.Equal(t, "testdata/kit.txt", got)
	kit.IDs.Former = []partner.Former{{ID: "sesame-fedcba9876543210fedcba9876543210", ReplacedAt: noon, Until: noon.Add(partner.UsualOverlap)}}
	got = "---- a new one ----\n" + progress(t, kit, true) + "\n---- asked for again ----\n" + progress(t, kit, false)
	if text, err = kit.Text(); err != nil {
		t.Fatal(err)
	}
	_, text, _ = strings.Cut(text, "\n2. ")
	text, _, _ = strings.Cut(text, "\n3. ")
	got += "\n---- what the partner is sent then ----\n2. " + text
	kit.IDs.Former[0].Ended = true
	got += "\n---- one that leaked ----\n" + progress(t, kit, true) + "\n---- finished ----\n" + progress(t, kit, false)
	kit.IDs.Refused = true
	got += "\n---- refused ----\n" + progress(t, kit, false)
	kit.IDs.Former = nil
	golden.Equal(t, "testdata/rotation.txt", got+"\n---- over ----\n"+progress(t, kit, false))
	other := target()
	other.Params = maps.Clone(other.Params)
	other.Params[flowfile.ParamAccount] = "555555555555"
	kit.Targets = append(kit.Targets, other)
	if text, err = kit.Text(); err != nil || strings.Count(text, "[profile ") != 2 || !strings.Contains(text, "role_arn = arn:aws:iam::555555555555:role/PartyA") {
		t.Errorf("a role of the same name in another account: %v\n%s", err, text)
	}
	kit.Targets = nil
	if _, err := kit.Text(); err == nil {
		t.Error("a kit without a target")
	}
}
