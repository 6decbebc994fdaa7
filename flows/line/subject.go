package line

import (
	"sesame/flows/flowfile"
	"sesame/policies"
)

// SubjectOf returns what the grammar must know about a target of flow f.
func SubjectOf(target string, f *flowfile.Flow) Subject {
	s := Subject{Name: target, Default: f.Default, Longer: f.Extend.Default}
	for _, field := range f.Fields {
		s.Fields = append(s.Fields, Field{
			Name: field.Name, Label: field.Label, Required: field.Required, Match: matcher(field),
		})
	}
	return s
}

// matcher returns how to tell a word that is meant for f: by its pattern, and
// by everything else that the Desk will hold against the value. A field that
// has no pattern would take any word.
func matcher(f flowfile.Field) func(word string) bool {
	if f.Type != policies.String || f.Pattern == "" {
		return nil
	}
	return func(word string) bool {
		_, problem := f.Parse(word)
		return problem == ""
	}
}
