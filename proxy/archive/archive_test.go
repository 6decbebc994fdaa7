package archive_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/proxy/archive"
	"sesame/proxy/record"
	"sesame/proxy/ssm"
	"sesame/store/memory"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

const flowsYAML = `version: 1
groups:
  seniors: {slack: S012ABCDEF}
  leads: {members: [lead@example.com]}
strategies:
  sso: {type: aws_sso, region: us-east-1, instance_arn: "arn:aws:sso:::instance/ssoins-1234567890abcdef"}
targets:
  shell: {label: Shell, strategy: sso, account: "222222222222", permission_set: Shell}
flows:
  ec2:
    label: EC2
    targets: [shell]
    duration: {choices: [1h]}
    who: 'true'
    watch: {groups: [seniors], users: [boss@example.com]}
    routes: [{name: leads, approvers: {groups: [leads]}}]
`

// A staff are people by the id of their Slack user.
type staff struct {
	people map[string]access.Person
	groups map[string][]string // of users
	admins []string
	gone   map[string]bool
	silent bool // the chat gives no answer
}

func (s *staff) Identify(_ context.Context, a access.Account) (access.Person, error) {
	if s.silent {
		return access.Person{}, access.ErrUnavailable
	}
	p, ok := s.people[a.User]
	if !ok {
		return p, &access.Refusal{Code: access.RefusedStranger, Text: "Nobody knows you."}
	}
	return p, nil
}

func (s *staff) Standing(_ context.Context, p access.Person, groups []flowfile.Group) (access.Standing, error) {
	st := access.Standing{Person: p, Active: !s.gone[p.Account.User], Admin: slices.Contains(s.admins, p.Account.User), Groups: map[string]bool{}}
	for _, g := range groups {
		st.Groups[g.Name] = slices.Contains(s.groups[g.Name], p.Account.User)
	}
	return st, nil
}

func account(user string) access.Account { return access.Account{Workspace: "T1", User: user} }

// A plainSealer seals nothing: what it seals begins with the name.
type plainSealer struct{}

func (plainSealer) Seal(name string, secret []byte) []byte {
	return append([]byte(name+"\x00"), secret...)
}

func (plainSealer) Open(name string, sealed []byte) ([]byte, error) {
	secret, ok := bytes.CutPrefix(sealed, []byte(name+"\x00"))
	if !ok {
		return nil, errors.New("sealed under another name")
	}
	return secret, nil
}

var publicKey, privateKey, _ = ed25519.GenerateKey(strings.NewReader(strings.Repeat("seed", 16)))

// A rig is an archive with people.
type rig struct {
	testing.TB
	*archive.Archive
	store access.Store
	staff *staff
	clock *clock.Movable
	dir   string
	wrong []error
	fail  error // of the store
}

func (r *rig) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	if r.fail != nil {
		return 0, r.fail
	}
	return r.store.Commit(ctx, c)
}

// breakable is a store that a rig can break.
type breakable struct {
	access.Store
	rig *rig
}

func (b breakable) Commit(ctx context.Context, c access.Commit) (access.Version, error) {
	return b.rig.Commit(ctx, c)
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{TB: t, store: memory.New(), clock: clock.Frozen(noon), dir: t.TempDir(), staff: &staff{
		people: map[string]access.Person{}, groups: map[string][]string{"seniors": {"USENIOR"}}, admins: []string{"UADMIN"}, gone: map[string]bool{},
	}}
	for _, name := range []string{"holder", "other", "auditor", "reader", "senior", "boss", "admin"} {
		user := "U" + strings.ToUpper(name)
		r.staff.people[user] = access.Person{ID: access.PersonID("p-" + name), Name: name, Account: account(user), Principal: access.Principal(name), Email: name + "@example.com"}
	}
	r.open(plainSealer{})
	return r
}

// open opens the archive, as after a start of the server.
func (r *rig) open(s record.Sealer) {
	r.Helper()
	set, err := flowfile.Load(fstest.MapFS{"f.yaml": {Data: []byte(flowsYAML)}}, "f.yaml")
	if err != nil {
		r.Fatal(err)
	}
	r.Archive, err = archive.Open(archive.Config{
		Store: breakable{r.store, r}, People: r.staff, Rules: func() *flowfile.Set { return set },
		Auditors: []string{"Auditor@example.com"}, Keystrokes: []string{"UREADER"}, Keep: 24 * time.Hour,
		Files: record.Config{Dir: r.dir, Sealer: s, Clock: r.clock, Wall: clock.Frozen(noon), Sign: func(b []byte) []byte { return ed25519.Sign(privateKey, b) }},
		Clock: r.clock, Failed: func(err error) { r.wrong = append(r.wrong, err) },
	})
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { r.Close() })
}

func (r *rig) begin(id string) *record.Recording {
	r.Helper()
	s, err := r.Files().Begin(r.Context(), record.About{
		ID: id, Began: r.clock.Now(), Kind: record.Shell, Grant: "g-1", Request: "r-1", Person: "p-holder", PersonName: "holder", Target: "shell", Instance: "i-1",
	})
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func (r *rig) take(s *record.Recording, typed, shown string) {
	r.Helper()
	for _, e := range []ssm.Event{{Kind: ssm.Typed, Data: []byte(typed)}, {Kind: ssm.Shown, Data: []byte(shown)}} {
		if err := s.Take(r.clock.Now(), e); err != nil {
			r.Fatal(err)
		}
	}
}

// recorded makes a whole recording.
func (r *rig) recorded(id string) {
	r.Helper()
	s := r.begin(id)
	r.take(s, "ls\r", "ls\r\nsecret-plan.txt\r\n")
	if err := s.End(r.clock.Now(), "the program ended"); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) events() (all []string) {
	r.Helper()
	events, err := r.store.Stream(r.Context(), "r-1", 1, 1000)
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range events {
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s %s", e.Type, e.Name)))
	}
	return all
}

const id1, id2 = "rec-0000000001", "rec-0000000002"

func TestWhoMaySeeWhat(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	open := r.begin(id2)
	defer func() { _ = open.End(noon, "done") }()
	looks := []archive.Look{archive.Exists, archive.Play, archive.Live, archive.Keystrokes}
	for who, may := range map[string][]bool{
		"UHOLDER":  {true, true, true, false},
		"UOTHER":   {false, false, false, false},
		"UAUDITOR": {true, true, true, false},
		"UREADER":  {true, false, false, true},
		"USENIOR":  {true, true, true, false},
		"UBOSS":    {true, true, true, false},
		"UADMIN":   {true, false, false, false},
		"UNOBODY":  {false, false, false, false},
	} {
		for i, look := range looks {
			var err error
			switch look {
			case archive.Exists:
				_, err = r.Get(t.Context(), account(who), id1)
			case archive.Live:
				_, err = r.View(t.Context(), account(who), archive.Looking{Recording: id2, Look: look})
			default:
				_, err = r.View(t.Context(), account(who), archive.Looking{Recording: id1, Look: look, Reason: "an incident"})
			}
			if (err == nil) != may[i] {
				t.Errorf("%s, %s: %v", who, look, err)
			}
			if refusal, ok := errors.AsType[*access.Refusal](err); err != nil && (!ok || !strings.HasSuffix(refusal.Text, ".")) {
				t.Errorf("%s, %s: %v is no sentence", who, look, err)
			}
		}
		found, _, err := r.List(t.Context(), account(who), archive.Filter{Limit: 10})
		if want := 2; may[0] && (err != nil || len(found) != want) || !may[0] && len(found) > 0 {
			t.Errorf("%s lists %d, %v", who, len(found), err)
		}
	}
	r.staff.gone["UAUDITOR"] = true
	if _, err := r.Get(t.Context(), account("UAUDITOR"), id1); err == nil {
		t.Error("whoever left sees recordings")
	}
}

func TestAViewIsRecordedFirst(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	r.fail = access.ErrNoSpace
	if _, err := r.View(t.Context(), account("UAUDITOR"), archive.Looking{Recording: id1, Look: archive.Play}); err == nil || !strings.Contains(err.Error(), "could not be recorded that you look") {
		t.Errorf("%v", err)
	}
	if c, err := r.Search(t.Context(), account("UAUDITOR"), archive.Hunt{Query: record.Query{Text: "secret", Limit: 10}}); err == nil {
		t.Errorf("%v", c)
	}
	r.fail = nil
	token, err := r.View(t.Context(), account("UAUDITOR"), archive.Looking{Recording: id1, Look: archive.Play})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"recording-begun holder", "recording-ended", "recording-viewed auditor"}
	if diff := cmp.Diff(want, r.events()); diff != "" {
		t.Error(diff)
	}
	p, err := r.Read(t.Context(), account("UAUDITOR"), token, archive.Place{})
	if err != nil || !p.Over || !strings.Contains(string(p.Text), "secret-plan.txt") {
		t.Errorf("%s, %v", p.Text, err)
	}
	if p, err := r.Read(t.Context(), account("USENIOR"), token, archive.Place{}); err == nil {
		t.Errorf("somebody else used it: %s", p.Text)
	}
	r.clock.Advance(2 * time.Hour)
	if _, err := r.Read(t.Context(), account("UAUDITOR"), token, archive.Place{}); err == nil {
		t.Error("used two hours later")
	}
}

func TestADenialIsRecorded(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	if _, err := r.View(t.Context(), account("UOTHER"), archive.Looking{Recording: id1, Look: archive.Play}); err == nil {
		t.Fatal("somebody else's")
	}
	if got := r.events(); got[len(got)-1] != "denial other" {
		t.Errorf("%v", got)
	}
}

// TestAuthorityIsAskedAnew takes it away between two pages.
func TestAuthorityIsAskedAnew(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	token, err := r.View(t.Context(), account("USENIOR"), archive.Looking{Recording: id1, Look: archive.Export})
	if err != nil {
		t.Fatal(err)
	}
	r.staff.groups["seniors"] = nil
	if p, err := r.Read(t.Context(), account("USENIOR"), token, archive.Place{}); err == nil {
		t.Errorf("%s", p.Text)
	}
}

func TestKeystrokesNeedAReason(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	if _, err := r.View(t.Context(), account("UREADER"), archive.Looking{Recording: id1, Look: archive.Keystrokes, Reason: "  "}); err == nil {
		t.Error("no reason is good enough")
	}
	token, err := r.View(t.Context(), account("UREADER"), archive.Looking{Recording: id1, Look: archive.Keystrokes, Reason: "incident 42"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := r.Read(t.Context(), account("UREADER"), token, archive.Place{})
	if err != nil || !strings.Contains(string(p.Text), `"i","ls"`) || strings.Contains(string(p.Text), "secret-plan") {
		t.Errorf("%s, %v", p.Text, err)
	}
	events, err := r.store.Stream(t.Context(), "r-1", 1, 100)
	if err != nil || !strings.Contains(string(events[len(events)-1].Data), "incident 42") {
		t.Errorf("%s, %v", events[len(events)-1].Data, err)
	}
}

func TestSearchIsRecordedForWhatIsShown(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	hunt := func(who, text string) archive.Catch {
		t.Helper()
		c, err := r.Search(t.Context(), account(who), archive.Hunt{Query: record.Query{Text: text, Limit: 10}})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := hunt("UAUDITOR", "nowhere"); len(c.Hits) > 0 || c.Searched != 1 || len(r.events()) != 2 {
		t.Errorf("%+v, %v", c, r.events())
	}
	if c := hunt("UAUDITOR", "plan"); len(c.Hits) != 1 || c.Hits[0].Row != "secret-plan.txt" || len(r.events()) != 3 {
		t.Errorf("%+v, %v", c, r.events())
	}
	if c := hunt("UOTHER", "plan"); len(c.Hits) > 0 || c.Searched != 0 {
		t.Errorf("%+v", c)
	}
	if _, err := r.Search(t.Context(), account("UOTHER"), archive.Hunt{Query: record.Query{Text: "plan", Limit: 10}, Recording: id1}); err == nil {
		t.Error("searched what is not theirs")
	}
}

func TestWatching(t *testing.T) {
	r := newRig(t)
	s := r.begin(id1)
	r.take(s, "", "hello\r\n")
	token, err := r.View(t.Context(), account("USENIOR"), archive.Looking{Recording: id1, Look: archive.Live})
	if err != nil {
		t.Fatal(err)
	}
	look, err := r.Watch(t.Context(), account("USENIOR"), token, -1)
	if err != nil || !strings.Contains(string(look.Text), "hello") {
		t.Fatalf("%s, %v", look.Text, err)
	}
	r.take(s, "", "again\r\n")
	look, err = r.Watch(t.Context(), account("USENIOR"), token, look.Next)
	if err != nil || !strings.Contains(string(look.Text), "again") || strings.Contains(string(look.Text), "hello") {
		t.Errorf("%s, %v", look.Text, err)
	}
	if err := s.End(noon, "done"); err != nil {
		t.Fatal(err)
	}
	if look, err = r.Watch(t.Context(), account("USENIOR"), token, look.Next); err != nil || !look.Over {
		t.Errorf("%+v, %v", look, err)
	}
	if _, err := r.View(t.Context(), account("USENIOR"), archive.Looking{Recording: id1, Look: archive.Live}); err == nil {
		t.Error("watches what is over")
	}
}

func (r *rig) account() *archive.Account {
	r.Helper()
	var c archive.Account
	events, err := r.store.Log(r.Context(), 1, 1000)
	if err != nil {
		r.Fatal(err)
	}
	for _, e := range events {
		c.Add(e)
	}
	return &c
}

func (r *rig) verify() map[string]string {
	r.Helper()
	found, err := r.account().Verify(r.dir, publicKey, "")
	if err != nil {
		r.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range found {
		all[f.ID] = strings.TrimSuffix(f.State+": "+f.Text, ": ")
	}
	return all
}

func TestOldRecordingsAreRemoved(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	open := r.begin(id2)
	r.clock.Advance(23 * time.Hour)
	if err := r.Expire(t.Context()); err != nil || r.verify()[id1] != "whole" {
		t.Fatal(err, r.verify())
	}
	r.clock.Advance(2 * time.Hour)
	r.fail = access.ErrNoSpace
	if err := r.Expire(t.Context()); err == nil || r.verify()[id1] != "whole" {
		t.Errorf("removed unrecorded: %v, %v", err, r.verify())
	}
	r.fail = nil
	if err := r.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{id1: "removed", id2: "open"}, r.verify()); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(filepath.Join(r.dir, id1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the files are there: %v", err)
	}
	if _, err := r.View(t.Context(), account("UAUDITOR"), archive.Looking{Recording: id1, Look: archive.Play}); err == nil || !strings.Contains(err.Error(), "recordings are kept for 1 day") {
		t.Errorf("%v", err)
	}
	if err := open.End(r.clock.Now(), "done"); err != nil {
		t.Fatal(err)
	}
}

// TestARemovalIsFinished has a crash between the record and the files.
func TestARemovalIsFinished(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	r.clock.Advance(25 * time.Hour)
	blocked := filepath.Join(r.dir, id1, "output.key")
	if err := errors.Join(os.Remove(blocked), os.MkdirAll(filepath.Join(blocked, "x"), 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := r.Expire(t.Context()); err == nil {
		t.Fatal("the key could be removed")
	}
	if err := os.RemoveAll(blocked); err != nil {
		t.Fatal(err)
	}
	if err := r.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, id1)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the files are there: %v", err)
	}
	if n := strings.Count(strings.Join(r.events(), " "), "recording-removed"); n != 1 {
		t.Errorf("removed %d times", n)
	}
}

// A nextSealer seals otherwise than a plainSealer, and opens both.
type nextSealer struct{ plainSealer }

func (n nextSealer) Seal(name string, secret []byte) []byte {
	return append([]byte("next\x00"), n.plainSealer.Seal(name, secret)...)
}

func (n nextSealer) Open(name string, sealed []byte) ([]byte, error) {
	return n.plainSealer.Open(name, bytes.TrimPrefix(sealed, []byte("next\x00")))
}

func (nextSealer) Current(sealed []byte) bool { return bytes.HasPrefix(sealed, []byte("next\x00")) }

func TestKeysAreSealedAnew(t *testing.T) {
	r := newRig(t)
	r.recorded(id1)
	before, err := os.ReadFile(filepath.Join(r.dir, id1, "output.key"))
	if err != nil {
		t.Fatal(err)
	}
	r.fail = access.ErrNoSpace
	if n, err := r.Renew(t.Context(), nextSealer{}); n != 0 || err == nil || r.verify()[id1] != "whole" {
		t.Errorf("%d without a record of it, %v, %v", n, err, r.verify())
	}
	r.fail = nil
	for _, want := range []int{1, 0} {
		if n, err := r.Renew(t.Context(), nextSealer{}); n != want || err != nil || r.verify()[id1] != "whole" {
			t.Errorf("%d, %v, want %d; %v", n, err, want, r.verify())
		}
	}
	after, err := os.ReadFile(filepath.Join(r.dir, id1, "output.key"))
	if err != nil || bytes.Equal(before, after) {
		t.Errorf("the key is sealed as before, %v", err)
	}
	r.open(nextSealer{})
	token, err := r.View(t.Context(), account("UAUDITOR"), archive.Looking{Recording: id1, Look: archive.Play})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := r.Read(t.Context(), account("UAUDITOR"), token, archive.Place{}); err != nil || !strings.Contains(string(p.Text), "secret-plan") {
		t.Errorf("%s, %v", p.Text, err)
	}
	// A crash came before the file was written: it is as it was.
	if err := os.WriteFile(filepath.Join(r.dir, id1, "output.key"), before, 0o600); err != nil || r.verify()[id1] != "whole" {
		t.Errorf("%v, %v", err, r.verify())
	}
}

func TestVerifyNamesWhatIsWrong(t *testing.T) {
	folder := func(r *rig, id string) string { return filepath.Join(r.dir, id) }
	for name, c := range map[string]struct {
		harm func(r *rig) error
		want string
	}{
		"nothing": {func(*rig) error { return nil }, "whole"},
		"gone":    {func(r *rig) error { return os.RemoveAll(folder(r, id1)) }, "broken: recording rec-0000000001 is missing: the record knows it, and not that it was removed"},
		"swapped": {func(r *rig) error {
			return errors.Join(os.Rename(folder(r, id1), folder(r, "x")), os.Rename(folder(r, id2), folder(r, id1)), os.Rename(folder(r, "x"), folder(r, id2)))
		}, "broken: the folder rec-0000000001 holds recording rec-0000000002"},
		"an old manifest": {func(r *rig) error {
			b, err := os.ReadFile(filepath.Join(r.dir, "old"))
			return errors.Join(err, os.WriteFile(filepath.Join(folder(r, id1), "manifest.json"), b, 0o600))
		}, "broken: the manifest of recording rec-0000000001 is not the one that was recorded when it ended"},
		"the tail": {func(r *rig) error { return os.Truncate(filepath.Join(folder(r, id1), "output.seg"), 0) }, "broken: output of recording rec-0000000001: it ends after segment 0, and 1 were recorded"},
	} {
		r := newRig(t)
		s := r.begin(id1)
		b, err := os.ReadFile(filepath.Join(folder(r, id1), "manifest.json"))
		if err := errors.Join(err, os.WriteFile(filepath.Join(r.dir, "old"), b, 0o600)); err != nil {
			t.Fatal(err)
		}
		r.take(s, "ls\r", "ls\r\n")
		if err := s.End(r.clock.Now(), "done"); err != nil {
			t.Fatal(err)
		}
		r.recorded(id2)
		if err := c.harm(r); err != nil {
			t.Fatal(err)
		}
		if got := r.verify()[id1]; !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
		if got := r.verify()["old"]; got != "broken: old is among the recordings, and in no record" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// TestAKilledServer leaves a recording open, and the next start ends it.
func TestAKilledServer(t *testing.T) {
	r := newRig(t)
	s := r.begin(id1)
	r.take(s, "ls\r", "ls\r\n")
	copied := t.TempDir()
	if err := os.CopyFS(filepath.Join(copied, id1), os.DirFS(filepath.Join(r.dir, id1))); err != nil {
		t.Fatal(err)
	}
	r.dir = copied // what was on the disk then
	r.open(plainSealer{})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	for {
		if got, err := r.Get(t.Context(), account("UHOLDER"), id1); err != nil {
			t.Fatal(err)
		} else if got.Manifest.State == record.StateEnded {
			break
		}
	}
	stop()
	if err := <-done; err != nil || len(r.wrong) > 0 {
		t.Error(err, r.wrong)
	}
	got, err := r.Get(t.Context(), account("UHOLDER"), id1)
	if err != nil || got.Manifest.Why != "the server was stopped in the middle of the session" || r.verify()[id1] != "whole" {
		t.Errorf("%+v, %v, %v", got.Manifest, err, r.verify())
	}
}
