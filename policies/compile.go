package policies

import (
	"fmt"

	"sesame/flows/access"
)

// A Position is a place in a flow file.
type Position struct {
	File      string
	Line, Col int // from 1
}

// String returns "file:line:col".
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col) }

// A Source is the text of one expression and where it stands.
type Source struct {
	Text string
	Pos  Position // of its first character
	// At returns the position of the byte at offset of Text; nil means that
	// Text stands on one line of the file as it is.
	At func(offset int) Position
}

// An Effect is what a guardrail does when its rule is true.
type Effect string

// The effects. The zero Effect is treated as Deny.
const (
	Deny Effect = "deny"
	Warn Effect = "warn"
)

// A Guardrail refuses or warns when its rule is true.
type Guardrail struct {
	Name    string
	Effect  Effect
	Rule    Source
	Message string // what the requester is told
}

// A Route says who decides when its rule is true.
type Route struct {
	When Source // empty Text is always true
	Then access.Route
}

// A FieldType is the type that a rule sees a field of the form as.
type FieldType string

// The types of fields.
const (
	String FieldType = "string"
	Int    FieldType = "int"
	Bool   FieldType = "bool"
	Select FieldType = "select"
)

// A Spec is a flow's rules before they are compiled.
type Spec struct {
	Flow       string // its name, for sentences
	Revision   string
	Who        Source
	Guardrails []Guardrail
	Routes     []Route
	// Groups are the names that in_group knows.
	Groups map[string]bool
	// Fields are the form's fields that rules may read.
	Fields map[string]FieldType
	// Tags are the names of the tags of each target, by the target's name.
	// Reading a tag that any of them lacks is a problem, unless the rule says
	// what to take instead.
	Tags map[string][]string
}

// A Problem is something wrong with a rule.
type Problem struct {
	Pos     Position
	Message string
	Hint    string // what was probably meant, if it can be guessed
}
