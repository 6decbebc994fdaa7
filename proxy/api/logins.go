package api

import "net/http"

// Logins are those who are signed in from a terminal.
type Logins struct {
	Logins []Login `json:"logins"`
}

func (s *Server) logins(r *http.Request) (any, error) {
	all, err := s.Logins.All(r.Context())
	v := Logins{Logins: []Login{}}
	for _, l := range all {
		v.Logins = append(v.Logins, viewLogin(l))
	}
	return v, err
}

// revoke ends a login, or all of one user, as whoever is calling.
func (s *Server) revoke(r *http.Request) (any, error) {
	who, err := s.person(r)
	if err != nil {
		return nil, err
	}
	ended, err := s.Logins.Revoke(r.Context(), who, r.PathValue("what"))
	v := Logins{Logins: []Login{}}
	for _, l := range ended {
		v.Logins = append(v.Logins, viewLogin(l))
	}
	return v, err
}
