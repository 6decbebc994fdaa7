package line

import (
	"fmt"
	"strings"

	"sesame/flows/access"
)

// A Problem is one thing that keeps a line from being a request.
type Problem struct {
	Code  access.RefusalCode // RefusedUnknown or RefusedInput
	About string             // Target, Duration, or the name of a field
	Word  string             // what was typed
	Text  string             // one sentence: what, why, what next
	Near  []string           // the nearest names, for an unknown target
}

// Refusal returns p as the refusal that a person is shown.
func (p Problem) Refusal() *access.Refusal {
	return &access.Refusal{Code: p.Code, Text: p.Text, Fields: map[string]string{p.About: p.Text}}
}

func unknownTarget(word string, near []string) Problem {
	next := "open the form to see what you can ask for"
	if len(near) > 0 {
		next = "did you mean " + either(near) + "?"
	}
	text := fmt.Sprintf("There is no target %s that you can ask for: %s", quote(word), next)
	if len(near) == 0 {
		text += "."
	}
	return Problem{Code: access.RefusedUnknown, About: Target, Word: word, Text: text, Near: near}
}

func badDuration(said, text string) Problem {
	return Problem{Code: access.RefusedInput, About: Duration, Word: said, Text: text}
}

func twoDurations(first, second string) Problem {
	text := fmt.Sprintf("%s and %s are two durations, and only one can be had: say one of them.", quote(first), quote(second))
	return badDuration(second, text)
}

func ambiguous(word string, fields []value) Problem {
	var names []string
	for _, f := range fields {
		names = append(names, f.field.title())
	}
	text := fmt.Sprintf("%s could be %s: say which in the form.", quote(word), either(names))
	return Problem{Code: access.RefusedInput, About: fields[0].field.Name, Word: word, Text: text}
}

// title returns what people know the field by.
func (f Field) title() string {
	if f.Label != "" {
		return f.Label
	}
	return f.Name
}

// quote returns what was typed for use in a sentence, cut to a readable length.
func quote(word string) string {
	const most = 40
	if r := []rune(word); len(r) > most {
		word = string(r[:most-1]) + "…"
	}
	return fmt.Sprintf("%q", word)
}

// either joins names as alternatives: "a, b or c".
func either(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}
