package proxy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"sesame/flows/flowfile"
	"sesame/proxy/record"
)

// localhost is where a port session leads that names no host: to the target
// itself.
const localhost = "localhost"

// sshPort is where SSH listens unless a session says otherwise.
const sshPort = "22"

// A document is one of AWS's whose parameters are known.
type document struct {
	kind   record.Kind
	params []string
}

// documents are those of AWS. What is recorded of a Shell or a Command is all
// of it, and they need not be listed.
func documents() map[string]document {
	return map[string]document{
		flowfile.DocumentShell:      {record.Shell, nil},
		flowfile.DocumentCommand:    {record.Command, []string{"command"}},
		flowfile.DocumentCommandRaw: {record.Command, []string{"command"}},
		flowfile.DocumentPort:       {record.Port, []string{"portNumber", "localPortNumber"}},
		flowfile.DocumentRemote:     {record.Port, []string{"host", "portNumber", "localPortNumber"}},
		flowfile.DocumentSSH:        {record.SSH, []string{"portNumber"}},
	}
}

// sessions holds sessions to what can be recorded and ended: those of the
// target's own role.
func (j *judge) sessions(c *call) *refusal {
	if c.opens() != 0 && len(c.key.Roles) > 0 {
		return deny(denied, "session", "Sesame records sessions that the role of %s starts, and this key went on as another: start the session with a key from before.", c.grant.Target)
	}
	return j.documents(c)
}

// documents holds sessions to the documents that are listed, and those that
// lead somewhere to where they may. Without a list there are those that are
// recorded whole.
func (j *judge) documents(c *call) *refusal {
	if c.found.Service != "ssm" || c.found.Operation != "StartSession" {
		return nil
	}
	if !c.read {
		return deny(denied, "calls.documents", "Sesame does not see which document this session is to use: use an unchanged SDK or the AWS CLI.")
	}
	w, err := readDocument(c.params, c.body)
	if err != nil {
		return deny(denied, "calls.documents", "Sesame cannot read what this session is to do: %v; use an unchanged SDK or the AWS CLI.", err)
	}
	allowed := j.Documents
	if len(allowed) == 0 {
		allowed = []string{flowfile.DocumentShell, flowfile.DocumentCommand, flowfile.DocumentCommandRaw}
	}
	if !slices.Contains(allowed, w.document) {
		return deny(denied, "calls.documents", "Sessions of %s do not use the document %.80q: use %s.", c.grant.Target, w.document, strings.Join(allowed, " or "))
	}
	return j.leads(c, w)
}

// leads holds a session to where it may lead.
func (j *judge) leads(c *call, w wanted) *refusal {
	place := w.place()
	switch {
	case w.kind != record.Port && w.kind != record.SSH:
		return nil
	case len(w.unknown) > 0:
		return deny(denied, "calls.documents", "Sesame does not know what the parameter %.80q of %s does: leave it out.", w.unknown[0], w.document)
	case !ofAWS(w.document):
		return nil
	case w.port == "" || w.document == flowfile.DocumentRemote && w.host == "":
		return deny(denied, "calls.forward", "This session does not say where it leads: name its %s.", strings.Join(documents()[w.document].params[:1], ""))
	case w.kind == record.SSH && w.port == sshPort:
		return nil // which is what listing the document says
	case !j.forwards(place):
		return deny(denied, "calls.forward", "Sessions of %s do not lead to %.200s: use %s.", c.grant.Target, place, j.places())
	}
	return nil
}

// ofAWS reports whether a document is one of AWS's that are known.
func ofAWS(document string) bool {
	_, known := documents()[document]
	return known
}

func (j *judge) forwards(place string) bool {
	_, hit := j.forward.match(place)
	return hit
}

func (j *judge) places() string {
	if len(j.Forward) == 0 {
		return "a shell, or ask for another target"
	}
	return strings.Join(j.Forward, " or ")
}

// readDocument reads which document a session uses, and where it leads. The
// names of parameters are matched as they are written, as Session Manager
// does; what comes twice is refused.
func readDocument(params map[string][]string, body []byte) (wanted, error) {
	w := wanted{target: only(params["Target"]), document: flowfile.DocumentShell, kind: record.Shell}
	if given := params["DocumentName"]; len(given) > 0 {
		w.document = given[0]
	}
	var in map[string]json.RawMessage // a struct would take names in any case
	if err := json.Unmarshal(body, &in); err != nil {
		return w, errors.New("its body is no JSON")
	}
	given, err := textLists(in["Parameters"])
	if err != nil {
		return w, err
	}
	known, listed := documents()[w.document]
	if !listed && !flowfile.Forwards(w.document) {
		return w, nil
	}
	if !listed {
		known = document{record.Port, []string{"localPortNumber"}} // where it leads is written in it
	}
	w.kind = known.kind
	for name := range given {
		if !slices.Contains(known.params, name) {
			w.unknown = append(w.unknown, name)
		}
	}
	slices.Sort(w.unknown)
	w.host, w.port = strings.ToLower(only(given["host"])), only(given["portNumber"])
	if w.kind == record.SSH && len(given["portNumber"]) == 0 {
		w.port = sshPort
	}
	return w, nil
}

// textLists reads an object of lists of texts, in which no name comes twice.
func textLists(text []byte) (map[string][]string, error) {
	all := map[string][]string{}
	if len(text) == 0 || string(text) == "null" {
		return all, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("its parameters are no object")
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, errors.New("its parameters are no JSON")
		}
		name, _ := key.(string)
		var values []string
		if err := d.Decode(&values); err != nil {
			return nil, fmt.Errorf("its parameter %.80q is no list of texts", name)
		}
		if _, twice := all[name]; twice {
			return nil, fmt.Errorf("its parameter %.80q comes twice", name)
		}
		all[name] = values
	}
	if _, err := d.Token(); err != nil {
		return nil, errors.New("its parameters are no JSON")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("its parameters are no JSON")
	}
	return all, nil
}
