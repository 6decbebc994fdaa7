package api

import "net/http"

// A Reloaded says what reading the flow files again came to. Nothing of them
// is in force unless all of it is.
type Reloaded struct {
	// OK says that the files can be in force; with DryRun they are not.
	OK     bool `json:"ok"`
	DryRun bool `json:"dry_run,omitempty"`
	// Path is where the server reads them.
	Path string `json:"path"`
	// Before and After are the revisions in force; Before is empty if there was
	// none. A dry run says in After what would be.
	Before      string       `json:"before,omitempty"`
	After       string       `json:"after,omitempty"`
	Differences []Difference `json:"differences"`
	Problems    []Problem    `json:"problems"`
	Warnings    []Problem    `json:"warnings"`
}

// A Difference is something that two sets of flow files do not have in common.
type Difference struct {
	Kind   string `json:"kind"` // flow, target, group, channel, strategy or schedule
	Name   string `json:"name"`
	Change string `json:"change"` // added, removed or changed
	// Settings are those of a flow or target that changed, as
	// "path: was → is (place)".
	Settings []string `json:"settings,omitempty"`
}

// A Problem is one thing wrong with the flow files. What only AWS or Slack
// could say has no line, and in File the path of the key that it is about.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Col     int    `json:"col"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

func (s *Server) reload(r *http.Request) (any, error) {
	return s.Reload(r.Context(), r.FormValue("dry_run") == "true")
}
