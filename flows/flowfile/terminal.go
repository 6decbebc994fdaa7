package flowfile

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The documents of AWS by which terminal sessions are started. What passes is
// recorded of the first three; of the others, where they lead and how much.
const (
	DocumentShell      = "SSM-SessionManagerRunShell" // what is taken when none is named
	DocumentCommand    = "AWS-StartInteractiveCommand"
	DocumentCommandRaw = "AWS-StartNonInteractiveCommand"
	DocumentPort       = "AWS-StartPortForwardingSession"
	DocumentRemote     = "AWS-StartPortForwardingSessionToRemoteHost"
	DocumentSSH        = "AWS-StartSSHSession"
)

// Forwards reports whether a document opens tunnels, as far as its name says so.
func Forwards(document string) bool {
	return strings.Contains(strings.ToLower(document), "forward")
}

// The values of Calls.Sealed: what becomes of a session that is encrypted with
// a key that Sesame does not get.
const (
	SealedRefuse   = "refuse"   // it ends
	SealedMetadata = "metadata" // what passes is counted
)

// forwardShape is a host and a port, with * and ? in either.
var forwardShape = regexp.MustCompile(`^[a-z0-9*?._:-]{1,253}:([0-9*?]{1,5})$`)

// BySessions are the actions that whoever may start sessions needs beside: to
// resume and to end their own, to open the channel, and to have its data key
// made. Nobody has to list them.
func (c Calls) BySessions() []string {
	starts := slices.ContainsFunc(c.Allow, func(pattern string) bool {
		return covers(pattern, "ssm:StartSession") || covers(pattern, "ecs:ExecuteCommand")
	})
	if !starts {
		return nil
	}
	var missing []string
	for _, action := range []string{"ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel", "kms:GenerateDataKey"} {
		if !slices.ContainsFunc(c.Allow, func(pattern string) bool { return covers(pattern, action) }) {
			missing = append(missing, action)
		}
	}
	return missing
}

// covers matches an action with a pattern of actionShape, in any case as IAM
// does.
func covers(pattern, action string) bool {
	hit, err := path.Match(strings.ToLower(pattern), strings.ToLower(action))
	return err == nil && hit
}

func terminalKeys() []Key {
	return []Key{
		{Name: "documents", Doc: "The only Session Manager documents that sessions may use. Optional, default the shell and the two commands of AWS, of which Sesame records what passes. Documents that forward ports and " + DocumentSSH + " have to be named: of those it records where they lead, the connections and how much passed. A document of one's own that forwards ports has forward in its name, and says itself whereto. Whoever may start sessions may resume and end their own, and have the key made that they are sealed with.", Value: listOf(looking(documentShape.String()))},
		{Name: "forward", Doc: "Where sessions that forward ports may lead, as host:port, with * and ?: db.internal:3306. The target itself is localhost. Optional, default nowhere.", Value: listOf(looking(forwardShape.String()))},
		{Name: "sealed", Doc: "What becomes of a session that is encrypted with a KMS key which Sesame can neither see made nor open. refuse: it ends. metadata: it goes on, and what passes is counted and not recorded. Optional, default refuse.", Value: oneOf(SealedRefuse, SealedMetadata)},
	}
}

// terminal reads the keys about sessions.
func (d *draft) terminal(c *Calls) keys {
	return keys{
		"documents": d.listed(&c.Documents, "the name of a document", documentShape, "write it as "+DocumentShell),
		"forward":   d.listed(&c.Forward, "a host and a port", forwardShape, "write it as db.internal:3306, in small letters"),
		"sealed": func(n *node) {
			c.Sealed = d.text(n, "sealed")
			if c.Sealed != SealedRefuse && c.Sealed != SealedMetadata {
				d.add(n.pos, fmt.Sprintf("%q is not what can become of a sealed session", c.Sealed), "refuse or metadata")
			}
		},
	}
}

// fitTerminal notes what is said about sessions and does not go together.
func (d *draft) fitTerminal(n *node, c Calls) {
	ports := slices.Contains(c.Documents, DocumentPort) || slices.Contains(c.Documents, DocumentRemote)
	ssh := slices.Contains(c.Documents, DocumentSSH)
	switch {
	case ports && len(c.Forward) == 0:
		d.add(n.get("documents").pos, "the documents forward ports, and forward says nowhere to", `write forward: ["db.internal:3306"]`)
	case !ports && !ssh && len(c.Forward) > 0:
		d.add(n.get("forward").pos, "forward says where sessions may lead, and no document leads anywhere", "name "+DocumentPort+" or "+DocumentRemote+" in documents")
	}
	for _, place := range c.Forward {
		if colon := strings.LastIndexByte(place, ':'); colon > 0 && strings.Trim(place[:colon], "*?.") == "" {
			d.warn(n.get("forward").pos, fmt.Sprintf("%s lets sessions lead to every host that the target reaches", place))
		}
	}
	if ssh {
		d.warn(n.get("documents").pos, DocumentSSH+" is SSH within the session, of which Sesame records that there was one, and not what was done")
	}
	if c.Sealed == SealedMetadata {
		d.warn(n.get("sealed").pos, "sealed: metadata lets people keep a session from being recorded, by having its key made without Sesame")
	}
}
