package api

import (
	"time"

	"sesame/flows/access"
)

// A Status says how the server is.
type Status struct {
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Now     time.Time `json:"now"` // by the server's clock
	// ClosingOnly says why nothing opens; it is empty when things open.
	ClosingOnly string `json:"closing_only,omitempty"`
	Revision    string `json:"revision,omitempty"` // of the rules in force
	// Unused says why the flow files that were read last are not in force; it
	// is empty when they are.
	Unused   string `json:"unused,omitempty"`
	Account  string `json:"account,omitempty"`  // of AWS
	Identity string `json:"identity,omitempty"` // ARN of the credentials
	Slack    Slack  `json:"slack"`
	// API is where commands of engineers are answered, and Proxy where the
	// holders of grants call AWS; empty for nowhere.
	API   string `json:"api,omitempty"`
	Proxy string `json:"proxy,omitempty"`
	// ProxyWaits says why AWS is not served yet; empty where it is, and where
	// it is not going to be.
	ProxyWaits string `json:"proxy_waits,omitempty"`
	Pending    int    `json:"pending"` // requests that wait for a decision
	Live       int    `json:"live"`    // grants that are not closed
	Backlog    int    `json:"backlog"` // grants that should be closed by now
	Outbox     int    `json:"outbox"`  // notices that are still to be told
}

// Slack says how the connection to Slack is.
type Slack struct {
	State  string    `json:"state"` // "connected", "connecting" or "stopped"
	Since  time.Time `json:"since,omitzero"`
	Reason string    `json:"reason,omitempty"` // of the last disconnect
}

// A Person is somebody as records name them.
type Person struct {
	ID        string `json:"id,omitempty"`
	Name      string `json:"name,omitempty"`
	Email     string `json:"email,omitempty"`
	Account   string `json:"account,omitempty"`
	Principal string `json:"principal,omitempty"`
}

// A Request is one person asking for one target.
type Request struct {
	ID        string            `json:"id"`
	State     string            `json:"state"`
	By        Person            `json:"by"`
	Target    string            `json:"target"`
	Label     string            `json:"label,omitempty"`
	Duration  string            `json:"duration"`
	Reason    string            `json:"reason"`
	Fields    map[string]string `json:"fields,omitempty"`
	AskedAt   time.Time         `json:"asked_at"`
	LapsesAt  time.Time         `json:"lapses_at"`
	EndedAt   time.Time         `json:"ended_at,omitzero"`
	Route     string            `json:"route,omitempty"`
	Missing   int               `json:"missing"` // approvals
	Revision  string            `json:"revision,omitempty"`
	Warnings  []string          `json:"warnings,omitempty"`
	Decisions []Decision        `json:"decisions,omitempty"`
	// Grant is what the request became, or the one that it extends.
	Grant   string `json:"grant,omitempty"`
	Extends bool   `json:"extends,omitempty"`
	// Incident, Announced and Review are of broken glass only.
	Incident  string   `json:"incident,omitempty"`
	Announced []string `json:"announced,omitempty"` // the places that took note
	Review    *Review  `json:"review,omitempty"`
}

// A Review is what became of broken glass afterwards.
type Review struct {
	DueAt time.Time `json:"due_at"`
	Name  string    `json:"name,omitempty"` // who reviewed; empty while nobody did
	At    time.Time `json:"at,omitzero"`
	Text  string    `json:"text,omitempty"`
}

// A Decision is what one person, or a route, said.
type Decision struct {
	By      string    `json:"by,omitempty"`
	Name    string    `json:"name"`
	Approve bool      `json:"approve"`
	Left    bool      `json:"left,omitempty"` // who approved has left since, so it does not count
	Reason  string    `json:"reason,omitempty"`
	At      time.Time `json:"at"`
	Source  string    `json:"source"`
}

// A Grant is an approved request that is being kept.
type Grant struct {
	ID        string    `json:"id"`
	Request   string    `json:"request"`
	State     string    `json:"state"`
	Holder    Person    `json:"holder"`
	Target    string    `json:"target"`
	Duration  string    `json:"duration"`
	DecidedAt time.Time `json:"decided_at"`
	OpenBy    time.Time `json:"open_by"`
	CloseBy   time.Time `json:"close_by"`
	OpenedAt  time.Time `json:"opened_at,omitzero"`
	EndsAt    time.Time `json:"ends_at,omitzero"`
	Overhang  string    `json:"overhang,omitempty"`
	End       *End      `json:"end,omitempty"`
	Receipt   *Receipt  `json:"receipt,omitempty"`
	Objects   []string  `json:"objects"`
}

// An End says since when, by whom and why a grant is closed or to be closed.
type End struct {
	At     time.Time `json:"at"`
	Name   string    `json:"name,omitempty"`
	Cause  string    `json:"cause"`
	Detail string    `json:"detail,omitempty"`
	// Late is by how much the access outlived its deadline; empty for not at
	// all.
	Late string `json:"late,omitempty"`
}

// A Receipt is the evidence that a grant is closed.
type Receipt struct {
	RemovedAt time.Time       `json:"removed_at,omitzero"`
	DeadBy    time.Time       `json:"dead_by,omitzero"`
	Objects   []ObjectReceipt `json:"objects,omitempty"`
	// Calls is what was called with the grant; it is there once that is counted,
	// and where calls are recorded.
	Calls *CallCount `json:"calls,omitempty"`
}

// A CallCount is what was called with a grant.
type CallCount struct {
	Reads       int         `json:"reads"`
	Writes      int         `json:"writes"`
	Refused     int         `json:"refused"`
	Most        []Operation `json:"most,omitempty"`         // that were called most
	RefusedMost []Operation `json:"refused_most,omitempty"` // that were refused most
	More        bool        `json:"more,omitempty"`         // than were counted
	// Text says it in words, or why it could not be counted.
	Text []string `json:"text"`
}

// An Operation is how often one operation was called.
type Operation struct {
	Operation string `json:"operation"`
	Times     int    `json:"times"`
}

// An ObjectReceipt is what was proven about one object.
type ObjectReceipt struct {
	Object    string    `json:"object"`
	Name      string    `json:"name,omitempty"` // what people call it
	Operation string    `json:"operation,omitempty"`
	AbsentAt  time.Time `json:"absent_at,omitzero"`
	Reads     int       `json:"reads,omitempty"`
	KeptFor   []string  `json:"kept_for,omitempty"`
	NeverMade bool      `json:"never_made,omitempty"`
	Foreign   bool      `json:"foreign,omitempty"`
	// Sessions says what became of those that were started by it, and Cut are the
	// first of them that were ended.
	Sessions []string         `json:"sessions,omitempty"`
	Cut      []access.Session `json:"cut,omitempty"`
	ClearAt  time.Time        `json:"clear_at,omitzero"` // when none was left
	// Unasked says on which machines it may be still.
	Unasked string `json:"unasked,omitempty"`
}

// A Story is a request with all that came of it.
type Story struct {
	Request Request `json:"request"`
	Grant   *Grant  `json:"grant,omitempty"`
	// Events are as they are in the record, hashes included.
	Events []access.Event `json:"events"`
}

// A RequestPage is a part of a listing. Next is empty on the last one.
type RequestPage struct {
	Requests []Request `json:"requests"`
	Next     string    `json:"next,omitempty"`
}

// A GrantPage is a part of a listing. Next is empty on the last one.
type GrantPage struct {
	Grants []Grant `json:"grants"`
	Next   string  `json:"next,omitempty"`
}

// An EventPage is a part of the record. Next is 0 when it is the end.
type EventPage struct {
	Events []access.Event `json:"events"`
	Next   uint64         `json:"next,omitempty"`
}

// A Proof is what a check of the record showed.
type Proof struct {
	Events      uint64 `json:"events"`
	Checkpoints uint64 `json:"checkpoints"`
	// Uncovered is how many events came after the last checkpoint: they hold
	// together, and nothing signed says that they are all.
	Uncovered uint64 `json:"uncovered"`
	// Head is the last checkpoint, as NUMBER:HASH, to compare with later.
	Head string `json:"head,omitempty"`
	// Calls says what of the record of calls was checked, in a sentence; empty
	// where there is none.
	Calls string `json:"calls,omitempty"`
	// Recordings says likewise what there is of recordings.
	Recordings string `json:"recordings,omitempty"`
	// Broken says what does not hold, the first thing first; it is empty when
	// everything does.
	Broken string `json:"broken,omitempty"`
}

// An Ended is the answer to an end.
type Ended struct {
	Grant Grant `json:"grant"`
}
