// Package client is the engineer's end of a session: what sesame ssm, and
// sesame in the place of the Session Manager plugin, are made of.
//
//	keys  --> Session --> channel.End ==WebSocket==> the proxy ==> AWS ==> the agent
//	shown <--         <--             <==
//
// It promises what people know from the plugin, and a little more: a session
// that loses its socket is resumed and goes on where it was; what is sealed is
// sealed with a key that KMS makes for this session; the terminal's size and
// the exit code are passed on; and a port session carries any number of
// connections. It ends the session when it ends.
//
// It refuses to lead anywhere but to AWS's message gateways, by TLS, and to
// print what it was not told to: output goes where Terminal says, and errors
// are one sentence each. It knows neither grants nor targets: whoever has an
// environment in which calls of AWS work has sessions.
//
// The protocol is that of github.com/aws/session-manager-plugin.
package client
