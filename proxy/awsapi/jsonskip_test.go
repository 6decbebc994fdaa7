package awsapi

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzSkip holds what is skipped as JSON against what encoding/json takes for
// it.
func FuzzSkip(f *testing.F) {
	for _, text := range []string{
		`{}`, `[]`, ` {"a" : [1, -0.5e+3, true, null, "\u00e9\n"]} `, `{"a":{"a":[[[]]]}}`, `"x"`, `01`, `-`, `1.`, `1e`, `.5`, `"\x"`, `"\u12g4"`, "\"\n\"", `{"a"}`,
		`{"a":1,}`, `[1,]`, `[,]`, `{,}`, `{a:1}`, `nul`, `truee`, `{}{}`, `{"a":1]`, `[1}`, "\v1", `+1`, `"`, `"\`, `"\u123`, ``, ` `,
		strings.Repeat("[", maxNesting) + strings.Repeat("]", maxNesting), strings.Repeat("[", maxNesting+1) + strings.Repeat("]", maxNesting+1),
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		end := skipBlank(text, skipValue(text, skipBlank(text, 0), 0))
		if is, want := end == len(text), json.Valid(text); is != want {
			t.Errorf("%.200q: %v, want %v", text, is, want)
		}
	})
}

// FuzzMembers holds the members that are found against those that encoding/json
// finds.
func FuzzMembers(f *testing.F) {
	for _, text := range []string{`{"a":1,"b":"x"}`, ` { "\u0061" : [ ] , "b":{"c":"}"}}`, `{"a":1,"A":2}`, `{}`, `{"":0}`, `[]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var o object
		var want map[string]json.RawMessage
		if err := o.read(text); errors.Is(err, ErrAmbiguous) || err != nil && (!utf8.Valid(text) || json.Unmarshal(text, &want) != nil || want == nil) {
			return // a name is there twice, or it is no object
		}
		if err := json.Unmarshal(text, &want); err != nil || len(want) != len(o.all) {
			t.Fatalf("%q: %d members, want %d, %v", text, len(o.all), len(want), err)
		}
		for name, value := range want {
			if got := o.find(name); string(got) != string(value) {
				t.Errorf("%q has %q at %q, want %q", text, got, name, value)
			}
		}
	})
}
