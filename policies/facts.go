package policies

// A FactKind says what sort of fact it is, and so who can fetch it.
type FactKind string

// FactGroup is membership of a person in a group of the flow files.
const FactGroup FactKind = "group"

// A Role is the person that a fact is about.
type Role string

// The roles.
const (
	Requester Role = "requester"
	Approver  Role = "approver"
)

// A Fact is something a rule reads that is not in the request.
type Fact struct {
	Kind  FactKind
	Name  string // the group's name in the flow files
	About Role
}

// String names the fact as verdicts record it: "group engineering of requester".
func (f Fact) String() string {
	return string(f.Kind) + " " + f.Name + " of " + string(f.About)
}

// Facts are facts as they were fetched. A fact that is not among them is
// unknown, which is an error to the rule that reads it.
type Facts map[Fact]bool
