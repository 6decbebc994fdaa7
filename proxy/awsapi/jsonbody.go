package awsapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// jsonMembers reads the first level of a JSON object. Two keys that are the
// same, or differ in case alone, are refused: readers disagree on which one
// counts.
func jsonMembers(body []byte) (func(member) []string, error) {
	given, err := jsonObject(body)
	if err != nil {
		return nil, err
	}
	return func(m member) []string { return jsonStrings(given[m.wire]) }, nil
}

func jsonObject(body []byte) (map[string]json.RawMessage, error) {
	switch {
	case !utf8.Valid(body):
		return nil, fmt.Errorf("%w: JSON that is not UTF-8", ErrEncoding)
	case !json.Valid(body):
		return nil, fmt.Errorf("%w: the body is not one JSON object", ErrEncoding)
	}
	rest := bytes.TrimLeft(body, jsonSpace)
	if rest[0] != '{' {
		return nil, fmt.Errorf("%w: the body is no JSON object", ErrEncoding)
	}
	given, seen := map[string]json.RawMessage{}, map[string]bool{}
	for rest = bytes.TrimLeft(rest[1:], jsonSpace); rest[0] != '}'; rest = bytes.TrimLeft(rest, jsonSpace+",") {
		key, after := jsonValue(rest)
		names := jsonStrings(key)
		if len(names) != 1 {
			return nil, fmt.Errorf("%w: the body is no JSON object", ErrEncoding)
		}
		name := names[0]
		low := strings.ToLower(name)
		if seen[low] {
			return nil, fmt.Errorf("%w: the member %.40q is repeated", ErrAmbiguous, name)
		}
		seen[low] = true
		given[name], rest = jsonValue(bytes.TrimLeft(after, jsonSpace+":"))
	}
	return given, nil
}

const jsonSpace = " \t\r\n"

// jsonValue takes the value off the beginning of what is known to be JSON.
func jsonValue(text []byte) (value json.RawMessage, rest []byte) {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
			continue
		case c == '"':
			quoted = !quoted
		case quoted:
			continue
		case c == '{' || c == '[':
			depth++
			continue
		case depth == 0 && (c == ',' || c == ':' || c == '}' || c == ']' || strings.IndexByte(jsonSpace, c) >= 0):
			return text[:i], text[i:]
		case c == '}' || c == ']':
			depth--
		default:
			continue
		}
		if depth == 0 && !quoted {
			return text[:i+1], text[i+1:]
		}
	}
	return text, nil
}

// jsonStrings is a string, or a list of strings, or nothing.
func jsonStrings(value json.RawMessage) []string {
	var one string
	var many []string
	switch {
	case len(value) == 0:
		return nil
	case value[0] == '"' && bytes.IndexByte(value, '\\') < 0:
		return []string{string(value[1 : len(value)-1])}
	case json.Unmarshal(value, &one) == nil && value[0] == '"':
		return []string{one}
	case json.Unmarshal(value, &many) == nil:
		return many
	}
	return nil
}
