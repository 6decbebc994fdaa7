package recipe_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sesame/policies/iam/recipe"
)

// fakeUsers stand for the programs that keep users, on files of a folder.
var fakeUsers = map[string]string{
	"getent":  `[ -f "$D/$1" ] && grep "^$2:" "$D/$1"`,
	"useradd": `for u; do :; done; while [ "$1" != --comment ]; do shift; done; echo "$u:x:1001:1001:$2:/home/$u:/bin/bash" >>"$D/passwd"; echo "$u:!:20000:0:99999:7:::" >>"$D/shadow"`,
	"usermod": `e=; while [ $# -gt 1 ]; do case "$1" in --expiredate) e=$2; shift ;; --comment) c=$2; shift ;; esac; shift; done
[ -z "${c:-}" ] || sed -i "s/^\($1:x:1001:1001:\)[^:]*/\1$c/" "$D/passwd"; sed -i "s/^\($1:!:20000:0:99999:7::\)[^:]*/\1$e/" "$D/shadow"`,
	// What runs comes back as often as the file says.
	"pkill": `echo "$@" >>"$D/killed"; left=$(cat "$D/left" 2>/dev/null || echo 0); [ "$left" -gt 0 ] && echo $((left - 1)) >"$D/left"`,
}

// A machine runs the script of the document, with parameters put in as Systems
// Manager does.
type machine struct {
	*testing.T
	dir, script string
	patterns    map[string]*regexp.Regexp
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	text, err := recipe.OSUserDocument{Description: "Users"}.Text()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Parameters map[string]struct {
			Pattern string   `json:"allowedPattern"`
			Values  []string `json:"allowedValues"`
		}
		Steps []struct {
			Inputs struct {
				Run []string `json:"runCommand"`
			}
		} `json:"mainSteps"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	m := &machine{T: t, dir: t.TempDir(), script: strings.Join(doc.Steps[0].Inputs.Run, "\n"), patterns: map[string]*regexp.Regexp{}}
	for name, p := range doc.Parameters {
		pattern := p.Pattern
		if pattern == "" {
			pattern = "^(" + strings.Join(p.Values, "|") + ")$"
		}
		m.patterns[name] = regexp.MustCompile(pattern)
	}
	for name, body := range fakeUsers {
		if err := os.WriteFile(filepath.Join(m.dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// run returns the last line, and whether the parameters were taken.
func (m *machine) run(state, user, stamp string) (string, bool) {
	m.Helper()
	script := m.script
	for name, value := range map[string]string{"state": state, "user": user, "stamp": stamp} {
		if !m.patterns[name].MatchString(value) {
			return "", false
		}
		script = strings.ReplaceAll(script, "{{ "+name+" }}", value)
	}
	cmd := exec.CommandContext(m.Context(), "sh", "-c", script)
	cmd.Env = []string{"PATH=" + m.dir + ":/usr/bin:/bin", "D=" + m.dir}
	out, err := cmd.CombinedOutput()
	if err != nil {
		m.Fatalf("%s of %s: %v\n%s", state, user, err, out)
	}
	return strings.TrimSpace(string(out)), true
}

func TestUsersOfTheOperatingSystem(t *testing.T) {
	m := newMachine(t)
	if err := os.WriteFile(filepath.Join(m.dir, "passwd"), []byte("admin:x:1000:1000:The admin:/home/admin:/bin/bash\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const first, second = "20261120T120000Z", "20261120T140000Z"
	for n, c := range []struct{ state, user, stamp, want string }{
		{"look", "partya", first, "sesame: absent"},
		{"locked", "partya", first, "sesame: absent"},
		{"present", "partya", first, "sesame: present " + first},
		{"look", "partya", second, "sesame: present " + first},
		{"locked", "partya", second, "sesame: locked " + first},
		{"locked", "partya", second, "sesame: locked " + first},
		{"present", "partya", second, "sesame: present " + second},
		{"present", "admin", first, "sesame: foreign"},
		{"locked", "admin", first, "sesame: foreign"},
	} {
		if got, ok := m.run(c.state, c.user, c.stamp); got != c.want || !ok {
			t.Errorf("%d: %s of %s: %q, want %q", n, c.state, c.user, got, c.want)
		}
	}
	killed, err := os.ReadFile(filepath.Join(m.dir, "killed"))
	if err != nil || strings.Count(string(killed), "-KILL -u partya") != 2 || strings.Contains(string(killed), "admin") {
		t.Errorf("killed %q, %v", killed, err)
	}
}

// TestWhatStartsAnewIsEndedAgain, but not for ever: the command has an end.
func TestWhatStartsAnewIsEndedAgain(t *testing.T) {
	for left, want := range map[string]int{"3": 4, "1000": 51} {
		m := newMachine(t)
		m.run("present", "partya", "20261120T120000Z")
		if err := os.WriteFile(filepath.Join(m.dir, "left"), []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, _ := m.run("locked", "partya", "20261120T120000Z"); got != "sesame: locked 20261120T120000Z" {
			t.Errorf("%s times: %q", left, got)
		}
		killed, err := os.ReadFile(filepath.Join(m.dir, "killed"))
		if n := strings.Count(string(killed), "-KILL -u partya"); n != want || err != nil || strings.Count(string(killed), "-KILL -U partya") != 1 {
			t.Errorf("%s times: killed %d times, want %d, %v", left, n, want, err)
		}
	}
}

func TestNothingTypedGetsIntoTheShell(t *testing.T) {
	m := newMachine(t)
	for _, user := range []string{"", "a b", "a;b", "a'b", `a"b`, "a$b", "a`b`", "a\nb", "-a", "A", "a/b", "{{ stamp }}", strings.Repeat("a", 33)} {
		if _, ok := m.run("look", user, "20261120T120000Z"); ok {
			t.Errorf("%q was taken", user)
		}
	}
	if _, ok := m.run("look; reboot", "a", "20261120T120000Z"); ok {
		t.Error("another state was taken")
	}
	if _, ok := m.run("look", "a", "$(reboot)"); ok {
		t.Error("another stamp was taken")
	}
}
