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
	var o object
	if err := o.read(body); err != nil {
		return nil, err
	}
	return func(m member) []string { return jsonStrings(o.find(m.wire)) }, nil
}

// An object is the first level of a JSON object.
type object struct {
	all  []jsonMember
	seen map[string]bool // names in small letters, once there are many
}

type jsonMember struct {
	name  []byte // without quotes and escapes
	value json.RawMessage
}

// fewMembers are compared one by one, which takes less time than a map.
const fewMembers = 16

func (o *object) find(name string) json.RawMessage {
	for i := range o.all {
		if string(o.all[i].name) == name {
			return o.all[i].value
		}
	}
	return nil
}

func (o *object) read(body []byte) error {
	if !utf8.Valid(body) {
		return fmt.Errorf("%w: JSON that is not UTF-8", ErrEncoding)
	}
	end, err := o.readMembers(body, skipBlank(body, 0))
	if err == nil && (end < 0 || skipBlank(body, end) < len(body)) {
		err = fmt.Errorf("%w: the body is not one JSON object", ErrEncoding)
	}
	return err
}

// readMembers reads an object, and returns where it ends as those do that skip
// one.
func (o *object) readMembers(text []byte, at int) (end int, err error) {
	if at == len(text) || text[at] != '{' {
		return -1, nil
	}
	if at = skipBlank(text, at+1); at < len(text) && text[at] == '}' {
		return at + 1, nil
	}
	o.all = make([]jsonMember, 0, fewMembers/2)
	for {
		if at, err = o.readMember(text, at); err != nil {
			return -1, err
		}
		at = skipBlank(text, at)
		switch {
		case at < 0 || at == len(text) || text[at] != ',' && text[at] != '}':
			return -1, nil
		case text[at] == '}':
			return at + 1, nil
		}
		at = skipBlank(text, at+1)
	}
}

func (o *object) readMember(text []byte, at int) (end int, err error) {
	named := skipString(text, at)
	from := skipColon(text, named)
	if end = skipValue(text, from, 1); end < 0 {
		return -1, nil
	}
	m := jsonMember{jsonText(text[at:named]), text[from:end]}
	if o.has(m.name) {
		return -1, fmt.Errorf("%w: the member %.40q is repeated", ErrAmbiguous, m.name)
	}
	o.add(m)
	return end, nil
}

func (o *object) add(m jsonMember) {
	o.all = append(o.all, m)
	if len(o.all) <= fewMembers {
		return
	}
	if o.seen == nil {
		o.seen = map[string]bool{}
		for _, old := range o.all {
			o.seen[strings.ToLower(string(old.name))] = true
		}
	}
	o.seen[strings.ToLower(string(m.name))] = true
}

// has reports whether there is a member of a name, in whatever case.
func (o *object) has(name []byte) bool {
	if o.seen != nil {
		return o.seen[strings.ToLower(string(name))]
	}
	for i := range o.all {
		if sameInSmall(o.all[i].name, name) {
			return true
		}
	}
	return false
}

// sameInSmall reports whether two texts are the same in small letters. What is
// of another length can be that beyond ASCII alone.
func sameInSmall(a, b []byte) bool {
	for i := range min(len(a), len(b)) {
		c, d := a[i], b[i]
		if c|d >= 0x80 {
			return bytes.Equal(bytes.ToLower(a), bytes.ToLower(b))
		}
		if c != d && (c|0x20 != d|0x20 || c|0x20 < 'a' || c|0x20 > 'z') {
			return false
		}
	}
	return len(a) == len(b)
}

// jsonText is a string of JSON that is known to be one.
func jsonText(quoted []byte) []byte {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1]
	}
	var text string
	_ = json.Unmarshal(quoted, &text) // it is valid
	return []byte(text)
}

// jsonStrings is a string, or a list of strings, or nothing.
func jsonStrings(value json.RawMessage) []string {
	switch {
	case len(value) == 0:
		return nil
	case value[0] == '"':
		return []string{string(jsonText(value))}
	case value[0] == '[':
		return jsonList(value)
	}
	return nil
}

func jsonList(value json.RawMessage) []string {
	var many []string
	if json.Unmarshal(value, &many) != nil {
		return nil
	}
	return many
}
