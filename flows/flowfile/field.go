package flowfile

import "sesame/policies"

// A Field is something that a flow's form asks for.
type Field struct {
	Name      string
	Label     string
	Type      policies.FieldType
	Pattern   string   // of a string
	Options   []string // of a select
	Min, Max  *int     // of an int
	MaxLength int      // of a string; 0 is DefaultMaxLength
	Required  bool
}

// Parse returns text as the request keeps it, or the sentence that says what
// is wrong with it. An empty text is the absence of a value.
func (f Field) Parse(text string) (canonical, problem string) { return text, "" }
