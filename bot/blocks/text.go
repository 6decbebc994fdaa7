package blocks

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Slack's limits, in characters. Slack does not say what it counts; UTF-16
// units are the most that a character can come to.
const (
	maxID       = 255
	maxText     = 3000 // of a section, a context element, a private_metadata
	maxField    = 2000
	maxLabel    = 2000
	maxHint     = 300 // of Slack's 2,000: more is not read
	maxHeader   = 150
	maxTitle    = 24
	maxButton   = 75
	maxOption   = 75
	maxValue    = 150
	maxURL      = 3000
	maxConfirm  = 300
	maxFallback = 3000 // chat.update takes 4,000
	maxReason   = 3000
	maxLines    = 30  // of what somebody typed, so that buttons stay in sight
	maxHeadline = 150 // of a reason within a sentence
	maxName     = 80
	maxRead     = 16 << 10 // bytes of a text that are looked at
)

var newlines = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// visible returns s with everything in it shown: what would hide, reorder or
// control text appears as its code point. Of a text that is longer than
// anything Slack takes, the end is missing.
func visible(s string) string {
	if len(s) > maxRead {
		s = s[:maxRead] + "…"
	}
	s = newlines.Replace(s)
	var b strings.Builder
	for _, c := range strings.ToValidUTF8(s, string(utf8.RuneError)) {
		if hides(c) {
			fmt.Fprintf(&b, "[%U]", c)
		} else {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// hides reports whether c is not seen as itself: controls, format characters
// such as the bidirectional ones, separators and fillers. The joiners stay,
// since scripts and emoji need them, and so do tab and newline.
func hides(c rune) bool {
	switch c {
	case '\t', '\n', '\u200c', '\u200d':
		return false
	case '\u034f', '\u115f', '\u1160', '\u3164', '\uffa0':
		return true
	}
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co)
}

// oneLine returns typed text for use within a sentence.
func oneLine(s string) string { return strings.Join(strings.Fields(visible(s)), " ") }

// paragraph returns typed text with its line breaks, of a bounded height.
func paragraph(s string) string {
	var kept []string
	for l := range strings.SplitSeq(strings.TrimSpace(visible(s)), "\n") {
		l = strings.TrimRight(l, " \t")
		if l == "" && len(kept) > 0 && kept[len(kept)-1] == "" {
			continue
		}
		if len(kept) == maxLines {
			kept = append(kept, "…")
			break
		}
		kept = append(kept, l)
	}
	return strings.Join(kept, "\n")
}

// cut returns s in at most limit UTF-16 units, with an ellipsis where
// something is missing.
func cut(s string, limit int) string {
	if len(s) <= limit || units(s) <= limit {
		return s
	}
	n := 0
	for i, c := range s {
		if n += utf16.RuneLen(c); n > limit-1 {
			return strings.TrimRight(s[:i], " \n\u200d") + "…"
		}
	}
	return s
}

func units(s string) int {
	n := 0
	for _, c := range s {
		n += max(utf16.RuneLen(c), 1)
	}
	return n
}

// or returns s, or what stands for nothing: Slack refuses empty texts.
func or(s, nothing string) string {
	if strings.TrimSpace(s) == "" {
		return nothing
	}
	return s
}

var (
	entities  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	barewords = strings.NewReplacer("@channel", "@\u2060channel", "@here", "@\u2060here", "@everyone", "@\u2060everyone")
)

// capital returns s as the beginning of a line.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// escape makes s inert in Slack's markup. Apart from what Slack documents, it
// breaks up the bare words that clients have been seen to take for mentions.
func escape(s string) string { return barewords.Replace(entities.Replace(s)) }

// ident returns an identifier from the flow files for use in our own markup.
// Nothing is markup in code but its end.
func ident(s string) string {
	return "`" + escape(cut(or(strings.ReplaceAll(oneLine(s), "`", "'"), "–"), maxName)) + "`"
}
