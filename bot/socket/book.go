package socket

// dial notes an attempt to open a connection.
func (c *Client) dial() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.opens++
	c.dialing++
}

// hangUp notes that the attempt came to nothing.
func (c *Client) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing--
}

// enter notes that the attempt became cn.
func (c *Client) enter(cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dialing--
	c.lastID++
	cn.id = c.lastID
	c.conns[cn.id] = cn
}

func (c *Client) leave(cn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.conns, cn.id)
}

// noteFailure reports err, and returns whether Slack ever let us in.
func (c *Client) noteFailure(err error) (worked bool) {
	c.cfg.Report(Event{Kind: OpenFailed, Err: err})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastError = err.Error()
	return c.greeted
}

func (c *Client) abandon(handlers int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unfinished += handlers
}

func (c *Client) stillRunning() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unfinished
}

// welcome notes a hello. Connections that are being dialled may be among
// those that Slack counts; one that vanished should not be.
func (c *Client) welcome(h hello) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.greeted, c.lastError = true, ""
	c.slackHolds = h.NumConnections
	held := c.dialing
	for _, cn := range c.conns {
		if !cn.vanished() {
			held++
		}
	}
	c.ghosts = max(0, h.NumConnections-held)
}

func (c *Client) countEnd(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reasons[reason]++
}
