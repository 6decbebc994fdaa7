package line

import (
	"slices"
	"strings"
)

// An item is a word, or the words of one duration.
type item struct {
	word
	span span // its parts are empty for a word
}

func (i item) isDuration() bool { return len(i.span.parts) > 0 }

func itemise(text string, words []word) []item {
	var items []item
	for len(words) > 0 {
		s, n := readSpan(words)
		w := words[0]
		if n > 1 {
			w = word{text[w.start:words[n-1].end], w.start, words[n-1].end}
		}
		items = append(items, item{w, s})
		words = words[max(1, n):]
	}
	return items
}

// A reader understands one line that asks.
type reader struct {
	text   string
	items  []item
	known  Vocabulary
	line   Line
	target Subject      // zero when it is not known
	at     int          // the item that names the target; -1 for none
	filled map[int]bool // the items that fill a field
	timed  bool         // a duration was found, good or bad
}

func parseRequest(text string, words []word, known Vocabulary) Line {
	r := newReader(Request, text, words)
	r.known = known
	r.findTarget()
	r.fillFields()
	r.read()
	r.finish()
	return r.line
}

func newReader(verb Verb, text string, words []word) *reader {
	return &reader{text: text, items: itemise(text, words), at: -1, filled: map[int]bool{}, line: Line{Verb: verb}}
}

// read takes head, tail and reason apart.
func (r *reader) read() {
	before, from := r.head()
	to := r.tail(from)
	r.line.Reason = strings.TrimSpace(strings.Join(append(before, r.between(from, to)), " "))
}

// findTarget looks for the target: the first word that is not a duration, or
// one after words that could be field values. It does not look further, since
// a target in the reason is not what is asked for.
func (r *reader) findTarget() {
	first := -1
	for i, it := range r.items {
		if it.isDuration() {
			continue
		}
		if s, ok := r.known.named(it.core()); ok {
			r.target, r.at, r.line.Target = s, i, s.Name
			return
		}
		if isGlue(it.word) {
			continue
		}
		if first < 0 {
			first = i
		}
		if !r.known.hasFieldLike(it.word) {
			break
		}
	}
	if r.at = first; first >= 0 {
		word := r.items[first].text
		r.problem(unknownTarget(word, r.near(r.items[first].core())))
	}
}

// near returns what may have been meant by an unknown target: names like it,
// then targets that are named later in the line.
func (r *reader) near(word string) []string {
	near := Nearest(word, r.known.names())
	for _, it := range r.items {
		if s, ok := r.known.named(it.core()); ok && !slices.Contains(near, s.Name) {
			near = append(near, s.Name)
		}
	}
	return near[:min(mostNear, len(near))]
}

// fillFields gives each word that matches exactly one field of the target to
// that field, unless an earlier word has it.
func (r *reader) fillFields() {
	for i, it := range r.items {
		if i == r.at || it.isDuration() {
			continue
		}
		switch vs := r.target.matching(it.word); {
		case len(vs) == 1:
			r.fill(i, vs[0])
		case len(vs) > 1:
			r.problem(ambiguous(it.text, vs))
		}
	}
}

func (r *reader) fill(i int, v value) {
	if _, has := r.line.Fields[v.field.Name]; has {
		return
	}
	if r.line.Fields == nil {
		r.line.Fields = map[string]string{}
	}
	r.line.Fields[v.field.Name] = v.text
	r.filled[i] = true
}

// head takes what is recognised at the start, and returns where the reason
// starts. A word before the target that could have been a field of another
// flow belongs to the reason as well.
func (r *reader) head() (before []string, from int) {
	for i, it := range r.items {
		switch {
		case it.isDuration() && r.timed:
			r.problem(twoDurations(r.line.Said, it.text))
			r.line.Duration = 0
			return before, i
		case it.isDuration():
			r.time(it)
		case i == r.at || r.filled[i]:
		case isGlue(it.word) && r.recognised(i+1):
		case i < r.at && !isGlue(it.word):
			before = append(before, it.text)
		case i > r.at:
			return before, r.skipBecause(i)
		}
	}
	return before, len(r.items)
}

func (r *reader) recognised(i int) bool {
	return i < len(r.items) && (i == r.at || r.filled[i] || r.items[i].isDuration())
}

// skipBecause returns where the reason starts, given where the head ended.
func (r *reader) skipBecause(i int) int {
	for ; i < len(r.items); i++ {
		because := i > 0 && r.items[i-1].is("because")
		if w := r.items[i].word; !w.is("because", "for", "-", "–", "—", "") && !(because && w.is("of")) {
			break
		}
	}
	return i
}

// tail takes what is recognised at the end, and returns where the reason ends.
func (r *reader) tail(from int) (to int) {
	for to = len(r.items); to > from; to-- {
		switch it := r.items[to-1]; {
		case r.filled[to-1]:
		case it.isDuration() && !r.timed:
			r.time(it)
		case it.is("for") && r.recognised(to):
		default:
			return to
		}
	}
	return to
}

// time takes it as the duration.
func (r *reader) time(it item) {
	r.timed, r.line.Said = true, it.text
	d, problem := it.span.duration(it.text)
	if problem != "" {
		r.problem(badDuration(it.text, problem))
	}
	r.line.Duration = d
}

// between returns the text of the items from one up to another.
func (r *reader) between(from, to int) string {
	if from >= to {
		return ""
	}
	return r.text[r.items[from].start:r.items[to-1].end]
}

// problem adds p, unless something is said already about the same thing.
func (r *reader) problem(p Problem) {
	if !slices.ContainsFunc(r.line.Problems, func(q Problem) bool { return q.About == p.About }) {
		r.line.Problems = append(r.line.Problems, p)
	}
}

// finish puts in the default duration and says what is missing.
func (r *reader) finish() {
	l := &r.line
	if !r.timed {
		l.Duration = r.target.Default
	}
	if l.Target == "" {
		l.Missing = append(l.Missing, Target)
	}
	if l.Duration == 0 {
		l.Missing = append(l.Missing, Duration)
	}
	if l.Reason == "" {
		l.Missing = append(l.Missing, Reason)
	}
	for _, f := range r.target.Fields {
		if l.Fields[f.Name] == "" && f.Required {
			l.Missing = append(l.Missing, f.Name)
		}
	}
}

// isGlue reports whether w only ties what is recognised together.
func isGlue(w word) bool { return w.is("for", "on", "to", "of", "-", "–", "—", "") }
