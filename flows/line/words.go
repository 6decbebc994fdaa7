package line

import (
	"strings"
	"unicode"
)

// A word is a run of characters without space, at its place in the text.
type word struct {
	text       string
	start, end int
}

// The punctuation that people put around a word without meaning it. A point
// in front is not among it: ".5h" is not five hours.
const (
	inFront = "`\"'*([“‘"
	behind  = "`\"'*)],;:.!?”’"
)

// core returns w without the punctuation around it.
func (w word) core() string { return strings.TrimLeft(strings.TrimRight(w.text, behind), inFront) }

// is reports whether w is one of the given lower-case words.
func (w word) is(any ...string) bool {
	core := strings.ToLower(w.core())
	for _, s := range any {
		if core == s {
			return true
		}
	}
	return false
}

func split(text string) []word {
	var words []word
	start := -1
	for i, c := range text {
		switch space := unicode.IsSpace(c); {
		case space && start >= 0:
			words = append(words, word{text[start:i], start, i})
			start = -1
		case !space && start < 0:
			start = i
		}
	}
	if start >= 0 {
		words = append(words, word{text[start:], start, len(text)})
	}
	return words
}

// clean returns text as valid UTF-8 without what could make it read
// differently from how it was typed: control characters become spaces, and
// marks that reorder text or show nothing go. The joiners that emoji and some
// scripts need stay.
func clean(text string) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\r\n", "\n")
	return strings.Map(visible, text)
}

func visible(c rune) rune {
	switch {
	case c == '\n' || c == '\t':
		return c
	case unicode.IsControl(c):
		return ' '
	case unicode.Is(unicode.Bidi_Control, c), c == '\u200b', c == '\u2060', c == '\ufeff':
		return -1
	}
	return c
}
