package awsapi

import (
	"errors"
	"slices"
)

var (
	// ErrAmbiguous means that a request has, or may have, two meanings.
	ErrAmbiguous = errors.New("the request can be read in two ways")

	// ErrEncoding means that a request is in an encoding that is not known, so
	// that AWS may read something else in it.
	ErrEncoding = errors.New("the encoding of the request is not known")

	// ErrTooLarge means that a body is larger than what is read of it.
	ErrTooLarge = errors.New("the body is too large to be read")
)

// A Level is how far an operation reaches. The zero Level is Write, so that
// what is not known counts as one.
type Level uint8

// The access levels of the Service Authorization Reference.
const (
	Write Level = iota
	List
	Read
	Tagging
	Permissions
)

var levels = [...]string{"write", "list", "read", "tagging", "permissions"}

// String is the level as rules write it.
func (l Level) String() string {
	if int(l) < len(levels) {
		return levels[l]
	}
	return levels[Write]
}

// A Protocol is how a request names its operation and parameters, and how its
// errors are written. The zero Protocol is unknown.
type Protocol uint8

// The protocols of AWS.
const (
	Unknown Protocol = iota
	Query
	EC2
	JSON
	CBOR
	RestJSON
	RestXML
)

var protocols = [...]string{"unknown", "query", "ec2", "json", "rpc-v2-cbor", "rest-json", "rest-xml"}

// String is the protocol as the service models name it.
func (p Protocol) String() string {
	if int(p) < len(protocols) {
		return protocols[p]
	}
	return protocols[Unknown]
}

// A Service is one API of AWS.
type Service struct {
	Name   string // as the command line calls it, such as "stepfunctions"
	Prefix string // of its actions, such as "states"

	signing   []string
	protocols []Protocol
	restful   Protocol // the REST protocol that it speaks, or Unknown
	target    string
	versions  []string

	home  string            // its host, as homes.txt has it
	homes map[string]string // where that differs, by partition and region
}

func (s *Service) speaks(p Protocol) bool { return slices.Contains(s.protocols, p) }

// rest is the REST protocol that s speaks, or Unknown.
func (s *Service) rest() Protocol {
	for _, p := range []Protocol{RestJSON, RestXML} {
		if s.speaks(p) {
			return p
		}
	}
	return Unknown
}

// An Operation is one that the table knows.
type Operation struct {
	Service *Service
	Name    string
	Level   Level

	ReturnsCredentials bool // its answer holds keys of AWS
	OpensSession       bool // its answer holds the way into a session
	TakesRole          bool // its input has a place for a role of IAM, or an instance profile
	TakesPolicy        bool // its input has a place for a policy that may grant something
	StreamsEvents      bool // its body is a stream of signed events
	Unsigned           bool // clients send it without a signature
	Deprecated         bool

	actions []action
	always  []string // the names of actions, where no parameter adds any
	members []member
	arns    []string // patterns
	method  string
	uri     string   // template
	queries []string // that S3 knows for it
}

// An action is one of IAM, needed always or with a parameter alone.
type action struct {
	name   string
	place  byte   // of the parameter: q, h, or 0
	needed string // the parameter; a star at its end stands for anything
	within string // what a value of it has to hold, if that counts
	but    string // a value with which it does not count
}

// A member is a parameter that may be told.
type member struct {
	place byte // p, q, h or b: path, query, header, body
	name  string
	wire  string
}

// A Call is what a request was found to be.
type Call struct {
	Service   string     // of the operation; for an unknown one, what it is signed for
	Operation string     // as the request names it; empty where it names none
	Known     *Operation // nil where the table does not know the operation
	Protocol  Protocol
}

// Level is that of the operation; an unknown one counts as a write.
func (c Call) Level() Level {
	if c.Known == nil {
		return Write
	}
	return c.Known.Level
}
