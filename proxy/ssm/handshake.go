package ssm

import (
	"encoding/json"
	"errors"
)

var errNoKeySource = errors.New("nobody was asked for the data key")

func (t *Tap) handshakeRequest(m Message) error {
	var r HandshakeRequest
	if err := json.Unmarshal(m.Data, &r); err != nil {
		return t.odd(Agent, m, "a handshake that cannot be read")
	}
	t.asked = r
	return nil
}

// handshakeResponse is where both ends begin to seal, if they do.
func (t *Tap) handshakeResponse(m Message) error {
	var r HandshakeResponse
	if err := json.Unmarshal(m.Data, &r); err != nil {
		return t.odd(Client, m, "an answer to a handshake that cannot be read")
	}
	h := t.asked.summary()
	h.ClientVersion = r.ClientVersion
	for _, a := range r.Actions {
		if a.Type == ActionKMSEncryption && a.Status == ActionDone {
			t.seal(h, a.Result)
		}
	}
	return t.opt.Emit(Event{Kind: Agreed, From: Client, Seq: m.Seq, Handshake: h})
}

func (r HandshakeRequest) summary() *Handshake {
	h := &Handshake{AgentVersion: r.AgentVersion}
	for _, a := range r.Actions {
		var s SessionType
		var k KeyWanted
		switch {
		case a.Type == ActionSessionType && json.Unmarshal(a.Parameters, &s) == nil:
			h.SessionType, h.Properties = s.Type, s.Properties
		case a.Type == ActionKMSEncryption && json.Unmarshal(a.Parameters, &k) == nil:
			h.KMSKeyID = k.ID
		}
	}
	return h
}

// seal notes that both ends seal from here on, with the key in result.
func (t *Tap) seal(h *Handshake, result []byte) {
	h.Sealed, t.sealed = true, true
	t.key, h.NoKey = t.keyOf(result)
	h.Opens = h.NoKey == nil
}

func (t *Tap) keyOf(result []byte) (Key, error) {
	var made KeyMade
	if err := json.Unmarshal(result, &made); err != nil {
		return Key{}, errors.New("the encrypted data key cannot be read")
	}
	if t.opt.Key == nil {
		return Key{}, errNoKeySource
	}
	plaintext, err := t.opt.Key(made.Blob)
	if err != nil {
		return Key{}, err
	}
	return NewKey(plaintext)
}

func (t *Tap) handshakeComplete(m Message) error {
	var c HandshakeComplete
	if err := json.Unmarshal(m.Data, &c); err != nil {
		return t.odd(Agent, m, "an end of a handshake that cannot be read")
	}
	if c.Message == "" {
		return nil
	}
	return t.opt.Emit(Event{Kind: Told, From: Agent, Seq: m.Seq, Text: c.Message})
}
