package access

import "strings"

// An Instance is a machine that a target matches at the moment.
type Instance struct {
	ID     string `json:"id"`
	Region string `json:"region"`
	Name   string `json:"name,omitempty"`  // its tag Name
	State  string `json:"state,omitempty"` // "running"; empty where nobody asked EC2
	// Ping is what Session Manager says of its agent: "Online". It is empty for
	// a machine that Session Manager does not know.
	Ping string `json:"ping,omitempty"`
	// Spelled are keys of its tags that differ in case alone: "Department and
	// department". IAM takes them for one key, and which value counts is not
	// for anybody to say.
	Spelled []string `json:"spelled,omitempty"`
}

// Reachable reports whether a session can be started on i, as far as is known.
func (i Instance) Reachable() bool {
	return i.Ping == "Online" && (i.State == "" || i.State == "running")
}

// Called is what people know i by: "i-0a1b (web-1)".
func (i Instance) Called() string {
	if i.Name == "" {
		return i.ID
	}
	return i.ID + " (" + i.Name + ")"
}

// Trouble says what is wrong with i, or nothing.
func (i Instance) Trouble() string {
	var all []string
	switch {
	case i.State != "" && i.State != "running":
		all = append(all, "it is "+i.State)
	case i.Ping == "":
		all = append(all, "Session Manager does not know it")
	case i.Ping != "Online":
		all = append(all, "Session Manager lost the connection to it")
	}
	for _, keys := range i.Spelled {
		all = append(all, "it has the tags "+keys)
	}
	return strings.Join(all, ", ")
}
