package awstest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// A CommandDocument is a document of Run Command that an account has. Machines
// carry out one script, that which keeps users of the operating system: its
// parameters are state, user and stamp.
type CommandDocument struct {
	Account, Region, Name string
	Text                  []byte
}

// An OSUser is a user of the operating system of a machine.
type OSUser struct {
	Stamp  string // by which Sesame marked it; empty for one of somebody else's
	Locked bool
}

// A command is one that was sent to machines.
type command struct {
	id       string
	document string
	by       Caller
	region   string
	params   map[string]string
	asked    []any    // the targets of the input
	targets  []string // ids of machines
	sent     time.Time
	ends     time.Time
	stuck    bool
	failure  string
	done     bool
	said     map[string]string // by machine
}

// commandLatency is how long machines are at what changes something. What only
// looks is done at once.
const commandLatency = time.Second

// truth allows true and false.
func truth(at string, v any) error {
	if _, ok := v.(bool); !ok {
		return fmt.Errorf("%s: must be true or false", at)
	}
	return nil
}

func commandOperations() map[string]operation {
	token := may("NextToken", text(0, 0, ""))
	about := list(0, 5, structure(need("key", text(1, 0, "")), need("value", text(1, 0, ""))))
	id := text(36, 36, "")
	return map[string]operation{
		"SendCommand": {structure(
			need("DocumentName", text(1, 0, `[a-zA-Z0-9_\-.:/]{3,128}`)), may("Parameters", anyValue), may("Comment", text(0, 100, "")),
			may("Targets", list(0, 5, structure(need("Key", text(1, 163, `(tag:.+|InstanceIds)`)), need("Values", list(0, 50, text(1, 0, "")))))),
			may("InstanceIds", list(0, 50, text(1, 0, ""))), may("MaxConcurrency", text(1, 7, `\d+%?`)), may("MaxErrors", text(1, 7, `\d+%?`)),
			may("TimeoutSeconds", number(30, 2592000)), may("DocumentVersion", anyValue), may("DocumentHash", anyValue), may("DocumentHashType", anyValue),
			may("AlarmConfiguration", anyValue), may("CloudWatchOutputConfig", anyValue), may("NotificationConfig", anyValue),
			may("OutputS3BucketName", anyValue), may("OutputS3KeyPrefix", anyValue), may("OutputS3Region", anyValue), may("ServiceRoleArn", anyValue),
		), sendCommand},
		"ListCommands": {structure(
			may("CommandId", id), may("InstanceId", text(1, 0, "")), may("MaxResults", number(1, 50)), token, may("Filters", about),
		), listCommands},
		"ListCommandInvocations": {structure(
			may("CommandId", id), may("InstanceId", text(1, 0, "")), may("MaxResults", number(1, 50)), token, may("Filters", about), may("Details", truth),
		), listCommandInvocations},
		"GetCommandInvocation": {structure(need("CommandId", id), need("InstanceId", text(1, 0, "")), may("PluginName", text(4, 0, ""))), getCommandInvocation},
	}
}

// AddCommandDocument adds a document, or replaces the one of its name.
func (w *World) AddCommandDocument(d CommandDocument) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commandDocuments = slices.DeleteFunc(w.commandDocuments, func(other CommandDocument) bool {
		return other.Account == d.Account && other.Region == d.Region && other.Name == d.Name
	})
	w.commandDocuments = append(w.commandDocuments, d)
	w.changedLocked()
}

// OSUser returns a user of a machine, and whether there is one.
func (w *World) OSUser(instance, name string) (OSUser, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.settleCommandsLocked()
	u, ok := w.osUsers[instance+"/"+name]
	return u, ok
}

// SetOSUser makes a user of a machine by hand; nil removes it.
func (w *World) SetOSUser(instance, name string, u *OSUser) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(w.osUsers, instance+"/"+name); u != nil {
		w.osUsers[instance+"/"+name] = *u
	}
	w.changedLocked()
}

// settleCommandsLocked carries out what was sent and is due, in the order of
// its time.
func (w *World) settleCommandsLocked() {
	now := w.clock.Now()
	for _, c := range w.commands {
		if c.done || c.stuck || c.ends.After(now) {
			continue
		}
		c.done = true
		for _, id := range c.targets {
			if c.failure == "" {
				c.said[id] = w.keepOSUser(id, c.params)
			}
		}
	}
}

// keepOSUser is what the script does on a machine, and the line that it ends
// with.
func (w *World) keepOSUser(instance string, params map[string]string) string {
	key := instance + "/" + params["user"]
	u, there := w.osUsers[key]
	ours := there && u.Stamp != ""
	switch {
	case params["state"] == "present" && (!there || ours):
		u, there = OSUser{Stamp: params["stamp"]}, true
		w.osUsers[key] = u
	case params["state"] == "locked" && ours:
		u.Locked = true
		w.osUsers[key] = u
		for _, s := range w.shells {
			if s.Target == instance && w.runsAs(s) == params["user"] {
				w.endLocked(s, errTerminated)
			}
		}
	}
	switch {
	case !there:
		return "sesame: absent"
	case u.Stamp == "":
		return "sesame: foreign"
	case u.Locked:
		return "sesame: locked " + u.Stamp
	default:
		return "sesame: present " + u.Stamp
	}
}

// runsAs is the user that a session runs as, by the tag of the role or user who
// started it; empty for that of Session Manager.
func (w *World) runsAs(s *shell) string {
	if o := w.iam.owner(principalOf(s.By)); o != nil {
		return o.tags.now()["ssmsessionrunas"].Value
	}
	return ""
}

func sendCommand(r *request) (doc, error) {
	d, err := r.commandDocument()
	if err != nil {
		return nil, err
	}
	params, err := r.commandParameters(d)
	if err != nil {
		return nil, err
	}
	if (len(r.texts("InstanceIds")) == 0) == (r.in["Targets"] == nil) {
		return nil, refusal("InvalidTarget", "Either InstanceIds or Targets.")
	}
	asked, _ := r.in["Targets"].([]any)
	c := &command{
		id: r.w.uuidLocked(), document: d.Name, by: r.call.Caller, region: r.call.Region, params: params,
		targets: r.commandTargets(), asked: asked, sent: r.now, ends: r.now, said: map[string]string{},
	}
	if params["state"] != "look" {
		c.ends = r.now.Add(commandLatency)
	}
	if f := r.shaping; f != nil {
		switch f.Kind {
		case NeverFinish:
			c.stuck = true
		case FailOperation:
			c.failure = f.Reason
		case Slow:
			c.ends = r.now.Add(f.Delay)
		}
	}
	r.w.commands = append(r.w.commands, c)
	return doc{"Command": c.shown()}, nil
}

func (r *request) commandDocument() (CommandDocument, error) {
	for _, d := range r.w.commandDocuments {
		if d.Account == r.call.Caller.Account && d.Region == r.call.Region && d.Name == r.text("DocumentName") {
			return d, nil
		}
	}
	return CommandDocument{}, refusal("InvalidDocument", "Document %s does not exist.", r.text("DocumentName"))
}

// commandParameters holds the parameters to those of the document.
func (r *request) commandParameters(d CommandDocument) (map[string]string, error) {
	var says struct {
		Parameters map[string]struct {
			Pattern string   `json:"allowedPattern"`
			Values  []string `json:"allowedValues"`
		}
	}
	if err := json.Unmarshal(d.Text, &says); err != nil {
		return nil, refusal("InvalidDocumentContent", "%v", err)
	}
	given, _ := r.in["Parameters"].(doc)
	params := map[string]string{}
	for name, v := range given {
		values, _ := v.([]any)
		if len(values) != 1 {
			return nil, refusal("InvalidParameters", "%s takes one value.", name)
		}
		params[name], _ = values[0].(string)
	}
	for name, p := range says.Parameters {
		value, ok := params[name]
		matched, err := regexp.MatchString(p.Pattern, value)
		if !ok || err != nil || !matched || len(p.Values) > 0 && !slices.Contains(p.Values, value) {
			return nil, refusal("InvalidParameters", "The value of the parameter %s is not allowed.", name)
		}
	}
	if len(params) != len(says.Parameters) {
		return nil, refusal("InvalidParameters", "There are parameters that the document does not have.")
	}
	return params, nil
}

// commandTargets are the machines that Session Manager knows among those that
// the input names.
func (r *request) commandTargets() []string {
	var ids []string
	for _, id := range sortedKeys(r.w.instances) {
		i := r.w.instances[id]
		if !r.sees(i) || i.Ping == "none" || i.State != "" && i.State != running {
			continue
		}
		if slices.Contains(r.texts("InstanceIds"), id) || r.in["Targets"] != nil && r.targeted(i) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (r *request) targeted(i Instance) bool {
	all, _ := r.in["Targets"].([]any)
	for _, v := range all {
		d, _ := v.(doc)
		key, _ := d["Key"].(string)
		values, _ := d["Values"].([]any)
		has := i.ID
		if tag, ok := strings.CutPrefix(key, "tag:"); ok {
			has = i.Tags[tag]
		}
		if !slices.Contains(values, any(has)) {
			return false
		}
	}
	return true
}

func (c *command) status() string {
	switch {
	case !c.done:
		return "InProgress"
	case c.failure != "":
		return "Failed"
	default:
		return "Success"
	}
}

func (c *command) shown() doc {
	params := doc{}
	for name, value := range c.params {
		params[name] = []any{value}
	}
	return doc{
		"CommandId": c.id, "DocumentName": c.document, "Status": c.status(), "StatusDetails": c.status(), "Parameters": params, "Targets": c.asked,
		"RequestedDateTime": float64(c.sent.UnixNano()) / float64(time.Second), "TargetCount": len(c.targets),
	}
}

// sees reports whether a command is of the caller's account and region.
func (r *request) seesCommand(c *command) bool {
	id := r.text("CommandId")
	return c.by.Account == r.call.Caller.Account && c.region == r.call.Region && (id == "" || id == c.id)
}

func listCommands(r *request) (doc, error) {
	r.w.settleCommandsLocked()
	var rows []row
	for n, c := range r.w.commands {
		if r.seesCommand(c) && r.filteredCommand(c) {
			rows = append(rows, row{fmt.Sprintf("%09d", n), c.shown()})
		}
	}
	return r.page("Commands", rows)
}

func (r *request) filteredCommand(c *command) bool {
	filters, _ := r.in["Filters"].([]any)
	for _, v := range filters {
		d, _ := v.(doc)
		has := map[any]string{"DocumentName": c.document, "ExecutionStage": map[bool]string{false: "Executing", true: "Complete"}[c.done]}[d["key"]]
		if has != d["value"] {
			return false
		}
	}
	return true
}

func listCommandInvocations(r *request) (doc, error) {
	r.w.settleCommandsLocked()
	var rows []row
	for n, c := range r.w.commands {
		if !r.seesCommand(c) {
			continue
		}
		for _, id := range c.targets {
			rows = append(rows, row{fmt.Sprintf("%09d/%s", n, id), doc{
				"CommandId": c.id, "InstanceId": id, "Status": c.status(), "StatusDetails": c.status(), "DocumentName": c.document,
			}})
		}
	}
	return r.page("CommandInvocations", rows)
}

func getCommandInvocation(r *request) (doc, error) {
	r.w.settleCommandsLocked()
	for _, c := range r.w.commands {
		if r.seesCommand(c) && slices.Contains(c.targets, r.text("InstanceId")) {
			return doc{
				"CommandId": c.id, "InstanceId": r.text("InstanceId"), "Status": c.status(), "StatusDetails": c.status(), "DocumentName": c.document,
				"StandardOutputContent": c.said[r.text("InstanceId")] + "\n", "StandardErrorContent": c.failure,
			}, nil
		}
	}
	return nil, refusal("InvocationDoesNotExist", "The command ID and instance ID that you specified did not match any invocations.")
}

// aboutCommand is each machine that a command goes to, and its document.
func aboutCommand(r *request) []Resource {
	var all []Resource
	for _, id := range r.commandTargets() {
		all = append(all, Resource{fmt.Sprintf("arn:aws:ec2:%s:%s:instance/%s", r.call.Region, r.call.Caller.Account, id), r.w.instances[id].Tags})
	}
	return append(all, Resource{ARN: fmt.Sprintf("arn:aws:ssm:%s:%s:document/%s", r.call.Region, r.call.Caller.Account, r.text("DocumentName"))})
}
