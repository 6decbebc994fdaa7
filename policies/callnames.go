package policies

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
)

// actionName is the variable that stands for each action in turn.
const actionName = "call.action"

// The objects whose keys are the parameters of calls.
const (
	paramsPath = "call.params"
	valuesPath = "call.values"
)

// callVariables are the names that rules of calls can read, besides tags and
// parameters.
func callVariables() map[string]variable {
	vars := variables()
	maps.DeleteFunc(vars, func(name string, v variable) bool {
		first, _, _ := strings.Cut(name, ".")
		return v.status != "" || !slices.Contains([]string{"target", "requester", "now"}, first)
	})
	text := func(doc string, get func(*Call) string) variable {
		return variable{doc: doc, value: func(in *Input) any { return get(in.calling()) }}
	}
	vars["call.service"] = text(`service, as the AWS CLI calls it: "s3"`, func(c *Call) string { return c.Service })
	vars["call.operation"] = text(`operation: "PutObject"; "unknown" for what Sesame does not know`, func(c *Call) string { return c.Operation })
	vars["call.region"] = text(`region that the call is signed for: "us-east-1"`, func(c *Call) string { return c.Region })
	vars["call.source_ip"] = text(`address that the call comes from: "192.0.2.7"`, func(c *Call) string { return c.SourceIP })
	level := text("what the call does, by what AWS says of its actions", func(c *Call) string { return c.Level })
	level.oneOf = []string{"list", "read", "write", "tagging", "permissions"}
	action := text(`IAM action: "s3:PutObject"; of a call that needs several, each is asked about`, func(c *Call) string { return c.action })
	action.written = asAction
	vars["call.level"], vars[actionName] = level, action
	vars["grant.id"] = text("id of the grant", func(c *Call) string { return string(c.Grant) })
	vars["grant.target"] = variable{doc: "name of the target that the grant is on", value: func(in *Input) any { return in.Request.Target.Name }}
	vars["grant.left"] = variable{doc: "how long the grant lasts yet, to the second", value: func(in *Input) any { return in.calling().Ends.Sub(in.Now).Round(time.Second) }}
	moments(vars, "grant.ends", "when the grant ends", func(in *Input) time.Time { return in.calling().Ends })
	return vars
}

// calling is the call that is asked about.
func (in *Input) calling() *Call {
	if in.call == nil {
		return new(Call)
	}
	return in.call
}

var actionWritten = regexp.MustCompile(`^[a-z0-9-]+:[A-Z][A-Za-z0-9]*$`)

// asAction is asTime for an IAM action.
func asAction(text string) string {
	if actionWritten.MatchString(text) {
		return ""
	}
	return "s3:GetObject"
}

// callForms are the calls that rules of calls can write: those that need
// nothing to be looked up.
func callForms() map[string]form {
	all := forms()
	maps.DeleteFunc(all, func(name string, _ form) bool {
		return name == "in_group" || name == "on_call" || name == "window.overlaps" || strings.HasPrefix(name, "history.")
	})
	return all
}

// CallVariables returns what rules of calls can read, sorted by name.
func CallVariables() []Name {
	all := []Name{
		{Name: tagsPath + ".NAME", Type: "text", Doc: "a tag of the target; with ?? when a target lacks it"},
		{Name: paramsPath + `["NAME"]`, Type: "text", Doc: `a parameter that names what the call is about: call.params["Bucket"] ?? ""; an error where it has several values, or was not read`},
		{Name: valuesPath + `["NAME"]`, Type: "list of text", Doc: `all values of such a parameter: "i-0123" in call.values["InstanceIds"]`},
	}
	vars := callVariables()
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		v := vars[name]
		all = append(all, Name{name, typeName(v.kind()), v.doc, v.oneOf})
	}
	slices.SortFunc(all, func(a, b Name) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// CallFunctions returns what rules of calls can call, sorted by name.
func CallFunctions() []Name {
	calls := callForms()
	return slices.DeleteFunc(Functions(), func(n Name) bool { _, ok := calls[n.Name]; return !ok })
}

// readParam is readKey for the parameters of calls.
func (w *rewriter) readParam(n ast.Node, object, key string, or ast.Node) ast.Node {
	name := object + "." + key
	slot := &ast.IdentifierNode{Value: name}
	switch {
	case object == paramsPath && or != nil:
		w.slot(name, anyType, param(key))
		return w.helper(n, fnTextOr, slot, or)
	case object == paramsPath:
		w.slot(name, anyType, param(key))
		w.optional = append(w.optional, optionalReading{name, at(n), "a call may have no parameter " + key, `""`})
		return w.helper(n, fnText, slot)
	case object == valuesPath && or == nil:
		// Going through all the values that there can be costs this much.
		w.nodes += 50
		w.slot(name, anyType, params(key))
		return w.helper(n, fnTexts, slot)
	}
	return nil
}

// hasParam rewrites `"Bucket" in call.params`.
func (w *rewriter) hasParam(n *ast.BinaryNode, object, key string) ast.Node {
	if object != paramsPath && object != valuesPath {
		return w.refuse(n.Right, "nothing can be looked for in "+object, "in works with target.tags, call.params and lists")
	}
	if w.asked == nil {
		w.asked = map[string]bool{}
	}
	w.asked[paramsPath+"."+key] = true
	name := key + " in " + paramsPath
	w.slot(name, anyType, given(key))
	return w.helper(n, fnTruth, &ast.IdentifierNode{Value: name})
}

// asking is what the keys besides tags are called.
func (w *rewriter) asking() string {
	if w.calls {
		return "a parameter"
	}
	return "a field"
}

// objects are the names whose keys are read one by one.
func (w *rewriter) objects() []string {
	if w.calls {
		return []string{tagsPath, paramsPath, valuesPath}
	}
	return []string{tagsPath, fieldsPath}
}

// noForm refuses to call what is no function, or none here.
func (w *rewriter) noForm(n ast.Node, name string) ast.Node {
	if _, elsewhere := forms()[name]; elsewhere && w.calls {
		return w.refuse(n, name+" is not asked about each call, since that would have to be looked up", "ask it in who, guardrails and routes, before there is a grant")
	}
	return w.refuse(n, "unknown function "+name, hint(name, maps.Keys(w.forms)))
}

// firsts are the words that names begin with.
func (w *rewriter) firsts() []string {
	all := map[string]bool{}
	for name := range w.vars {
		first, _, _ := strings.Cut(name, ".")
		all[first] = true
	}
	return slices.Sorted(maps.Keys(all))
}
