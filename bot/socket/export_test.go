package socket

// Decode gives the fuzzer the frame decoder: the envelope id that would be
// acknowledged, and whether the frame is good.
func Decode(data []byte) (id string, err error) {
	m, err := decode(data)
	return m.EnvelopeID, err
}
