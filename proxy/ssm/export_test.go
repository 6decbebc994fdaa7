package ssm

// Held returns how many bytes t keeps of messages that wait.
func Held(t *Tap) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := 0
	for _, o := range t.orders {
		for _, m := range o.held {
			n += len(m.Data)
		}
	}
	return n
}
