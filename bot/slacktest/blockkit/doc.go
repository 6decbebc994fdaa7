// Package blockkit knows Slack's Block Kit as the stand-in for Slack needs it:
// which blocks a surface takes and how large they may be, what a person reads
// when they are shown, whom they notify, and which controls they carry.
//
// It promises to be strict: an unknown block, an unknown field, a text that is
// one character too long and an id used twice are all problems, each with the
// JSON pointer that Slack would give. Blocks that exist in Slack but that
// nobody here needs are refused too, marked as unsupported, so that a test
// never passes because of a rule that was not written yet.
//
// It refuses to know anything about workspaces, tokens or people: values in,
// values out. Blocks are generic JSON (maps, slices, strings, numbers) and are
// never changed. RULES.md of package slacktest says which rules come from
// Slack's documentation and which are guesses.
package blockkit
