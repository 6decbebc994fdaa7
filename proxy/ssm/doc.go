// Package ssm reads the data channel of a Session Manager session while it
// passes.
//
//	client                       the bridge                        the agent
//	  | -- our token (text) ------> | RewriteOpening: AWS's token ------> |
//	  | == frames ================> | == Tap.FromClient ================> |
//	  | <================ frames == | <================ Tap.FromAgent === |
//	                                |
//	                             events: output, input, sizes, the end
//
// A frame is a header of HL bytes and a payload, all numbers big-endian; HL is
// 116, or 112 where the payload has no type:
//
//	0     4          36      40       48    56     64  80      112   HL     HL+4
//	| HL  | type     | schema | created | seq | flags | id | SHA-256 | kind | len | payload
//
// It promises that every frame it accepts means one thing only, to itself, to
// the Session Manager plugin and to the agent: both ends of a session may be
// in the hands of the person who is recorded. So a frame that the plugin
// would show and the tap could not read is an error, and the bridge ends the
// session instead of passing it on. Of what is accepted, every byte of output
// and input is reported once, in the order of the sender; what is lost,
// sealed or odd is reported as such; and memory stays bounded whatever comes.
//
// It refuses to guess: a number that is used twice with different contents,
// a length that is not the frame's, a digest that does not fit, and a JSON
// answer in which the token could be read in two ways are errors. It does no
// input or output, reads no clock, and changes no frame: the only bytes it
// ever writes anew are the token's.
//
// The protocol is that of github.com/aws/session-manager-plugin: layout and
// checks in src/message/clientmessage.go and messageparser.go, sequence
// numbers in src/datachannel/streaming.go, sealing in
// src/encryption/encrypter.go.
package ssm
