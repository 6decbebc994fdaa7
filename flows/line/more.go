package line

import (
	"strings"
	"unicode"
)

// parseExtend understands a line that asks for more time. What it is about may
// be an id, or a target, or left out: then the first word belongs to the
// reason, unless it looks like a target that was mistyped.
func parseExtend(text string, words []word, known Vocabulary) Line {
	subject := ""
	if len(words) > 0 && isID(words[0].core()) {
		subject, words = strings.ToLower(words[0].core()), words[1:]
	}
	r := newReader(Extend, text, words)
	r.line.Subject = subject
	if subject == "" {
		r.known = known
		r.findHeld()
	}
	r.read()
	if !r.timed {
		r.line.Duration = r.target.Longer
	}
	if r.line.Target != "" && r.line.Duration == 0 {
		r.line.Missing = append(r.line.Missing, Duration)
	}
	if r.line.Reason == "" {
		r.line.Missing = append(r.line.Missing, Reason)
	}
	return r.line
}

// findHeld looks for the target among the first words, and says what is wrong
// with one that is only nearly one.
func (r *reader) findHeld() {
	for i, it := range r.items {
		if it.isDuration() || isGlue(it.word) {
			continue
		}
		if s, ok := r.known.named(it.core()); ok {
			r.target, r.at, r.line.Target = s, i, s.Name
		} else if near := Nearest(it.core(), r.known.names()); len(near) > 0 {
			r.at = i
			r.problem(unknownTarget(it.text, near))
		}
		return
	}
}

// isID reports whether w is the id of a grant, or of a request.
func isID(w string) bool {
	w = strings.ToLower(w)
	id, ok := strings.CutPrefix(w, "g-")
	if !ok {
		id, ok = strings.CutPrefix(w, "r-")
	}
	return ok && len(id) == 10
}

// parseGlass understands a line that breaks the glass, for the form. Words that
// fill a field of the target's flow do so besides.
func parseGlass(text string, words []word, known Vocabulary) Line {
	if len(words) == 0 {
		return Line{Verb: Glass, Missing: []string{Target}}
	}
	l := parseRequest(text, words, known)
	l.Verb = Glass
	for _, w := range words {
		if core := w.core(); core != l.Target && isIncident(core) {
			l.Incident = core
			l.Reason = strings.TrimSpace(strings.TrimPrefix(l.Reason, w.text))
			break
		}
	}
	return l
}

// isIncident reports whether w looks like what trackers call an incident:
// INC-42, or #1234.
func isIncident(w string) bool {
	name, number, ok := strings.Cut(w, "-")
	if !ok {
		name, number, ok = strings.Cut(w, "#")
	}
	return ok && number != "" && strings.TrimFunc(number, unicode.IsDigit) == "" && strings.TrimFunc(name, unicode.IsUpper) == ""
}
