package record_test

import (
	"strings"
	"testing"

	"sesame/proxy/record"
)

func TestTame(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"text":                   {"ls ü\r\n\tx\b", "ls ü\r\n\tx\b"},
		"colours and movement":   {"\x1b[1;31mred\x1b[0m\x1b[2J\x1b[H\x1b[3;4H\x1b[K\x1b[38:5:1m", "\x1b[1;31mred\x1b[0m\x1b[2J\x1b[H\x1b[3;4H\x1b[K\x1b[38:5:1m"},
		"the other screen":       {"\x1b[?1049h\x1b[?25l", "\x1b[?1049h\x1b[?25l"},
		"mouse and paste":        {"\x1b[?1000h\x1b[?2004h\x1b[?1006hx", "x"},
		"a title":                {"\x1b]0;title\x07x", "x"},
		"the clipboard":          {"\x1b]52;c;cm0gLXJm\x1b\\x", "x"},
		"what is answered":       {"\x1b[6n\x1b[c\x1b[>c\x1b[5n\x05\x1bZx", "x"},
		"windows and printers":   {"\x1b[8;1;1t\x1b[5i\x1b[21tx", "x"},
		"device control":         {"\x1bP$q\"p\x1b\\x\x1b_private\x1b\\y", "xy"},
		"a reset":                {"\x1bcx", "x"},
		"eight-bit controls":     {"\u009b6n\u009d0;t\u009cx", "6n0;tx"},
		"line drawing":           {"\x1b(0qqq\x1b(B", "\x1b(0qqq\x1b(B"},
		"one in another":         {"\x1b[3\x1b[31mx", "\x1b[31mx"},
		"one cut short":          {"\x1b\x1b[31mx", "\x1b[31mx"},
		"a bell":                 {"\ax", "x"},
		"one without an end":     {"x\x1b]0;" + strings.Repeat("y", 5000), "x"},
		"one that is too long":   {"\x1b[" + strings.Repeat("1;", 500) + "mx", "x"},
		"private ones that draw": {"\x1b[?5mx\x1b[>4;1mx\x1b[ qx", "xxx"},
	} {
		var whole, pieces record.Tamer
		if got := string(whole.Append(nil, []byte(c.in))); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		var got []byte
		for _, r := range c.in {
			got = pieces.Append(got, []byte(string(r)))
		}
		if string(got) != c.want {
			t.Errorf("%s, in pieces: %q, want %q", name, got, c.want)
		}
	}
}
