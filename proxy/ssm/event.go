package ssm

// A Side is one end of a session.
type Side uint8

// The two ends.
const (
	Client Side = iota + 1
	Agent
)

// String returns "client" or "agent".
func (s Side) String() string {
	switch s {
	case Client:
		return "client"
	case Agent:
		return "agent"
	}
	return "nobody"
}

// A Kind says which fields of an Event mean something.
type Kind uint8

// The kinds of Event.
const (
	// Shown: Data is what the client gets to show, whether the agent calls it
	// output, an error or something else; Payload says which.
	Shown Kind = iota + 1
	// Typed: Data is what the client sent to the program.
	Typed
	// Resized: Size is the terminal's from here on.
	Resized
	// Exited: Code is how the program ended; Data, which the plugin shows, is
	// how the agent says so.
	Exited
	// Agreed: Handshake is what agent and client agreed on. A session without
	// a handshake has none, and is a shell.
	Agreed
	// Told: Text is shown by the client once the handshake is over.
	Told
	// Sealed: Data is sealed and no key opens it; Payload says what it is.
	Sealed
	// Flagged: Flag is set, and about a port unless it is FlagTerminate.
	Flagged
	// Ended: the service closed the channel; Text is what the person is told.
	Ended
	// Lost: the messages First to Last did not come while they could be waited
	// for. They may come Late.
	Lost
	// Odd: something passed that neither end should send and both pass over;
	// Text says what.
	Odd
)

// An Event is what one message meant. Data is valid until the function that
// gets the Event returns.
type Event struct {
	Kind    Kind
	From    Side
	Seq     int64
	Payload Payload
	Data    []byte
	Late    bool // comes after it was reported Lost

	Size        Size
	Code        int
	Flag        Flag
	First, Last int64
	Text        string
	Handshake   *Handshake
}

// A Handshake is what agent and client agreed on. The zero value of what one
// of them did not say is empty.
type Handshake struct {
	AgentVersion  string
	ClientVersion string
	SessionType   string
	Properties    []byte // JSON: ports, or a command
	KMSKeyID      string
	Sealed        bool  // both ends seal from here on
	Opens         bool  // the tap has the key
	NoKey         error // why not, when Sealed and not Opens
}
