package ssm

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"sync"
)

// An Inserter lets somebody in the middle tell the client something in a
// message of their own.
//
// The client shows nothing but what has the next number of the agent's, and
// the agent knows nothing of a message that it did not send. So an inserted
// message takes the next number, the agent's later ones move up by one on
// their way to the client, and the client's acknowledgements move down on
// their way to the agent:
//
//	agent     ... 7  8        9  10 ...
//	client    ... 7  8  (9)  10  11 ...
//
// The number depends on the message alone, so what is sent again or out of
// order has the same one each time. Until something is inserted every frame
// passes as it is, and afterwards only numbers differ, and the digest of
// acknowledgements, which is over theirs. Payloads never do.
//
// It outlives the sockets of a session, as the numbers do. The zero Inserter
// is ready to use, by both directions at the same time.
type Inserter struct {
	mu   sync.Mutex
	next int64 // after the highest number of the agent's that passed
	own  []insertion
}

// An insertion is a message that is in front of what the agent calls before.
type insertion struct {
	before int64
	number int64 // to the client
	frame  []byte
	acked  bool
}

// maxNumber is far beyond what any session reaches, and leaves room to count.
const maxNumber = 1 << 62

// Insert numbers m, which is to be an Output, and returns it as a frame for
// the client. It returns nil while the agent has said nothing: what comes
// before its first message is not for the client to show.
func (i *Inserter) Insert(m Message) []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.next == 0 || i.next > maxNumber {
		return nil
	}
	m.Seq = i.next + int64(len(i.own))
	own := insertion{before: i.next, number: m.Seq, frame: m.Append(nil)}
	i.own = append(i.own, own)
	return own.frame
}

// Waiting are the frames that the client has not acknowledged yet, in order.
// They are to be sent again until it does.
func (i *Inserter) Waiting() [][]byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	var all [][]byte
	for _, own := range i.own {
		if !own.acked {
			all = append(all, own.frame)
		}
	}
	return all
}

// ToClient makes frame, which a Tap has taken, what the client is to get. It
// changes it in place.
func (i *Inserter) ToClient(frame []byte) {
	if len(frame) < atPayload || typeOf(frame[atType:atSchema]) != Output {
		return
	}
	number := frame[atSeq:atFlags]
	seq := int64(binary.BigEndian.Uint64(number))
	i.mu.Lock()
	defer i.mu.Unlock()
	i.next = max(i.next, seq+1)
	up := int64(0)
	for _, own := range i.own {
		if own.before <= seq {
			up++
		}
	}
	if up > 0 {
		binary.BigEndian.PutUint64(number, uint64(seq+up))
	}
}

// ToAgent returns frame, which a Tap has taken, as the agent is to get it, and
// whether it is to get it at all. It does not change frame.
func (i *Inserter) ToAgent(frame []byte) ([]byte, bool) {
	if len(frame) < atPayload || typeOf(frame[atType:atSchema]) != Acknowledge {
		return frame, true
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(i.own) == 0 {
		return frame, true
	}
	m, err := Parse(frame)
	var ack Acknowledgement
	if err != nil || json.Unmarshal(m.Data, &ack) != nil || ack.Type != Output {
		return frame, true
	}
	down := int64(0)
	for n := range i.own {
		switch own := &i.own[n]; {
		case own.number == ack.Seq:
			own.acked = true
			return nil, false
		case own.number < ack.Seq:
			down++
		}
	}
	if down == 0 {
		return frame, true
	}
	ack.Seq -= down
	return acknowledging(frame, ack), true
}

// acknowledging is frame with another payload.
func acknowledging(frame []byte, ack Acknowledgement) []byte {
	data, err := json.Marshal(ack)
	if err != nil {
		panic(err) // texts and numbers encode
	}
	header := int(binary.BigEndian.Uint32(frame))
	digest := sha256.Sum256(data)
	changed := bytes.Clone(frame[:header])
	copy(changed[atDigest:atPayload], digest[:])
	changed = binary.BigEndian.AppendUint32(changed, uint32(len(data)))
	return append(changed, data...)
}
