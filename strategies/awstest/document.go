package awstest

import (
	"context"
	"fmt"
	"net"
	"strings"

	"sesame/proxy/ssm"
	"sesame/strategies/awstest/agent"
)

// The Session documents that every account has.
const (
	shellDocument          = "SSM-SessionManagerRunShell"
	interactiveDocument    = "AWS-StartInteractiveCommand"
	nonInteractiveDocument = "AWS-StartNonInteractiveCommand"
	portDocument           = "AWS-StartPortForwardingSession"
	remotePortDocument     = "AWS-StartPortForwardingSessionToRemoteHost"
	sshDocument            = "AWS-StartSSHSession"
)

const agentVersion = agent.Version

// A SessionDocument says what a session that is started by it is.
type SessionDocument struct {
	Name string
	// Kind is the type of session: ssm.SessionShell and so on.
	Kind string
	// KeyID names the key of KMS with which its sessions are sealed. Optional.
	KeyID string
	// Handshake has a plain shell begin with one; without a key it begins with
	// output.
	Handshake bool
	// Message is shown after the handshake. Optional.
	Message string
}

// AddSessionDocument adds a document to every account, or replaces the one
// with its name.
func (w *World) AddSessionDocument(d SessionDocument) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.documents[d.Name] = d
}

func newDocuments() map[string]SessionDocument {
	all := map[string]SessionDocument{}
	for name, kind := range map[string]string{
		shellDocument: ssm.SessionShell, interactiveDocument: ssm.SessionInteractive, nonInteractiveDocument: ssm.SessionNonInteractive,
		portDocument: ssm.SessionPort, remotePortDocument: ssm.SessionPort, sshDocument: ssm.SessionPort,
	} {
		all[name] = SessionDocument{Name: name, Kind: kind}
	}
	return all
}

// A wish is what the caller wants of a machine, in the agent's terms.
type wish struct {
	target, document, reason string
	options                  agent.Options
}

// wanted reads what the input wants of i.
func (r *request) wanted(i Instance) (wish, error) {
	name := r.text("DocumentName")
	orDefault(&name, shellDocument)
	d, known := r.w.documents[name]
	if !known {
		return wish{}, refusal("InvalidDocument", "Document with name %s does not exist.", name)
	}
	given, err := r.parameters(d)
	if err != nil {
		return wish{}, err
	}
	o := agent.Options{Kind: d.Kind, KeyID: d.KeyID, Handshake: d.Handshake, Message: d.Message}
	toy := agent.Shell{Clock: r.w.clock, Host: hostOf(i.ID), User: "ssm-user", Command: given["command"], Plain: d.Kind == ssm.SessionNonInteractive}
	o.Program = r.w.program(toy)
	if d.Kind == ssm.SessionPort {
		o.KeyID, o.Program = "", nil // ports are never sealed
		o.Dial = dialer(i, given)
		o.Properties = map[string]string{"portNumber": given["portNumber"]}
		if d.Name != sshDocument { // whose stream is that of one connection
			o.Properties["localPortNumber"], o.Properties["type"] = given["localPortNumber"], agent.Forwarding
		}
	}
	return wish{target: i.ID, document: name, reason: r.text("Reason"), options: o}, nil
}

// program is what a session runs for which the toy was made.
func (w *World) program(toy agent.Shell) agent.Program {
	if w.config.Program == nil || toy.Command != "" {
		return toy
	}
	return w.config.Program(toy)
}

// parameters are those of the input: only the ones that d takes, and one value
// of each.
func (r *request) parameters(d SessionDocument) (map[string]string, error) {
	takes := map[string]string{
		ssm.SessionInteractive: "command", ssm.SessionNonInteractive: "command", ssm.SessionPort: "portNumber localPortNumber host",
	}[d.Kind]
	given := map[string]string{}
	in, _ := r.in["Parameters"].(doc)
	for name, v := range in {
		values, _ := v.([]any)
		if !strings.Contains(" "+takes+" ", " "+name+" ") || len(values) != 1 {
			return nil, refusal("InvalidParameters", "Parameter %s is not one of document %s.", name, d.Name)
		}
		given[name], _ = values[0].(string)
	}
	if d.Name == sshDocument {
		port := given["portNumber"]
		orDefault(&port, "22")
		given["portNumber"] = port
	}
	needed := map[string]string{ssm.SessionInteractive: "command", ssm.SessionNonInteractive: "command", ssm.SessionPort: "portNumber"}[d.Kind]
	if needed != "" && given[needed] == "" {
		return nil, refusal("InvalidParameters", "Document %s needs the parameter %s.", d.Name, needed)
	}
	if d.Name == remotePortDocument && given["host"] == "" {
		return nil, refusal("InvalidParameters", "Document %s needs the parameter host.", d.Name)
	}
	return given, nil
}

// dialer leads to what a machine reaches, which is always this computer.
func dialer(i Instance, given map[string]string) func(context.Context) (net.Conn, error) {
	name := given["portNumber"]
	if host := given["host"]; host != "" {
		name = net.JoinHostPort(host, name)
	}
	return func(ctx context.Context) (net.Conn, error) {
		address, known := i.Ports[name]
		host, _, _ := net.SplitHostPort(address)
		if ip := net.ParseIP(host); !known || ip == nil || !ip.IsLoopback() {
			return nil, fmt.Errorf("%s reaches no %s", i.ID, name)
		}
		var d net.Dialer
		return d.DialContext(ctx, "tcp", address)
	}
}

// hostOf is what a machine calls itself.
func hostOf(id string) string { return "ip-" + strings.TrimPrefix(id, "i-") }
