package policies

import "strings"

// advice says what was probably meant by a rule that does not compile, given
// what plain says of it; empty when there is no telling.
func advice(message string) string {
	if token, ok := strings.CutPrefix(message, "unexpected "); ok {
		return spelled(strings.Trim(token, `"`))
	}
	if strings.HasPrefix(message, "unrecognized character") && strings.ContainsAny(message, "“”„‘’") {
		return `quotes are straight: "prod"`
	}
	operator, types, ok := strings.Cut(message, " does not work with ")
	if !ok {
		return ""
	}
	left, right, both := strings.Cut(types, " and ")
	switch {
	case operator == "in" && left == typeText && right == typeText:
		return `a text contains another: request.reason contains "disk"`
	case operator == "not" && !both:
		return "put what is not to be in parentheses: not (… == …)"
	case left == typeDuration || right == typeDuration:
		return `a duration is written as duration("1h")`
	case left == typeText && right == typeNumber || left == typeNumber && right == typeText:
		return "what stands in quotes is a text, and what does not is a number"
	}
	return ""
}

// spelled says how the language spells what other ones spell as token.
func spelled(token string) string {
	switch lower := strings.ToLower(token); {
	case token == "=":
		return "to compare, write =="
	case token == "===":
		return "write =="
	case token == "&" || token == "|":
		return "write " + token + token + ", or the word"
	case (lower == "and" || lower == "or" || lower == "not" || lower == "in") && lower != token:
		return "write it in small letters: " + lower
	}
	return ""
}
