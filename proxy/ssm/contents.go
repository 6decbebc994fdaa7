package ssm

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"
	"time"
)

// An Acknowledgement is the payload of an Acknowledge message: the sender
// has taken a message, or holds it until the ones before it have come.
type Acknowledgement struct {
	Type       Type   `json:"AcknowledgedMessageType"`
	ID         string `json:"AcknowledgedMessageId"`
	Seq        int64  `json:"AcknowledgedMessageSequenceNumber"`
	Sequential bool   `json:"IsSequentialMessage"`
}

// A Closing is the payload of a Closed message. Output is what the person is
// told, if anything.
type Closing struct {
	MessageID   string `json:"MessageId"`
	Created     string `json:"CreatedDate"`
	Destination string `json:"DestinationId"`
	SessionID   string `json:"SessionId"`
	Type        Type   `json:"MessageType"`
	Schema      int    `json:"SchemaVersion"`
	Output      string `json:"Output"`
}

// A Size is that of a terminal, in characters.
type Size struct {
	Cols uint32 `json:"cols"`
	Rows uint32 `json:"rows"`
}

// maxSide is the longest side of a terminal that the kernel can express.
const maxSide = 1<<16 - 1

func (s Size) valid() bool {
	return s.Cols > 0 && s.Rows > 0 && s.Cols <= maxSide && s.Rows <= maxSide
}

// The actions that an agent may ask of a client in a handshake.
const (
	ActionSessionType   = "SessionType"
	ActionKMSEncryption = "KMSEncryption"
)

// The types of session that an agent names in a handshake.
const (
	SessionShell          = "Standard_Stream"
	SessionInteractive    = "InteractiveCommands"
	SessionNonInteractive = "NonInteractiveCommands"
	SessionPort           = "Port"
)

// A HandshakeRequest is what an agent begins with, unless it starts to talk
// at once.
type HandshakeRequest struct {
	AgentVersion string            `json:"AgentVersion"`
	Actions      []RequestedAction `json:"RequestedClientActions"`
}

// A RequestedAction is one thing that an agent asks of a client.
type RequestedAction struct {
	Type       string          `json:"ActionType"`
	Parameters json.RawMessage `json:"ActionParameters"`
}

// A HandshakeResponse is what a client answers to a HandshakeRequest.
type HandshakeResponse struct {
	ClientVersion string            `json:"ClientVersion"`
	Actions       []ProcessedAction `json:"ProcessedClientActions"`
	Errors        []string          `json:"Errors"`
}

// The outcomes of an action.
const (
	ActionDone        = 1
	ActionFailed      = 2
	ActionUnsupported = 3
)

// A ProcessedAction is what came of one RequestedAction.
type ProcessedAction struct {
	Type   string          `json:"ActionType"`
	Status int             `json:"ActionStatus"`
	Result json.RawMessage `json:"ActionResult"`
	Error  string          `json:"Error"`
}

// A HandshakeComplete ends a handshake. The plugin prints Message.
type HandshakeComplete struct {
	Took    time.Duration `json:"HandshakeTimeToComplete"`
	Message string        `json:"CustomerMessage"`
}

// A SessionType is the parameter of ActionSessionType.
type SessionType struct {
	Type       string          `json:"SessionType"`
	Properties json.RawMessage `json:"Properties"`
}

// A KeyWanted is the parameter of ActionKMSEncryption.
type KeyWanted struct {
	ID string `json:"KMSKeyId"`
}

// A KeyMade is the result of ActionKMSEncryption: the data key, encrypted.
type KeyMade struct {
	Blob []byte `json:"KMSCipherTextKey"`
}

// A Challenge has the client prove that it has the data key: it opens what the
// agent sealed, and seals it itself.
type Challenge struct {
	Sealed []byte `json:"Challenge"`
}

// A Flag is what the payload PayloadFlag says.
type Flag uint32

// The flags of a session.
const (
	FlagDisconnect   Flag = 1 // the connection to the port is over
	FlagTerminate    Flag = 2 // the session is
	FlagConnectError Flag = 3 // the port could not be reached
)

// FlagOf reads the payload PayloadFlag.
func FlagOf(data []byte) (Flag, bool) {
	if len(data) != 4 {
		return 0, false
	}
	return Flag(binary.BigEndian.Uint32(data)), true
}

// ExitCodeOf reads the text that an agent sends for an exit code, which the
// plugin prints as it is: "EXIT_CODE: 3".
func ExitCodeOf(data []byte) (int, bool) {
	_, number, found := bytes.Cut(data, []byte("EXIT_CODE:"))
	if !found {
		number = data
	}
	code, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 32)
	return int(code), err == nil
}
