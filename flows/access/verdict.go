package access

// A Verdict is what the rules said about a request. The zero Verdict refuses.
type Verdict struct {
	Allow    bool     `json:"allow"`
	Reasons  []Reason `json:"reasons,omitempty"`  // why it was refused, or which rules let it pass
	Warnings []Reason `json:"warnings,omitempty"` // shown to requester and deciders
	Route    Route    `json:"route"`
	Revision string   `json:"revision"` // of the rules
	// Facts are the facts that were read, by name, as they were.
	Facts map[string]string `json:"facts,omitempty"`
}

// A Reason points at the rule that spoke, so that a person can find it.
type Reason struct {
	Rule string `json:"rule"`
	Pos  string `json:"pos"` // file:line:col
	Text string `json:"text"`
}

// A Channel is a place where messages go, pinned by id.
type Channel struct {
	Name string `json:"name"` // in the flow files
	ID   string `json:"id"`
}

// A Standing is what is known about a person at the moment they act: fetched
// fresh, never cached for longer than authority may be.
type Standing struct {
	Person Person
	Groups map[string]bool // by the name in the flow files
	Admin  bool
	// Fit says that the route's ApproveWhen holds for this person now. Where
	// that cannot be told, Unfit is a sentence that says why.
	Fit   bool
	Unfit string
	// Via is the way by which what this person says came in, where that
	// matters: when they decide.
	Via Source
	// Active says that the account is a full member's and the principal is
	// enabled. The zero Standing is not.
	Active bool
	// Left says that the chat or the directory answered that they are gone:
	// deactivated, a guest by now, disabled or removed. It is never set because
	// nobody could be asked, or because the operator changed something.
	Left bool
}

// is reports whether s is p: the same person, or one with the same principal,
// so that neither a second account nor a second link makes two of them. Nobody
// is the zero Person.
func (s Standing) is(p Person) bool {
	return s.Person.ID != "" && s.Person.ID == p.ID || s.Person.Principal != "" && s.Person.Principal == p.Principal
}
