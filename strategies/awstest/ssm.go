package awstest

import (
	"fmt"
	"strings"
	"time"
)

const ssmName = "ssm"

// defaultDocument is the Session document of a session that names none.
const defaultDocument = "SSM-SessionManagerRunShell"

// An Instance is a machine that runs, and on which sessions can be started.
type Instance struct {
	ID, Account, Region string
	Tags                map[string]string
	Reboots             int // how often somebody had it start again
}

// A ShellSession is a session of Session Manager that was started.
type ShellSession struct {
	ID, Target, Document string
	By                   Caller
	Since                time.Time
}

// AddInstance adds a machine, or replaces the one with its id.
func (w *World) AddInstance(i Instance) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.instances[i.ID] = i
	w.changedLocked()
}

// Instance returns the machine with an id, as it is now.
func (w *World) Instance(id string) (Instance, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, ok := w.instances[id]
	return i, ok
}

// ShellSessions returns the sessions that are open, oldest first.
func (w *World) ShellSessions() []ShellSession {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]ShellSession(nil), w.shells...)
}

func ssmService() service {
	target, document := need("Target", text(1, 400, "")), may("DocumentName", text(1, 0, `[a-zA-Z0-9_\-.:/]{3,128}`))
	return service{name: ssmName, target: "AmazonSSM", codes: jsonCodes, about: aboutSSM, operations: map[string]operation{
		"StartSession":     {structure(target, document, may("Reason", text(1, 256, "")), may("Parameters", anyValue)), startSession},
		"TerminateSession": {structure(need("SessionId", text(1, 96, ""))), terminateSession},
	}}
}

// machine returns the one that the input names, where the caller looks.
func (r *request) machine() (Instance, bool) {
	i, ok := r.w.instances[r.text("Target")]
	return i, ok && i.Account == r.call.Caller.Account && i.Region == r.call.Region
}

func aboutSSM(r *request) []Resource {
	if r.call.Operation == "StartSession" {
		return aboutStart(r)
	}
	return aboutShell(r)
}

// aboutStart is the machine and the document, which are decided one by one.
func aboutStart(r *request) []Resource {
	document := r.text("DocumentName")
	orDefault(&document, defaultDocument)
	owner := r.call.Caller.Account
	if strings.HasPrefix(document, "AWS-") {
		owner = ""
	}
	i, _ := r.machine()
	return []Resource{
		{fmt.Sprintf("arn:aws:ec2:%s:%s:instance/%s", r.call.Region, r.call.Caller.Account, r.text("Target")), i.Tags},
		{ARN: fmt.Sprintf("arn:aws:ssm:%s:%s:document/%s", r.call.Region, owner, document)},
	}
}

func startSession(r *request) (doc, error) {
	i, ok := r.machine()
	if !ok {
		return nil, refusal("TargetNotConnected", "%s is not connected.", r.text("Target"))
	}
	who := r.call.Caller.ARN[strings.LastIndex(r.call.Caller.ARN, "/")+1:]
	s := ShellSession{who + "-0" + strings.ReplaceAll(r.w.uuidLocked(), "-", "")[:16], i.ID, r.text("DocumentName"), r.call.Caller, r.now}
	orDefault(&s.Document, defaultDocument)
	r.w.shells = append(r.w.shells, s)
	return doc{
		"SessionId": s.ID, "TokenValue": randomText(60),
		"StreamUrl": fmt.Sprintf("wss://ssmmessages.%s.amazonaws.com/v1/data-channel/%s?role=publish_subscribe", r.call.Region, s.ID),
	}, nil
}

// aboutShell is a session, which carries who started it as a tag.
func aboutShell(r *request) []Resource {
	tags := map[string]string{}
	for _, s := range r.w.shells {
		if s.ID == r.text("SessionId") {
			tags["aws:ssmmessages:session-id"] = s.By.UserID
		}
	}
	return []Resource{{fmt.Sprintf("arn:aws:ssm:%s:%s:session/%s", r.call.Region, r.call.Caller.Account, r.text("SessionId")), tags}}
}

// terminateSession succeeds for a session that is over.
func terminateSession(r *request) (doc, error) {
	var left []ShellSession
	for _, s := range r.w.shells {
		if s.ID != r.text("SessionId") || s.By.Account != r.call.Caller.Account {
			left = append(left, s)
		}
	}
	r.w.shells = left
	return doc{"SessionId": r.text("SessionId")}, nil
}
