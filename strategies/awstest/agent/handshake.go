package agent

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"

	"sesame/proxy/ssm"
)

// challengeSize is how much the client has to open and seal again.
const challengeSize = 64

// handshake asks the client for what the session needs.
func (s *Session) handshake(ctx context.Context) error {
	began := s.opt.Clock.Now()
	if err := s.ask(ctx, ssm.PayloadHandshakeRequest, s.request()); err != nil {
		return err
	}
	var r ssm.HandshakeResponse
	if err := s.answer(ctx, ssm.PayloadHandshakeResponse, &r); err != nil {
		return err
	}
	if len(r.Errors) > 0 {
		return fmt.Errorf("the client does not do what the session needs: %s", r.Errors[0])
	}
	for _, a := range r.Actions {
		if a.Type == ssm.ActionKMSEncryption {
			if err := s.agree(ctx, a); err != nil {
				return err
			}
		}
	}
	if s.opt.KeyID != "" && !s.sealed {
		return errors.New("the client has made no key")
	}
	return s.ask(ctx, ssm.PayloadHandshakeComplete, ssm.HandshakeComplete{Took: s.opt.Clock.Now().Sub(began), Message: s.opt.Message})
}

func (s *Session) request() ssm.HandshakeRequest {
	r := ssm.HandshakeRequest{AgentVersion: Version}
	add := func(action string, parameters any) {
		raw, _ := json.Marshal(parameters) // always can
		r.Actions = append(r.Actions, ssm.RequestedAction{Type: action, Parameters: raw})
	}
	if s.opt.KeyID != "" {
		add(ssm.ActionKMSEncryption, ssm.KeyWanted{ID: s.opt.KeyID})
	}
	properties, _ := json.Marshal(s.opt.Properties) // always can
	add(ssm.ActionSessionType, ssm.SessionType{Type: s.opt.Kind, Properties: properties})
	return r
}

// agree takes the key that the client had made, and has the client prove that
// it has it.
func (s *Session) agree(ctx context.Context, a ssm.ProcessedAction) error {
	var made ssm.KeyMade
	if err := json.Unmarshal(a.Result, &made); err != nil || a.Status != ssm.ActionDone || s.opt.DataKey == nil {
		return fmt.Errorf("the client has made no key: %s", a.Error)
	}
	plain, err := s.opt.DataKey(made.Blob)
	if err != nil {
		return fmt.Errorf("open the data key: %w", err)
	}
	if s.key, err = ssm.NewKey(plain); err != nil {
		return err
	}
	question := make([]byte, challengeSize)
	_, _ = rand.Read(question) // never fails
	if err := s.ask(ctx, ssm.PayloadChallenge, ssm.Challenge{Sealed: s.seal(question)}); err != nil {
		return err
	}
	var c ssm.Challenge
	if err := s.answer(ctx, ssm.PayloadChallengeResponse, &c); err != nil {
		return err
	}
	if got, err := s.key.Open(ssm.Client, c.Sealed); err != nil || !bytes.Equal(got, question) {
		return errors.New("the client does not have the key that it had made")
	}
	s.sealed = true
	return nil
}

func (s *Session) ask(ctx context.Context, p ssm.Payload, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.end.Write(ctx, p, data)
}

// answer reads up to a message of one kind.
func (s *Session) answer(ctx context.Context, p ssm.Payload, v any) error {
	for {
		m, err := s.next(ctx)
		if err != nil {
			return err
		}
		if m.Payload != p {
			continue
		}
		if err := json.Unmarshal(m.Data, v); err != nil {
			return fmt.Errorf("read the client's part of the handshake: %w", err)
		}
		return nil
	}
}
