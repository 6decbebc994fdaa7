package flowfile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"sesame/policies"
)

// The bounds of fields. Slack's forms take 3000 characters.
const (
	defaultLength = 200
	maxLength     = 3000
	maxPattern    = 500
	maxHint       = 150
)

// A Field is something that a flow's form asks for.
type Field struct {
	Name      string
	Label     string
	Type      policies.FieldType
	Pattern   string   // of a string; empty takes any
	Hint      string   // what a value looks like, for people: "like INC-42"
	Options   []string // of a select
	Min, Max  *int     // of an int; nil is no bound
	MaxLength int      // of a string, in characters; 0 is 200
	Required  bool
	re        *regexp.Regexp // Pattern, when it came from a file
}

// Parse returns text as the request keeps it, or else the sentence that says
// what is wrong with it. Nothing but space is no value: "" is returned for it,
// unless the field is required.
func (f Field) Parse(text string) (canonical, problem string) {
	text = strings.TrimSpace(text)
	if text == "" {
		if f.Required {
			return "", f.Label + " is required."
		}
		return "", ""
	}
	switch f.Type {
	case policies.Int:
		return f.parseInt(text)
	case policies.Bool:
		return f.parseBool(text)
	case policies.Select:
		return f.parseOption(text)
	default:
		return f.parseString(text)
	}
}

// Matches reports whether text, as one word of a request line, is a value of
// this field beyond doubt: it has a pattern, and text matches it.
func (f Field) Matches(text string) bool {
	if f.Pattern == "" {
		return false
	}
	_, problem := f.Parse(text)
	return problem == ""
}

func (f Field) parseString(text string) (string, string) {
	most := f.MaxLength
	if most == 0 {
		most = defaultLength
	}
	if n := utf8.RuneCountInString(text); n > most {
		return "", fmt.Sprintf("%s can have %d characters, and this has %d.", f.Label, most, n)
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, hidden) {
		return "", f.Label + " cannot have line breaks or invisible characters."
	}
	if re, err := f.pattern(); err != nil || re != nil && !re.MatchString(text) {
		return "", f.Label + " does not look right: " + f.advice()
	}
	return text, ""
}

// advice says what a value looks like. A pattern is nothing that people read.
func (f Field) advice() string {
	if f.Hint == "" {
		return "ask an admin what it should look like."
	}
	return "it is to be " + strings.TrimSuffix(f.Hint, ".") + "."
}

// hidden reports whether a character changes what people see without being
// seen: controls, and marks of direction and format.
func hidden(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029'
}

// pattern returns the compiled pattern, or nil if there is none.
func (f Field) pattern() (*regexp.Regexp, error) {
	if f.re != nil || f.Pattern == "" {
		return f.re, nil
	}
	return regexp.Compile(f.Pattern)
}

func (f Field) parseInt(text string) (string, string) {
	n, err := strconv.Atoi(text)
	switch {
	case err != nil:
		return "", f.Label + " must be a whole number, such as 3."
	case f.Min != nil && n < *f.Min:
		return "", fmt.Sprintf("%s must be at least %d.", f.Label, *f.Min)
	case f.Max != nil && n > *f.Max:
		return "", fmt.Sprintf("%s must be at most %d.", f.Label, *f.Max)
	}
	return strconv.Itoa(n), ""
}

func (f Field) parseBool(text string) (string, string) {
	switch strings.ToLower(text) {
	case "yes", "true", "y", "on", "1":
		return "true", ""
	case "no", "false", "n", "off", "0":
		return "false", ""
	}
	return "", f.Label + " must be yes or no."
}

func (f Field) parseOption(text string) (string, string) {
	if slices.Contains(f.Options, text) {
		return text, ""
	}
	for _, o := range f.Options {
		if strings.EqualFold(o, text) {
			return o, ""
		}
	}
	if near := policies.Nearest(text, slices.Values(f.Options)); near != "" {
		return "", fmt.Sprintf("%s cannot be that: did you mean %s?", f.Label, near)
	}
	return "", fmt.Sprintf("%s must be one of %s.", f.Label, strings.Join(f.Options, ", "))
}
