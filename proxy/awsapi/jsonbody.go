package awsapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
	if !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: JSON that is not UTF-8", ErrEncoding)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, fmt.Errorf("%w: the body is no JSON object", ErrEncoding)
	}
	given, seen := map[string]json.RawMessage{}, map[string]bool{}
	for d.More() {
		key, err := d.Token()
		name, ok := key.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("%w: the body is no JSON object", ErrEncoding)
		}
		low := strings.ToLower(name)
		if seen[low] {
			return nil, fmt.Errorf("%w: the member %.40q is repeated", ErrAmbiguous, name)
		}
		seen[low] = true
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, fmt.Errorf("%w: the body is no JSON object", ErrEncoding)
		}
		given[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, fmt.Errorf("%w: the body is no JSON object", ErrEncoding)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("%w: the body goes on after its object", ErrEncoding)
	}
	return given, nil
}

// jsonStrings is a string, or a list of strings, or nothing.
func jsonStrings(value json.RawMessage) []string {
	var one string
	var many []string
	switch {
	case len(value) == 0:
		return nil
	case json.Unmarshal(value, &one) == nil && value[0] == '"':
		return []string{one}
	case json.Unmarshal(value, &many) == nil:
		return many
	}
	return nil
}
