package server

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"path/filepath"

	"sesame/flows/access"
	"sesame/flows/audit"
	"sesame/proxy/api"
	"sesame/proxy/archive"
	"sesame/proxy/calls"
)

// A Record is what Verify checks.
type Record struct {
	Store access.Reader
	Key   ed25519.PublicKey // the public half of what signed it
	// Dir is the data directory, for the record of calls and the recordings;
	// empty for a backup, which does not hold them.
	Dir string
}

// Verify checks a record. head is empty, or NUMBER:HASH of a checkpoint that
// was seen earlier. What does not hold is part of the answer; an error means
// that nothing was found out.
func Verify(ctx context.Context, r Record, head string) (api.Proof, error) {
	var anchors anchors
	var due archive.Account
	o := audit.VerifyOptions{Calls: anchors.add, Events: due.Add}
	if head != "" {
		var err error
		if o.Head, err = audit.ParseHead(head); err != nil {
			return api.Proof{}, &access.Refusal{Code: access.RefusedInput, Text: err.Error()}
		}
	}
	report, err := audit.Verify(ctx, r.Store, r.Key, o)
	p := api.Proof{Events: report.Events, Checkpoints: report.Checkpoints, Uncovered: report.Uncovered}
	if report.Head != (audit.Head{}) {
		p.Head = report.Head.String()
	}
	if err == nil {
		p.Calls, err = anchors.verify(r.Dir)
	}
	if err == nil && r.Dir == "" && due.Len() > 0 {
		p.Recordings = fmt.Sprintf("not checked: a backup does not hold the files of recordings, of which the record has %d; check the data directory", due.Len())
	}
	if err == nil && r.Dir != "" {
		var all api.RecordingProof
		all, err = r.recordings(&due, "")
		p.Recordings, p.Broken = inWords(all), firstBroken(all)
	}
	if errors.Is(err, access.ErrBroken) {
		p.Broken, err = err.Error(), nil
	}
	return p, err
}

// maxAnchors bounds what a check of calls has in memory. The chain makes up for
// those that are left out: they only tell where it broke more closely.
const maxAnchors = 10000

// anchors are where the record of calls is to have stood.
type anchors []calls.Head

// add notes where a checkpoint says that the record stood.
func (a *anchors) add(head string) {
	if len(*a) == maxAnchors {
		for i := range maxAnchors / 2 {
			(*a)[i] = (*a)[2*i+1]
		}
		*a = (*a)[:maxAnchors/2]
	}
	// The checkpoint is signed, and what it says is what a Head wrote.
	if at, err := calls.ParseHead(head); err == nil {
		*a = append(*a, at)
	}
}

// verify checks the record of calls in a data directory, and says what was found.
func (a anchors) verify(dir string) (string, error) {
	if dir == "" {
		if len(a) == 0 {
			return "", nil
		}
		return fmt.Sprintf("not checked: a backup does not hold the record of calls, which stood at %s; check the data directory", a[len(a)-1]), nil
	}
	head, err := calls.Verify(filepath.Join(dir, callsDir), a...)
	switch {
	case err != nil:
		return "", fmt.Errorf("record of calls: %w", err)
	case head.Seq == 0:
		return "", nil
	}
	return fmt.Sprintf("whole up to entry %d, %d entries after the last checkpoint", head.Seq, head.Seq-a.last()), nil
}

func (a anchors) last() uint64 {
	if len(a) == 0 {
		return 0
	}
	return a[len(a)-1].Seq
}

func (s *Server) verify(ctx context.Context, head string) (api.Proof, error) {
	p, err := Verify(ctx, Record{s.store, s.auditor.PublicKey(), s.Config.DataDir}, head)
	if err != nil || p.Broken == "" || p.Recordings == "" {
		return p, err
	}
	// It was the recordings, then, which may have changed meanwhile.
	all, err := s.verifyRecordings(ctx, "")
	p.Recordings, p.Broken = inWords(all), firstBroken(all)
	return p, err
}
