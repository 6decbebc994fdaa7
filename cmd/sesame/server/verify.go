package server

import (
	"context"
	"crypto/ed25519"
	"errors"

	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/proxy/api"
)

// Verify checks a record with the public half of the key that signed it. head
// is empty, or NUMBER:HASH of a checkpoint that was seen earlier. What does
// not hold is part of the answer; an error means that nothing was found out.
func Verify(ctx context.Context, r access.Reader, key ed25519.PublicKey, head string) (api.Proof, error) {
	var o audit.VerifyOptions
	if head != "" {
		var err error
		if o.Head, err = audit.ParseHead(head); err != nil {
			return api.Proof{}, &access.Refusal{Code: access.RefusedInput, Text: err.Error()}
		}
	}
	report, err := audit.Verify(ctx, r, key, o)
	p := api.Proof{Events: report.Events, Checkpoints: report.Checkpoints, Uncovered: report.Uncovered}
	if report.Head != (audit.Head{}) {
		p.Head = report.Head.String()
	}
	if errors.Is(err, access.ErrBroken) {
		p.Broken, err = err.Error(), nil
	}
	return p, err
}

func (s *Server) verify(ctx context.Context, head string) (api.Proof, error) {
	return Verify(ctx, s.store, s.auditor.PublicKey(), head)
}
