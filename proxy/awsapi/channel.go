package awsapi

import "strings"

// Channels is what requests for the data channels of Session Manager are
// signed for. No service model has it: its only requests are upgrades to
// WebSocket (github.com/aws/session-manager-plugin, src/websocketutil).
const Channels = "ssmmessages"

// OpensChannel is the call that the upgrade for a data channel is, whose parameter
// SessionId is the last part of its path.
func (t *Table) OpensChannel() Call {
	return Call{Service: Channels, Operation: t.channel.Name, Known: t.channel}
}

// control is the service that hands out the addresses of data channels, and
// has its hosts wherever they have theirs.
const control = "ssm"

// addChannels makes the hosts of data channels known, beside those of the
// service that sessions are started with.
func (t *Table) addChannels() {
	s := &Service{Name: Channels, Prefix: Channels, signing: []string{Channels}}
	t.channel = &Operation{
		Service: s, Name: "OpenDataChannel", Level: Write,
		always: []string{Channels + ":OpenDataChannel"}, arns: []string{"arn:{partition}:ssm:{region}:{account}:session/{SessionId}"},
	}
	for shape := range t.hosts {
		first, rest, _ := strings.Cut(shape, ".")
		if fips, ok := strings.CutPrefix(first, control); ok && (fips == "" || fips == "-fips") {
			t.hosts[Channels+fips+"."+rest] = []*Service{s}
		}
	}
}

// ControlHost is the host of Session Manager that belongs to the host of a
// data channel.
func ControlHost(channel string) (string, bool) {
	rest, ok := strings.CutPrefix(channel, Channels)
	return control + rest, ok
}
