// Package load measures what people wait for: the whole server, with a real
// file and the machine's clock, between the stand-ins for Slack and AWS.
//
//	driver --> slacktest <--WebSocket, HTTP--> server <--HTTP--> awstest
//	'---------- one process ----------'      another          the first
//
// Its benchmarks come at a fixed rate, whether the server keeps up or not, and
// fail when something is lost, done twice or wrong. They never fail for being
// slow: the numbers are for a person to read, since they say as much about the
// machine as about the server, which shares its processors with the driver and
// the stand-ins.
//
// There is nothing here but benchmarks; make bench runs them.
package load
