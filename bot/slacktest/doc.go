// Package slacktest is a strict stand-in for Slack, over HTTP and WebSocket on
// loopback. It serves the tests of the bot and the demo alike: the real Web
// API client and a real Socket Mode connection talk to it, while a test or a
// page plays the people.
//
// It promises to be no kinder than Slack where Slack's rules are known: token
// types and scopes, rate limits, Block Kit limits, trigger ids, view hashes,
// three seconds to acknowledge, retries for events and none for clicks. What
// Slack would ignore but a careful app would not send (an unknown argument, an
// acknowledgement nobody waits for) is kept as a violation, for a test to fail
// on. Every leniency is a field of Config, every fault a call. RULES.md lists
// the rules, says which come from Slack's documentation and which are guesses,
// and names the test that holds each.
//
// It keeps the ground truth: every message, ephemeral, view, envelope and API
// call can be read back, and Await waits for a change instead of sleeping. All
// time comes from the given clock, so moving the clock expires triggers, ends
// rate limits and retries events.
//
// It refuses to be a Slack for anyone but one installed bot: no files, no
// history, no scheduling, no search, no Enterprise organisation; such calls
// answer unknown_method. It checks no TLS and must never be reachable from
// another machine, hence it listens on 127.0.0.1 alone.
//
//	w := slacktest.New(slacktest.Config{Clock: c})
//	if err := w.Start(); err != nil { ... }
//	defer w.Close()
//	alice := w.AddUser(slacktest.User{Name: "alice", Email: "alice@example.com"})
//	api := slack.New(w.BotToken(), slack.OptionAPIURL(w.APIURL()))
//	reply, err := w.As(alice).Command(ctx, channel, "/access ec2-frontend 1h")
package slacktest
