package api

import "net/http"

// A PartnerKit is what a partner is sent, and what goes with it here.
type PartnerKit struct {
	Partner string `json:"partner"`
	Text    string `json:"text"`
	// Trust is the trust policy of the role that the partner's people assume.
	Trust string `json:"trust"`
}

func (s *Server) kit(r *http.Request) (any, error) {
	return s.Kit(r.Context(), r.PathValue("name"))
}
