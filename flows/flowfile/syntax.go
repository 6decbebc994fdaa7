package flowfile

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"sesame/policies"

	"github.com/goccy/go-yaml"
)

// mark is what some editors write before the text of a file.
const mark = "\ufeff"

// readable notes what keeps a file from being text that is looked at.
func (r *reader) readable(f *file) bool {
	if len(f.data) > maxFile {
		r.add(f.position(0), fmt.Sprintf("the file has %d bytes, more than %d", len(f.data), maxFile), "put some of it into other files, and include them")
		return false
	}
	for i, c := range f.data {
		if c != utf8.RuneError {
			continue
		}
		if _, size := utf8.DecodeRuneInString(f.data[i:]); size == 1 {
			r.add(f.position(i), fmt.Sprintf("the byte %#x is not UTF-8", f.data[i]), "save the file as UTF-8")
			return false
		}
	}
	return true
}

// visible notes a text with characters that nobody sees, or that turn the
// others around: what it says is not what it looks like.
func (r *reader) visible(n *node) {
	i := strings.IndexFunc(n.text, unseen)
	if i < 0 {
		return
	}
	c, _ := utf8.DecodeRuneInString(n.text[i:])
	r.add(n.pos, fmt.Sprintf("the text has the character %U in it, which cannot be seen", c), "take it out")
}

func unseen(c rune) bool {
	switch c {
	case '\n', '\r', '\t':
		return false
	case '\u200b', '\u2060', '\ufeff':
		return true
	}
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c)
}

// syntax notes that a file is not YAML.
func (r *reader) syntax(f *file, err error) {
	var pos policies.Position
	var message string
	var e yaml.Error
	if errors.As(err, &e) && e.GetToken() != nil {
		pos, message = tokenPosition(f, e.GetToken()), e.GetMessage()
	} else {
		// This shows the file as well, which takes long for a large one.
		pos, message = f.position(0), err.Error()
	}
	message, _, _ = strings.Cut(message, "\n")
	for _, m := range mistakes() {
		if strings.Contains(message, m.parser) {
			r.add(pos, cmp.Or(m.message, message), m.hint)
			return
		}
	}
	r.add(pos, message, "")
}

// A mistake is what the YAML parser complains about, as people make it.
type mistake struct{ parser, message, hint string }

// mistakes returns what people get wrong in YAML; the first that fits counts.
func mistakes() []mistake {
	return []mistake{
		{"tab character", "a tab stands here", "indent with spaces"},
		{"found character '\t'", "a tab stands here", "indent with spaces"},
		{"map key-value is pre-defined", "something stands after the value", `put all of a text that has quotes, ": " or " #" in it in quotes: 'requester.email == "x"'`},
		{"mapping value is not allowed", `a ": " stands where there is a value already`, "put the text in quotes, or indent the key like the others; - is followed by a space"},
		{"value is not allowed in this context", "this does not belong to what is above it", "indent it like what it belongs to"},
		{"non-map value is specified", "a key has no value", "write KEY: VALUE, with a space after the colon"},
		{"unexpected key name", "a key has no value", "write KEY: VALUE, with a space after the colon"},
		{"is a reserved character", "", "put the text in quotes"},
		{"invalid header option", "a text after | or > begins on the next line", "indent it there, or take out | or >"},
		{"',' or '}' must be specified", "there is no , or } here", "what begins with { ends with }, and , stands between its keys"},
		{"',' or ']' must be specified", "there is no , or ] here", "what begins with [ ends with ], and , stands between its values"},
		{"sequence end token ']' not found", "what begins with [ does not end", "end it with ]"},
		{"could not find flow map content", "what begins with { does not end", "put a text that begins with { in quotes"},
		{"unknown escape character", "", `within "…" a backslash is written as \\; within '…' as it is`},
	}
}
