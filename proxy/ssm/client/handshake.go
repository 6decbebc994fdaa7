package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"sesame/proxy/ssm"
)

// handshake does what an agent asks for, and reports whether m was about that.
func (s *Session) handshake(ctx context.Context, m ssm.Message) (bool, error) {
	answer := s.answerHandshake
	switch m.Payload {
	case ssm.PayloadHandshakeRequest:
	case ssm.PayloadChallenge:
		answer = s.answerChallenge
	default:
		return false, nil
	}
	if s.begun {
		return true, errors.New("the machine's agent begins a handshake in the middle of the session")
	}
	return true, answer(ctx, m.Data)
}

func (s *Session) answerHandshake(ctx context.Context, data []byte) error {
	var asked ssm.HandshakeRequest
	if err := json.Unmarshal(data, &asked); err != nil {
		return errors.New("the handshake of the machine's agent cannot be read")
	}
	s.agent = asked.AgentVersion
	answer := ssm.HandshakeResponse{ClientVersion: Version}
	var failed error
	for _, a := range asked.Actions {
		done, err := s.process(ctx, a)
		if err != nil {
			answer.Errors = append(answer.Errors, err.Error())
			failed = errors.Join(failed, err)
		}
		answer.Actions = append(answer.Actions, done)
	}
	return errors.Join(failed, s.say(ctx, ssm.PayloadHandshakeResponse, answer))
}

// process does one thing that is asked for.
func (s *Session) process(ctx context.Context, a ssm.RequestedAction) (ssm.ProcessedAction, error) {
	done := ssm.ProcessedAction{Type: a.Type, Status: ssm.ActionDone}
	var err error
	switch a.Type {
	case ssm.ActionSessionType:
		err = s.takeType(a.Parameters)
	case ssm.ActionKMSEncryption:
		done.Result, err = s.makeKey(ctx, a.Parameters)
	default:
		done.Status = ssm.ActionUnsupported
		err = fmt.Errorf("the machine's agent asks for %s, which this client does not know", a.Type)
	}
	if err != nil {
		done.Error = err.Error()
		if done.Status == ssm.ActionDone {
			done.Status = ssm.ActionFailed
		}
	}
	return done, err
}

func (s *Session) takeType(parameters []byte) error {
	if err := json.Unmarshal(parameters, &s.about); err != nil {
		return errors.New("the type of the session cannot be read")
	}
	switch s.about.Type {
	case ssm.SessionShell, ssm.SessionInteractive, ssm.SessionNonInteractive, ssm.SessionPort:
		return nil
	}
	return fmt.Errorf("a session of type %s is none that this client knows", s.about.Type)
}

// makeKey has KMS make the data key of the session, which seals from here on.
func (s *Session) makeKey(ctx context.Context, parameters []byte) (json.RawMessage, error) {
	var wanted ssm.KeyWanted
	if err := json.Unmarshal(parameters, &wanted); err != nil {
		return nil, errors.New("which key the session is to be sealed with cannot be read")
	}
	var made struct{ CiphertextBlob, Plaintext []byte }
	err := s.api.call(ctx, operation{"kms", "TrentService", "GenerateDataKey"}, map[string]any{
		"KeyId": wanted.ID, "NumberOfBytes": ssm.KeySize,
		"EncryptionContext": map[string]string{"aws:ssm:SessionId": s.ID(), "aws:ssm:TargetId": s.target},
	}, &made)
	if err != nil {
		return nil, fmt.Errorf("the session is to be sealed with a key of KMS, which cannot be had: %w", err)
	}
	if s.key, err = ssm.NewKey(made.Plaintext); err != nil {
		return nil, err
	}
	s.sealed = true
	return json.Marshal(ssm.KeyMade{Blob: made.CiphertextBlob})
}

// answerChallenge proves that this end has the key.
func (s *Session) answerChallenge(ctx context.Context, data []byte) error {
	var c ssm.Challenge
	if err := json.Unmarshal(data, &c); err != nil {
		return errors.New("the challenge of the machine's agent cannot be read")
	}
	plain, err := s.key.Open(ssm.Agent, c.Sealed)
	if err != nil {
		return err
	}
	return s.say(ctx, ssm.PayloadChallengeResponse, ssm.Challenge{Sealed: s.seal(plain)})
}

func (s *Session) say(ctx context.Context, p ssm.Payload, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return s.end.Write(ctx, p, data)
}
