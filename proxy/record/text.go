package record

import "unicode/utf8"

// runes puts together characters that come in pieces.
type runes struct {
	held []byte // the beginning of one, at most three bytes
	buf  []byte
}

// whole returns what was held and p, without the beginning of a character at
// the end, which it holds. The result is valid until the next call.
func (r *runes) whole(p []byte) []byte {
	if len(r.held) > 0 {
		r.buf = append(append(r.buf[:0], r.held...), p...)
		p = r.buf
	}
	end := len(p) - beginning(p)
	r.held = append(r.held[:0], p[end:]...)
	return p[:end]
}

// rest returns what is held, which is not held any more.
func (r *runes) rest() []byte {
	p := r.held
	r.held = nil
	return p
}

// beginning returns how many bytes at the end of p may become a character
// with the bytes that follow.
func beginning(p []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(p); n++ {
		tail := p[len(p)-n:]
		if utf8.RuneStart(tail[0]) {
			if utf8.FullRune(tail) {
				return 0
			}
			return n
		}
	}
	return 0
}

const hexDigits = "0123456789abcdef"

// appendString adds text to b as a JSON string. What is no UTF-8 becomes
// U+FFFD, byte by byte.
func appendString(b, text []byte) []byte {
	b = append(b, '"')
	done := 0 // what is before this was added
	for i := 0; i < len(text); {
		c := text[i]
		if plain[c] {
			i++
			continue
		}
		size, escaped := 1, ""
		if c < utf8.RuneSelf {
			escaped = escapes[c]
		} else if r, n := utf8.DecodeRune(text[i:]); r == utf8.RuneError && n == 1 {
			escaped = "\uFFFD"
		} else {
			size = n
		}
		if escaped != "" {
			b = append(append(b, text[done:i]...), escaped...)
			done = i + size
		}
		i += size
	}
	return append(append(b, text[done:]...), '"')
}

// plain are the bytes that stand for themselves: most of all.
var plain = func() (table [256]bool) {
	for c := byte(' '); c < 0x7f; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}()

// escapes are how ASCII characters that need it are written.
var escapes = func() (table [utf8.RuneSelf]string) {
	for c := range byte(' ') {
		table[c] = `\u00` + string(hexDigits[c>>4]) + string(hexDigits[c&15])
	}
	table[0x7f] = `\u007f`
	table['"'], table['\\'] = `\"`, `\\`
	table['\n'], table['\r'], table['\t'] = `\n`, `\r`, `\t`
	return table
}()
