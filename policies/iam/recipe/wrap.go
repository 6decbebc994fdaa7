package recipe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"sesame/policies/iam/lint"
)

// A Form is what a document is wrapped in.
type Form string

// The forms.
const (
	JSON           Form = "json" // the document by itself
	Terraform      Form = "terraform"
	CloudFormation Form = "cloudformation"
)

// A Holder is what a document is the text of.
type Holder string

// The holders.
const (
	Policy  Holder = "policy"   // a customer managed policy
	Role    Holder = "role"     // a role, by its trust policy
	Session Holder = "document" // a Session document
	Command Holder = "command"  // a Command document
)

// A wrapper is how a form calls a holder and its members.
type wrapper struct {
	terraform, text      string
	cloud, name, content string
	more                 map[string]member // by their names in Terraform
}

// A member is one whose value is always the same.
type member struct{ value, cloud string }

var wrappers = map[Holder]wrapper{
	Policy: {terraform: "aws_iam_policy", text: "policy", cloud: "AWS::IAM::ManagedPolicy", name: "ManagedPolicyName", content: "PolicyDocument"},
	Role:   {terraform: "aws_iam_role", text: "assume_role_policy", cloud: "AWS::IAM::Role", name: "RoleName", content: "AssumeRolePolicyDocument"},
	Session: {
		terraform: "aws_ssm_document", text: "content", cloud: "AWS::SSM::Document", name: "Name", content: "Content",
		more: map[string]member{"document_type": {"Session", "DocumentType"}, "document_format": {"JSON", "DocumentFormat"}},
	},
	Command: {
		terraform: "aws_ssm_document", text: "content", cloud: "AWS::SSM::Document", name: "Name", content: "Content",
		more: map[string]member{"document_type": {"Command", "DocumentType"}, "document_format": {"JSON", "DocumentFormat"}},
	},
}

// Names of policies and roles ("IAM and AWS STS quotas"), and of documents
// ("CreateDocument" in the API reference of Systems Manager).
const (
	maxName         = 128
	maxRoleName     = 64
	minDocumentName = 3
	documentLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	nameLetters     = documentLetters + "+=,@"
)

// checkHolderName refuses what a holder cannot be called, in AWS or in a form,
// where some letter is needed to begin with.
func checkHolderName(holder Holder, name string) error {
	least, most, letters, also := 1, maxName, nameLetters, "+=,.@_-"
	switch holder {
	case Role:
		most = maxRoleName
	case Session, Command:
		least, letters, also = minDocumentName, documentLetters, "._-"
	}
	if !within(name, least, most, letters) || identifier(name) == "" {
		return fmt.Errorf("%q is no name of a %s: write %d to %d letters, digits and any of %s, and at least one letter", name, holder, least, most, also)
	}
	return nil
}

// Wrap returns a document in a form. name is what the holder is called in AWS.
func Wrap(form Form, holder Holder, name string, document []byte) ([]byte, error) {
	w, ok := wrappers[holder]
	if form == JSON {
		return document, nil
	}
	if err := checkHolderName(holder, name); err != nil {
		return nil, err
	}
	size, most := lint.Size(document, "managed")
	switch {
	case !ok:
		return nil, fmt.Errorf("nothing called %q has a document", holder)
	case holder == Policy && size > most:
		return nil, fmt.Errorf("the policy has %d characters, and the customer managed policy that %s would make of it may have %d: write it as %s, for where there is room", size, form, most, JSON)
	case form == Terraform:
		return w.asTerraform(name, document), nil
	case form == CloudFormation:
		return w.asCloudFormation(name, document)
	}
	return nil, fmt.Errorf("there is no form %q: it is one of %s, %s, %s", form, JSON, Terraform, CloudFormation)
}

// asTerraform writes the document between marks, in which Terraform would
// replace ${…} and %{…} if they were not doubled.
func (w wrapper) asTerraform(name string, document []byte) []byte {
	text := strings.NewReplacer("${", "$${", "%{", "%%{").Replace(strings.TrimRight(string(document), "\n"))
	var b bytes.Buffer
	fmt.Fprintf(&b, "resource %q %q {\n", w.terraform, strings.ToLower(identifier(name)))
	line := func(key, value string) { fmt.Fprintf(&b, "  %-*s = %s\n", w.width(), key, value) }
	line("name", strconv.Quote(name))
	for _, key := range slices.Sorted(maps.Keys(w.more)) {
		line(key, strconv.Quote(w.more[key].value))
	}
	line(w.text, "<<-JSON")
	for part := range strings.Lines(text) {
		b.WriteString("    " + part)
	}
	b.WriteString("\n  JSON\n}\n")
	return b.Bytes()
}

// width is that of the longest name, so that the values stand in a column.
func (w wrapper) width() int {
	width := max(len("name"), len(w.text))
	for key := range w.more {
		width = max(width, len(key))
	}
	return width
}

func (w wrapper) asCloudFormation(name string, document []byte) ([]byte, error) {
	properties := map[string]any{w.name: name, w.content: json.RawMessage(document)}
	for _, m := range w.more {
		properties[m.cloud] = m.value
	}
	return encode(map[string]any{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Resources": map[string]any{
			strings.ReplaceAll(identifier(name), "_", ""): map[string]any{"Type": w.cloud, "Properties": properties},
		},
	})
}

// identifier returns name as Terraform writes identifiers: what is neither a
// letter nor a digit becomes _, and it begins with a letter.
func identifier(name string) string {
	ascii := strings.Map(func(r rune) rune {
		if strings.ContainsRune("+=,.@-", r) {
			return '_'
		}
		return r
	}, name)
	return strings.TrimLeft(ascii, "_0123456789")
}
