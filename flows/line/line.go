// Package line is the grammar of the request line: what somebody types after
// the command.
//
//	(nothing)                        open the form
//	list                             show what can be asked for
//	end [TARGET | ID]                end access
//	help                             say how it works
//	login CODE                       sign in the terminal that shows the code
//	logout                           sign out every terminal
//	extend [TARGET | ID] [DURATION] [words]
//	                                 ask for more time
//	break-glass TARGET [INCIDENT] [words]
//	                                 open the form that gives access at once
//	TARGET [DURATION] [words]        ask, in any sensible order
//
// A line that asks has a head, a reason and a tail. The head and the tail are
// runs of what is recognised: the target (in the head only), one duration, and
// words that fill a field of the target's flow. What stands between them is
// the reason, as it was typed. A word inside the reason may fill a field too,
// and then stays where it is, since a sentence with a hole reads badly.
//
// A line that extends may leave out the target, where only one thing can be
// meant. A line that breaks the glass only fills in a form: it is never
// complete.
//
// It promises never to panic, never to guess between two meanings, and to lose
// no word: each is in the Line somewhere, apart from the glue around what was
// recognised ("for 1h", "because").
//
// It refuses to judge: which targets there are is handed in, and whether a
// duration can be had, or a reason is long enough, is the Desk's to say. Text is
// plain text; an adapter whose wire escapes characters undoes that first.
package line

import (
	"strings"
	"time"
)

// A Verb is what a line wants. The zero Verb opens the form, which does
// nothing by itself.
type Verb string

// The verbs.
const (
	Form    Verb = ""
	List    Verb = "list"
	End     Verb = "end"
	Help    Verb = "help"
	Request Verb = "request"
	Extend  Verb = "extend"
	Glass   Verb = "break-glass"
	Login   Verb = "login"
	Logout  Verb = "logout"
)

// A Line is what was typed, understood.
type Line struct {
	Verb Verb
	// Target is one of the vocabulary's names, empty when there was none.
	Target string
	// Duration is what was typed, or else the target's default. It is zero
	// when it was typed and cannot be read.
	Duration time.Duration
	// Said is the duration as typed, empty when it was not.
	Said string
	// Fields are the values found for fields of the target's flow.
	Fields map[string]string
	// Reason is the rest of a request, or of what follows End's subject.
	Reason string
	// Subject is what End is about, the id of what Extend is, the code of a
	// Login, and what follows List, Help and Logout.
	Subject string
	// Incident is what looks like the id of one, for Glass.
	Incident string
	// Missing names what a request still lacks: Target, Duration, Reason or a
	// required field.
	Missing []string
	// Problems are what a person must be told before anything is asked.
	Problems []Problem
}

// The names in Line.Missing and Problem.About of what is not a field of the
// flow.
const (
	Target   = "target"
	Duration = "duration"
	Reason   = "reason"
)

// Complete reports whether the line is a request, for access or for more time,
// that can be submitted as it stands.
func (l Line) Complete() bool {
	return (l.Verb == Request || l.Verb == Extend) && len(l.Missing) == 0 && len(l.Problems) == 0
}

// A Vocabulary is the targets that somebody may hear of.
type Vocabulary []Subject

// A Subject is a target as far as the grammar must know it.
type Subject struct {
	Name    string
	Default time.Duration // zero if a duration must be typed
	// Longer is the default of an extension, zero if that must be typed.
	Longer time.Duration
	Fields []Field
}

// A Field is a field of the target's flow.
type Field struct {
	Name     string
	Label    string
	Required bool
	// Match reports whether a word can be the field's value. It is nil for a
	// field that has no pattern: only the form fills that.
	Match func(word string) bool
}

// Parse returns what text says, given the targets that are known. It is pure.
func Parse(text string, known Vocabulary) Line {
	text = clean(text)
	words := split(text)
	if len(words) == 0 {
		return Line{Verb: Form}
	}
	switch verb := verbOf(words[0].core()); verb {
	case List, Help, Login, Logout:
		return Line{Verb: verb, Subject: rest(text, words[1:])}
	case End:
		return parseEnd(text, words[1:])
	case Extend:
		return parseExtend(text, words[1:], known)
	case Glass:
		return parseGlass(text, words[1:], known)
	default:
		return parseRequest(text, words, known)
	}
}

func verbOf(word string) Verb {
	switch v := strings.ToLower(word); v {
	case "list", "end", "help", "extend", "break-glass", "login", "logout":
		return Verb(v)
	case "-h", "--help":
		return Help
	default:
		return Request
	}
}

func parseEnd(text string, words []word) Line {
	l := Line{Verb: End}
	if len(words) > 0 {
		l.Subject = words[0].core()
		l.Reason = rest(text, words[1:])
	}
	return l
}

// rest returns the text from the first of words to the last.
func rest(text string, words []word) string {
	if len(words) == 0 {
		return ""
	}
	return text[words[0].start:words[len(words)-1].end]
}

func (v Vocabulary) names() []string {
	names := make([]string, len(v))
	for i, s := range v {
		names[i] = s.Name
	}
	return names
}

// named returns the target that a word names.
func (v Vocabulary) named(word string) (Subject, bool) {
	for _, same := range []func(a, b string) bool{equal, strings.EqualFold} {
		for _, s := range v {
			if same(s.Name, word) {
				return s, true
			}
		}
	}
	return Subject{}, false
}

func equal(a, b string) bool { return a == b }

// hasFieldLike reports whether w could fill a field of any target.
func (v Vocabulary) hasFieldLike(w word) bool {
	for _, s := range v {
		if len(s.matching(w)) > 0 {
			return true
		}
	}
	return false
}

// A value is a field with what a word would put into it.
type value struct {
	field Field
	text  string
}

// matching returns the fields that w can fill.
func (s Subject) matching(w word) []value {
	var vs []value
	for _, f := range s.Fields {
		if f.Match == nil {
			continue
		}
		// Punctuation may belong to the value, and comes off only if it must.
		if f.Match(w.text) {
			vs = append(vs, value{f, w.text})
		} else if core := w.core(); core != "" && f.Match(core) {
			vs = append(vs, value{f, core})
		}
	}
	return vs
}
