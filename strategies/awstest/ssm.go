package awstest

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"
)

const ssmName = "ssm"

// An Instance is a machine that runs, and on which sessions can be started.
type Instance struct {
	ID, Account, Region string
	Tags                map[string]string
	Reboots             int // how often somebody had it start again
	// State is what EC2 says of it, "running" if empty, and Ping what Session
	// Manager says: "Online" if empty, and nothing for "none".
	State, Ping string
	// Ports are what the machine reaches, "80" for one of its own and
	// "db.internal:3306" for another's, with the loopback address that stands
	// for it.
	Ports map[string]string
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

func ssmService() service {
	target, document := text(1, 400, ""), may("DocumentName", text(1, 0, `[a-zA-Z0-9_\-.:/]{3,128}`))
	session, token := structure(need("SessionId", text(1, 96, ""))), may("NextToken", text(1, 0, ""))
	filter := structure(need("key", oneOf("InvokedAfter", "InvokedBefore", "Target", "Owner", "Status", "SessionId", "AccessType")), need("value", text(1, 400, "")))
	about := structure(need("Key", text(1, 0, "")), need("Values", list(1, 100, text(1, 0, ""))))
	all := map[string]operation{
		"StartSession":     {structure(need("Target", target), document, may("Reason", text(1, 256, "")), may("Parameters", anyValue)), startSession},
		"ResumeSession":    {session, resumeSession},
		"TerminateSession": {session, terminateSession},
		"DescribeSessions": {structure(
			need("State", oneOf("Active", "History")), may("MaxResults", number(1, 200)), token, may("Filters", list(1, 7, filter)),
		), describeSessions},
		"GetConnectionStatus": {structure(need("Target", target)), getConnectionStatus},
		"DescribeInstanceInformation": {structure(
			may("MaxResults", number(5, 50)), token, may("Filters", list(0, 100, about)), may("InstanceInformationFilterList", list(0, 100, anyValue)),
		), describeInstanceInformation},
	}
	maps.Copy(all, commandOperations())
	return service{name: ssmName, target: "AmazonSSM", codes: jsonCodes, about: aboutSSM, operations: all}
}

// machine returns the one that the input names, where the caller looks.
func (r *request) machine() (Instance, bool) {
	i, ok := r.w.instances[r.text("Target")]
	return i, ok && r.sees(i)
}

func (r *request) sees(i Instance) bool {
	return i.Account == r.call.Caller.Account && i.Region == r.call.Region
}

// aboutSSM is what a policy is asked about; lists are about nothing in
// particular.
func aboutSSM(r *request) []Resource {
	switch r.call.Operation {
	case "StartSession":
		return aboutStart(r)
	case "ResumeSession", "TerminateSession":
		return aboutShell(r)
	case "SendCommand":
		return aboutCommand(r)
	}
	return nil
}

// aboutStart is the machine and the document, which are decided one by one.
func aboutStart(r *request) []Resource {
	document := r.text("DocumentName")
	orDefault(&document, shellDocument)
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

// aboutShell is a session, which carries who started it, and on what, as tags.
func aboutShell(r *request) []Resource {
	tags := map[string]string{}
	for _, s := range r.w.shells {
		if s.ID == r.text("SessionId") {
			tags["aws:ssmmessages:session-id"], tags["aws:ssmmessages:target-id"] = s.By.UserID, s.Target
		}
	}
	return []Resource{{fmt.Sprintf("arn:aws:ssm:%s:%s:session/%s", r.call.Region, r.call.Caller.Account, r.text("SessionId")), tags}}
}

func startSession(r *request) (doc, error) {
	i, ok := r.machine()
	if !ok {
		return nil, refusal("TargetNotConnected", "%s is not connected.", r.text("Target"))
	}
	o, err := r.wanted(i)
	if err != nil {
		return nil, err
	}
	return r.w.startLocked(r, o).answer(), nil
}

// resumeSession gives a new token for a session, or none if it timed out.
func resumeSession(r *request) (doc, error) {
	s, ok := r.shell()
	if !ok || s.over && !s.timedOut {
		return nil, refusal("DoesNotExistException", "Session %s does not exist.", r.text("SessionId"))
	}
	if s.timedOut {
		return doc{"SessionId": s.ID, "StreamUrl": s.stream}, nil
	}
	s.renewLocked(r)
	return s.answer(), nil
}

// terminateSession succeeds for a session that is over.
func terminateSession(r *request) (doc, error) {
	s, ok := r.shell()
	switch takes := r.w.settings.Terminating; {
	case !ok:
	case takes <= 0:
		r.w.endLocked(s, errTerminated)
	case s.terminates.IsZero():
		s.terminates = r.now.Add(takes)
	}
	return doc{"SessionId": r.text("SessionId")}, nil
}

// shell returns the session that the input names, if it is one of the caller's
// account in the region.
func (r *request) shell() (*shell, bool) {
	for _, s := range r.w.shells {
		if s.ID == r.text("SessionId") && r.seesShell(s) {
			r.w.timeOutLocked(s)
			return s, true
		}
	}
	return nil, false
}

// seesShell reports whether a session is of the caller's account and region.
func (r *request) seesShell(s *shell) bool {
	return s.By.Account == r.call.Caller.Account && s.Region == r.call.Region
}

func describeSessions(r *request) (doc, error) {
	var rows []row
	for _, s := range r.w.shells {
		r.w.timeOutLocked(s)
		if !r.seesShell(s) || s.over == (r.text("State") == "Active") || !r.picks(s) {
			continue
		}
		d := doc{
			"SessionId": s.ID, "Target": s.Target, "Status": s.status(), "StartDate": epoch(s.Since),
			"DocumentName": s.Document, "Owner": s.By.ARN, "AccessType": "Standard",
		}
		if s.Reason != "" {
			d["Reason"] = s.Reason
		}
		if s.over {
			d["EndDate"] = epoch(s.ended)
		}
		rows = append(rows, row{s.Since.Format(time.RFC3339Nano) + s.ID, d})
	}
	return r.page("Sessions", rows)
}

// picks reports whether s passes all filters of the input.
func (r *request) picks(s *shell) bool {
	filters, _ := r.in["Filters"].([]any)
	for _, f := range filters {
		d, _ := f.(doc)
		key, value := d["key"], d["value"]
		has := map[any]any{"Target": s.Target, "Owner": s.By.ARN, "Status": s.status(), "SessionId": s.ID, "AccessType": "Standard"}[key]
		at, _ := value.(string)
		moment, err := time.Parse(time.RFC3339, at)
		switch {
		case key == "InvokedAfter" && err == nil && s.Since.After(moment), key == "InvokedBefore" && err == nil && s.Since.Before(moment):
		case has == nil, has != value:
			return false
		}
	}
	return true
}

func getConnectionStatus(r *request) (doc, error) {
	status := "notconnected"
	if _, ok := r.machine(); ok {
		status = "connected"
	}
	return doc{"Target": r.text("Target"), "Status": status}, nil
}

// describeInstanceInformation lists the machines on which sessions can be
// started. Of filters it knows the one by id.
func describeInstanceInformation(r *request) (doc, error) {
	var rows []row
	for _, id := range sortedKeys(r.w.instances) {
		i := r.w.instances[id]
		if !r.sees(i) || !r.asksFor(id) || i.Ping == "none" {
			continue
		}
		rows = append(rows, row{id, doc{
			"InstanceId": id, "PingStatus": cmp.Or(i.Ping, "Online"), "PlatformType": "Linux", "PlatformName": "Amazon Linux",
			"ResourceType": "EC2Instance", "ComputerName": hostOf(id), "AgentVersion": agentVersion,
		}})
	}
	return r.page("InstanceInformationList", rows)
}

// asksFor reports whether the filters let a machine through.
func (r *request) asksFor(id string) bool {
	filters, _ := r.in["Filters"].([]any)
	for _, f := range filters {
		d, _ := f.(doc)
		values, _ := d["Values"].([]any)
		found := false
		for _, v := range values {
			found = found || v == id
		}
		if d["Key"] == "InstanceIds" && !found {
			return false
		}
	}
	return true
}
