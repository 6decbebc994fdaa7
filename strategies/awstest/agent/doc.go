// Package agent is a stand-in for the agent of AWS Systems Manager: the far
// end of a session, with something that runs there.
//
//	socket == Session.Serve == channel.End -- handshake -- Program
//	                                                   `-- ports
//
// It promises to speak the data channel as the agent does: a plain shell
// begins to talk at once, everything else begins with a handshake; what is
// sealed is sealed with the data key that the client had made and proved to
// have; output comes in messages of a kilobyte; a session goes on over sockets
// that break, and ends with the program, a flag, or its context.
//
// Shell, which is what runs unless one says otherwise, is a toy: it touches
// nothing of this computer, its commands are a dozen, and what it prints
// depends on what is typed alone, and on the clock that it is given. Ports
// lead to where Options.Dial leads them.
//
// It refuses to listen, and to know tokens or callers: those are the message
// gateway's, in strategies/awstest.
package agent
