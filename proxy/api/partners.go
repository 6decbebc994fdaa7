package api

import (
	"fmt"
	"net/http"
	"time"

	"sesame/flows/access"
)

// A PartnerKit is what a partner is sent, and what goes with it here.
type PartnerKit struct {
	Partner string `json:"partner"`
	Text    string `json:"text"`
	// Trust is the trust policy of the role that the partner's people assume.
	Trust string `json:"trust"`
}

// A Rotation is a wish to change the external id of a partner.
type Rotation struct {
	Partner string
	// Leaked says that the ids before the new one are to be taken no more at once,
	// and Finish that they are to be taken no more, and that no new one is made.
	Leaked, Finish bool
	// Within is how long the id before is to be taken beside the new one; zero is
	// as long as usual.
	Within time.Duration
}

// A PartnerRotation says what became of it.
type PartnerRotation struct {
	Partner string `json:"partner"`
	Made    bool   `json:"made"` // a new id, now
	// Until is when former ids are to be taken no more, zero if that is so now.
	Until time.Time `json:"until,omitzero"`
	// Text says what is to be done, and Trust is the trust policy for it.
	Text  string `json:"text"`
	Trust string `json:"trust"`
}

func (s *Server) kit(r *http.Request) (any, error) {
	return s.Kit(r.Context(), r.PathValue("name"))
}

// rotateExternalID changes the external id of a partner, as whoever is calling.
func (s *Server) rotateExternalID(r *http.Request) (any, error) {
	who, err := s.person(r)
	if err != nil {
		return nil, err
	}
	q := r.URL.Query()
	w := Rotation{Partner: r.PathValue("name"), Leaked: q.Get("leaked") == "true", Finish: q.Get("finish") == "true"}
	if text := q.Get("within"); text != "" {
		if w.Within, err = time.ParseDuration(text); err != nil {
			return nil, &access.Refusal{Code: access.RefusedInput, Text: fmt.Sprintf("%.40q is no length of time: write it as 168h.", text)}
		}
	}
	return s.RotateExternalID(r.Context(), who, w)
}
