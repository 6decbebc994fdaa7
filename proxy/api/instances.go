package api

import (
	"context"
	"time"

	"sesame/flows/access"
)

// Instances are the machines that a target is about.
type Instances struct {
	Target    string            `json:"target"`
	Instances []access.Instance `json:"instances"`
	More      bool              `json:"more,omitempty"` // there are others
	At        time.Time         `json:"at"`
}

// instances answers what a target matches, to who may ask for it.
func (s *Remote) instances(ctx context.Context, c caller) (any, error) {
	target := c.PathValue("name")
	m, err := s.Desk.Instances(ctx, c.login.Account, target)
	if err != nil {
		return nil, err
	}
	if m.Instances == nil {
		m.Instances = []access.Instance{}
	}
	return Instances{target, m.Instances, m.More, m.At}, nil
}
