package flows

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// stepsTo are the ways to one machine: by command, and in a browser for those
// who have keys of AWS themselves.
func stepsTo(t access.Target, i access.Instance, label string) []access.Step {
	switch t.Way {
	case flowfile.WayRole:
		return servedSteps(t, i, label)
	case flowfile.WayPartner:
		return []access.Step{{Label: "A shell on " + label, Code: startSession("aws", " --profile "+flowfile.PartnerProfile(t), i)}}
	}
	return []access.Step{
		{Label: "A shell on " + label, Code: startSession("aws", "", i)},
		{Label: "A shell in the browser on " + i.Called(), URL: console(i)},
	}
}

// startSession is the command of the AWS CLI, which needs its plugin.
func startSession(aws, more string, i access.Instance) string {
	return fmt.Sprintf("%s ssm start-session%s --region %s --target %s", aws, more, i.Region, i.ID)
}

// servedSteps are the ways to a machine through Sesame: with its own client, and
// with the AWS CLI where a document is the target's own, of which that client
// does not know what it takes.
func servedSteps(t access.Target, i access.Instance, label string) []access.Step {
	ours := fmt.Sprintf("sesame ssm %s %s", t.Name, i.ID)
	calls, err := flowfile.ParseCalls(t.Params)
	if err != nil {
		return []access.Step{{Label: "A shell on " + label, Code: ours}}
	}
	var steps []access.Step
	if document, ok := shellBy(calls.Documents); ok {
		steps = append(steps, access.Step{Label: "A shell on " + label, Code: ours + document})
	}
	if port := portOf(calls); port != "" {
		steps = append(steps, access.Step{Label: "A port through " + i.Called(), Code: ours + " --forward " + port})
	}
	for _, name := range calls.Documents {
		if flowfile.Forwards(name) && name != flowfile.DocumentPort && name != flowfile.DocumentRemote {
			steps = append(steps, access.Step{Label: "A port by " + name, Code: withCLI(t, i) + " --document-name " + name})
		}
	}
	return steps
}

// withCLI starts a session with the AWS CLI, through Sesame.
func withCLI(t access.Target, i access.Instance) string {
	return startSession("sesame aws --target "+t.Name, "", i)
}

// shellBy is what names the document of a shell to the client, if one may be
// started: nothing for the one that is taken in any case.
func shellBy(documents []string) (flag string, ok bool) {
	if len(documents) == 0 || slices.Contains(documents, flowfile.DocumentShell) {
		return "", true
	}
	i := slices.IndexFunc(documents, func(name string) bool {
		return !flowfile.Forwards(name) && name != flowfile.DocumentSSH && name != flowfile.DocumentCommand && name != flowfile.DocumentCommandRaw
	})
	if i < 0 {
		return "", false
	}
	return " --document " + documents[i], true
}

// portOf is the first port that the client may forward, as its --forward takes it;
// empty where there is none. What is not one place is for the holder to fill in.
func portOf(c flowfile.Calls) string {
	for _, place := range c.Forward {
		colon := strings.LastIndexByte(place, ':')
		host, remote := place[:colon], place[colon+1:]
		document := flowfile.DocumentRemote
		if host == "localhost" {
			document = flowfile.DocumentPort
		}
		if !slices.Contains(c.Documents, document) {
			continue
		}
		host, remote = exact(host, "HOST"), exact(remote, "PORT")
		if document == flowfile.DocumentPort {
			return localPort(remote) + ":" + remote
		}
		return localPort(remote) + ":" + host + ":" + remote
	}
	return ""
}

// exact returns what has no wildcards, or else what stands for it.
func exact(text, otherwise string) string {
	if strings.ContainsAny(text, "*?") {
		return otherwise
	}
	return text
}

// localPort is the port of one's own computer for one that is forwarded: the
// same, unless only an administrator can open it there.
func localPort(remote string) string {
	const first, instead = 1024, 8000
	n, err := strconv.Atoi(remote)
	switch {
	case err != nil:
		return "LOCAL"
	case n < first:
		return strconv.Itoa(n + instead)
	}
	return remote
}
