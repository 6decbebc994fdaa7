package policies

import "sesame/flows/access"

// An Effect is what a guardrail does when its rule is true.
type Effect string

// The effects. Whatever is neither Warn nor Require denies.
const (
	Deny    Effect = "deny"
	Warn    Effect = "warn"
	Require Effect = "require" // refuses when its rule is false
)

// A Guardrail refuses or warns when its rule is true, or refuses when it is
// false.
type Guardrail struct {
	Name   string
	Effect Effect
	Rule   Source
	// Message is what the requester is told. {request.duration} in it stands
	// for the value of that name.
	Message Source
}

// A Route says who decides when its rule is true.
type Route struct {
	When Source // empty Text is always true
	// ApproveWhen is the rule that holds for who approves, at the click; empty
	// Text is everybody.
	ApproveWhen Source
	Then        access.Route
	// GroupsFrom are added to the needs of Then, by the tags of the target.
	GroupsFrom []GroupFrom
}

// A GroupFrom says that a tag of the target names a group that may meet a
// need.
type GroupFrom struct {
	Step int // whose needs: 0 is the route's, n its nth step's, Reviewing its reviewers'
	Need int // index among them
	Tag  string
}

// Reviewing stands for the reviewers of a route.
const Reviewing = -1

// A FieldType is the type that a rule sees a field of the form as.
type FieldType string

// The types of fields.
const (
	String FieldType = "string"
	Int    FieldType = "int"
	Bool   FieldType = "bool"
	Select FieldType = "select"
)

// A Field is a field of the form, as far as rules are concerned.
type Field struct {
	Type     FieldType
	Options  []string // of a select
	Required bool
}

// A Target is a target of the flow, as far as rules are concerned.
type Target struct {
	Name string
	Pos  Position
	Tags map[string]string
}

// A Spec is a flow's rules before they are compiled.
type Spec struct {
	Flow     string // its name, for sentences
	Revision string // of all the rules, for verdicts
	Who      Source
	// Visible says to whom the targets are shown; empty Text is everybody. It
	// gives no authority, and takes none.
	Visible    Source
	Guardrails []Guardrail
	Routes     []Route
	// Groups are the names that in_group knows.
	Groups []string
	// Schedules are the names that on_call knows. Being on call is membership
	// in a group of that name.
	Schedules []string
	// Fields are the fields that rules may read. Reading one that is not
	// required is a problem, unless the rule says what to take instead.
	Fields map[string]Field
	// Targets are the flow's targets. Reading a tag that one of them lacks is
	// a problem, unless the rule says what to take instead.
	Targets []Target
	// TargetNames and Strategies are the names of all targets and strategies
	// there are. A rule that compares with another name is a problem. Optional.
	TargetNames, Strategies []string
}
