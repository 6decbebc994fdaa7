package policies

import "sesame/flows/access"

// A FactKind says what sort of fact it is, and so who can fetch it.
type FactKind string

// FactGroup is membership of a person in a group of the flow files.
const FactGroup FactKind = "group"

// A Role is who or what a fact is about.
type Role string

// The roles.
const (
	Requester Role = "requester"
	Approver  Role = "approver"
)

// A Fact is something a rule reads that is not in the request.
type Fact struct {
	Kind  FactKind
	Name  string // the group's name in the flow files, or what is counted and how far back
	About Role
}

// String names the fact as verdicts record it: "group engineering of requester".
func (f Fact) String() string {
	return string(f.Kind) + " " + f.Name + " of " + string(f.About)
}

// About is whom and what facts are about.
type About struct {
	// Request has the requester and the target.
	Request access.Request
	// Approver is who would decide; the zero Person where nobody does.
	Approver access.Person
}

// Person returns whom a fact is about, and whether it is anybody.
func (a About) Person(r Role) (access.Person, bool) {
	switch r {
	case Requester:
		return a.Request.By, true
	case Approver:
		return a.Approver, a.Approver.ID != ""
	default:
		return access.Person{}, false
	}
}

// Facts are facts as they were fetched: true or false for a group, a number or
// a text for history. A fact that is not among them, or is of another type, is
// unknown, which is an error to the rule that reads it.
type Facts map[Fact]any
