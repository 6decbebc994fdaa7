package api

import "net/http"

// Rotated says what became of changing the key that secrets are sealed with.
type Rotated struct {
	// Resealed is how many secrets of grants are sealed with the fresh key that
	// were not. What is recorded stays as it is.
	Resealed int `json:"resealed"`
}

func (s *Server) rotate(r *http.Request) (any, error) { return s.RotateKey(r.Context()) }
