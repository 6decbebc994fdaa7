package record_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/proxy/record"
	"sesame/proxy/ssm"
)

// A step is something typed or shown, and how long after the one before.
type step struct {
	kind ssm.Kind
	wait time.Duration
	text string
}

const beat = 50 * time.Millisecond

func typed(text string) step { return step{ssm.Typed, beat, text} }
func shown(text string) step { return step{ssm.Shown, beat, text} }

func after(d time.Duration, s step) step {
	s.wait = d
	return s
}

// keys are typed one by one, and each is shown by itself.
func echoed(text string) (all []step) {
	for _, r := range text {
		all = append(all, typed(string(r)), shown(string(r)))
	}
	return all
}

// silent are keys of which none is shown.
func silent(text string) (all []step) {
	for _, r := range text {
		all = append(all, typed(string(r)))
	}
	return all
}

func steps(parts ...any) (all []step) {
	for _, p := range parts {
		switch p := p.(type) {
		case step:
			all = append(all, p)
		case []step:
			all = append(all, p...)
		}
	}
	return all
}

// lines returns the events of a stream.
func lines(t testing.TB, s *record.Store, id string, name record.Stream) (all []record.Line) {
	t.Helper()
	r, err := s.OpenStream(id, name)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for {
		seg, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		// The text is not to be reused while the lines are kept.
		text := []byte(string(seg.Text))
		if _, err := record.Lines(text, seg.From, func(l record.Line) error {
			all = append(all, l)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// inputOf records steps, and returns what is kept of what was typed, with
// <hidden> for what is not.
func inputOf(t *testing.T, all []step) string {
	t.Helper()
	s := openStore(t, record.Config{})
	r, at := session(t, s), noon
	for _, st := range all {
		at = at.Add(st.wait)
		if err := r.Take(at, ssm.Event{Kind: st.kind, Data: []byte(st.text)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.End(at.Add(time.Second), "done"); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	last := time.Duration(0)
	for _, l := range lines(t, s, r.ID(), record.Input) {
		if l.At < last {
			t.Errorf("%v comes after %v", l.At, last)
		}
		last = l.At
		if l.Code == 'm' {
			b.WriteString("<hidden>")
		} else {
			b.WriteString(l.Text())
		}
	}
	return b.String()
}

func TestWhatIsNotShownIsHidden(t *testing.T) {
	const pause = 10 * time.Second
	sudo := steps(shown("$ "), echoed("sudo id"), typed("\r"), shown("\r\nPassword: "))
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"a command, key by key":              {steps(shown("$ "), echoed("ls -la"), typed("\r"), shown("\r\ntotal 0\r\n$ ")), "ls -la\r"},
		"a password":                         {steps(sudo, silent("hunter2"), typed("\r"), shown("\r\nuid=0\r\n$ "), echoed("ls"), typed("\r"), shown("\r\n")), "sudo id\r<hidden>\rls\r"},
		"a password in one paste":            {steps(sudo, typed("hunter2"), typed("\r"), shown("\r\nok\r\n")), "sudo id\r<hidden>\r"},
		"a password with its Enter":          {steps(sudo, typed("hunter2\r"), shown("\r\nok\r\n")), "sudo id\r<hidden>\r"},
		"a password with a correction":       {steps(sudo, silent("hunx\x7fter2"), typed("\r"), shown("\r\nok\r\n")), "sudo id\r<hidden>\x7f\r"},
		"a password, slowly":                 {steps(sudo, typed("h"), after(pause, typed("u")), after(pause, typed("n")), after(pause, typed("\r")), shown("\r\n")), "sudo id\r<hidden>\r"},
		"a password shown as stars":          {steps(sudo, typed("s"), shown("*"), typed("e"), shown("*"), typed("c"), shown("*"), typed("\r"), shown("\r\n")), "sudo id\r<hidden>\r"},
		"a password of other letters":        {steps(sudo, silent("pässwörd"), typed("\r"), shown("\r\n")), "sudo id\r<hidden>\r"},
		"a password and a noisy log":         {steps(sudo, typed("h"), shown("hot stuff\r\n"), typed("u"), shown("user u"), typed("n"), shown("\r\nrun"), typed("t"), shown("start\r\n"), typed("\r"), shown("\r\n")), "sudo id\r<hidden>\r"},
		"a password and bulk output":         {steps(sudo, typed("hunter2"), shown(strings.Repeat("x", 1<<20)), shown("hunter2"), typed("\r")), "sudo id\r<hidden>\r"},
		"the end comes first":                {steps(sudo, silent("hunter2")), "sudo id\r<hidden>"},
		"half a character at the end":        {steps(shown("$ "), echoed("ls"), typed("\r"), shown("\r\n"), typed("\xc3")), "ls\r<hidden>"},
		"an echo a second later":             {steps(shown("$ "), silent("whoami"), typed("\r"), after(time.Second, shown("whoami\r\nalice\r\n$ "))), "whoami\r"},
		"an echo that never comes":           {steps(shown("$ "), silent("whoami"), typed("\r"), after(pause, shown("whoami\r\nalice\r\n$ "))), "<hidden>\r"},
		"typed ahead, shown after a prompt":  {steps(typed("sleep 5\r"), shown("sleep 5\r\n"), typed("uptime\r"), after(time.Second, shown("$ uptime\r\nup 3 days\r\n$ "))), "sleep 5\ruptime\r"},
		"a paste of several lines":           {steps(shown("$ "), typed("cd /tmp\rls -l\r"), shown("cd /tmp\r\n$ ls -l\r\ntotal 0\r\n")), "cd /tmp\rls -l\r"},
		"a bracketed paste":                  {steps(shown("$ "), typed("\x1b[200~echo hello\x1b[201~"), shown("\x1b[7mecho hello\x1b[27m"), typed("\r"), shown("\r\x1b[2C\x1b[Kecho hello\r\n")), "\x1b[200~echo hello\x1b[201~\r"},
		"characters in two frames":           {steps(shown("$ "), typed("ä\xc3"), shown("ä"), typed("\xb6"), shown("ö"), typed("\r"), shown("\r\n")), "äö\r"},
		"completion":                         {steps(shown("$ "), typed("cat fi\t"), shown("cat file.txt "), typed("\r"), shown("\r\n")), "cat fi\t\r"},
		"a line editor that paints anew":     {steps(shown("$ "), typed("l"), shown("l"), typed("s"), shown("\b\x1b[32ml\x1b[32ms\x1b[39m\x1b[90m -la\x1b[39m\x1b[4D"), typed("\r"), shown("\x1b[K\r\n")), "ls\r"},
		"a correction":                       {steps(shown("$ "), echoed("lss"), typed("\x7f"), shown("\b \b"), typed("\r"), shown("\r\n")), "lss\x7f\r"},
		"a correction, all echoed at once":   {steps(shown("$ "), silent("lss"), typed("\x7f"), shown("lss\b \b"), typed("\r"), shown("\r\n")), "lss\x7f\r"},
		"a command of two rows":              {steps(shown("$ "), typed("echo aaaaaaaaaabbbbbbbbbb"), shown("echo aaaaaaaaaa \rbbbbbbbbbb"), typed("\r"), shown("\r\n")), "echo aaaaaaaaaabbbbbbbbbb\r"},
		"y for yes":                          {steps(shown("Go on? [y/N] "), typed("y"), shown("y"), typed("\r"), shown("\r\n")), "y\r"},
		"y for yes, which the prompt has":    {steps(shown("Go on? y"), typed("y"), typed("\r"), shown("\r\n")), "<hidden>\r"},
		"commands of an editor":              {steps(shown("\x1b[?1049h\x1b[2J\x1b[Htext"), typed("j"), shown("\x1b[2;1H"), typed("x"), shown("\x1b[P"), typed("\x1b"), typed(":wq"), shown("\x1b[24;1H:wq"), typed("\r")), "<hidden>\x1b:wq\r"},
		"arrows and control keys":            {steps(shown("$ "), typed("\x1b[A"), shown("ls"), typed("\x03"), shown("^C\r\n$ ")), "\x1b[A\x03"},
		"a terminal that answers by itself":  {steps(shown("\x1b[6n"), typed("\x1b[24;80R"), typed("\x1b]11;rgb:00/00/00\x07")), "\x1b[24;80R\x1b]11;rgb:00/00/00\x07"},
		"what is shown and was there before": {steps(shown("hunter2"), typed("hunter2"), typed("\r"), shown("\r\n")), "<hidden>\r"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, inputOf(t, c.steps)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHiddenSaysNothingOfLength has passwords of several lengths: what is kept of
// them is the same.
func TestHiddenSaysNothingOfLength(t *testing.T) {
	var kept []string
	for _, secret := range []string{"a", "hunter2", strings.Repeat("correct horse ", 100)} {
		kept = append(kept, inputOf(t, steps(shown("Password: "), silent(secret), typed("\r"), shown("\r\n"))))
	}
	if kept[0] != "<hidden>\r" || kept[1] != kept[0] || kept[2] != kept[0] {
		t.Errorf("%q", kept)
	}
}

// TestWhatWaitsIsBounded types without end where nothing is shown.
func TestWhatWaitsIsBounded(t *testing.T) {
	got := inputOf(t, steps(typed(strings.Repeat("secret", 1<<16)), typed("\r")))
	if got != "<hidden>\r" {
		t.Errorf("%.100q", got)
	}
}

func FuzzMask(f *testing.F) {
	f.Add([]byte("ls\r"), []byte("ls\r\n"), uint8(1))
	f.Add([]byte("\x1b[200~a"), []byte("\x1b[3P\x1b[9@\b\b\x1b[K"), uint8(3))
	f.Fuzz(func(t *testing.T, in, out []byte, n uint8) {
		var all []step
		size := int(n)%7 + 1
		for len(in)+len(out) > 0 {
			a, b := min(size, len(in)), min(size, len(out))
			all = append(all, typed(string(in[:a])), shown(string(out[:b])))
			in, out = in[a:], out[b:]
		}
		inputOf(t, all)
	})
}
