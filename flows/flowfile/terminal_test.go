package flowfile_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/flowfile"
)

const terminals = `version: 1
strategies:
  role: {type: aws_role, region: us-east-1, role_arn: "arn:aws:iam::222222222222:role/SesameEC2", external_id: "${file:external-id}"}
targets:
  shell:
    strategy: role
    calls:
      documents: [SSM-SessionManagerRunShell, AWS-StartPortForwardingSessionToRemoteHost, AWS-StartSSHSession]
      forward: ["db.internal:3306", "*:443"]
      sealed: metadata
flows:
  all:
    targets: [shell]
    duration: {choices: [1h]}
    who: 'true'
    routes: [{name: auto, auto_approve: true}]
`

func TestTerminalSessionsOfATarget(t *testing.T) {
	s, err := flowfile.Abilities{Proxy: true}.Load(fstest.MapFS{"f.yaml": {Data: []byte(terminals)}}, "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shell, _ := s.Target("shell")
	got, err := flowfile.ParseCalls(shell.Params)
	want := flowfile.Calls{
		Documents: []string{flowfile.DocumentShell, flowfile.DocumentRemote, flowfile.DocumentSSH},
		Forward:   []string{"db.internal:3306", "*:443"}, Sealed: flowfile.SealedMetadata,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	var warned []string
	for _, p := range s.Warnings() {
		warned = append(warned, p.Message)
	}
	for _, want := range []string{"*:443 lets sessions lead to every host", "AWS-StartSSHSession is SSH within the session", "sealed: metadata lets people keep a session from being recorded"} {
		if !slices.ContainsFunc(warned, func(text string) bool { return strings.HasPrefix(text, want) }) {
			t.Errorf("no warning %q in %q", want, warned)
		}
	}
}

// TestWhoStartsSessionsMayEndThem holds what needs not be listed.
func TestWhoStartsSessionsMayEndThem(t *testing.T) {
	all := []string{"ssm:ResumeSession", "ssm:TerminateSession", "ssmmessages:OpenDataChannel", "kms:GenerateDataKey"}
	for _, c := range []struct{ allow, want []string }{
		{nil, nil},
		{[]string{"ec2:*"}, nil},
		{[]string{"ssm:StartSession"}, all},
		{[]string{"SSM:Start*"}, all},
		{[]string{"ecs:ExecuteCommand"}, all},
		{[]string{"ssm:*"}, all[2:]},
		{[]string{"ssm:*", "ssmmessages:Open?ataChannel", "kms:*"}, nil},
		{[]string{"*"}, nil},
	} {
		if diff := cmp.Diff(c.want, flowfile.Calls{Allow: c.allow}.BySessions()); diff != "" {
			t.Errorf("%v: %s", c.allow, diff)
		}
	}
}
