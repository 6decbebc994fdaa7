package api

import "net/http"

// Facts are what a server can look up for its flow files, in the form of a
// facts file: who there is, who is in which group, and who is on call.
type Facts struct {
	// People are by e-mail address: members of the groups that the flow files
	// pin to Slack, and whoever has asked for something.
	People map[string]FactsPerson `json:"people"`
	// OnCall are the addresses of those who are on call, by schedule.
	OnCall map[string][]string `json:"on_call"`
	// Unnamed is how many more there are of whom no e-mail address is known.
	Unnamed int `json:"unnamed,omitempty"`
}

// A FactsPerson is what is known of somebody.
type FactsPerson struct {
	Name     string   `json:"name,omitempty"`
	Timezone string   `json:"timezone,omitempty"`
	Groups   []string `json:"groups,omitempty"` // names in the flow files
	Status   string   `json:"slack_status,omitempty"`
	// Deactivated says that they cannot use Sesame: the account is not a full
	// member's, or the AWS user is disabled or not there.
	Deactivated bool `json:"deactivated,omitempty"`
}

func (s *Server) facts(r *http.Request) (any, error) { return s.Facts(r.Context()) }
