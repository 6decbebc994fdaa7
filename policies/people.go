package policies

import (
	"fmt"
	"slices"
	"strings"

	"sesame/flows/access"

	"github.com/expr-lang/expr/ast"
)

// FactStatus is the status text that somebody shows in Slack.
const FactStatus FactKind = "status"

// slackStatus is the name of the only kind of status there is.
const slackStatus = "slack"

// glassName is the variable that tells broken glass.
const glassName = "request.break_glass"

// person adds the variables of somebody.
func person(vars map[string]variable, who Role, doc string, get func(*Input) access.Person) {
	text := func(of func(access.Person) string) func(*Input) any {
		return func(in *Input) any { return of(get(in)) }
	}
	name := string(who)
	vars[name+".id"] = variable{doc: doc + ", as Sesame knows them", value: text(func(p access.Person) string { return string(p.ID) })}
	vars[name+".email"] = variable{doc: "e-mail address of " + doc + ", in small letters", value: text(func(p access.Person) string { return p.Email }), written: asEmail}
	vars[name+".name"] = variable{doc: "name of " + doc, value: text(func(p access.Person) string { return p.Name })}
	vars[name+".timezone"] = variable{doc: "IANA time zone of " + doc, value: text(func(p access.Person) string { return p.Zone })}
	vars[name+".slack_status"] = variable{doc: "what " + doc + " shows as their status in Slack; empty for nothing", status: who}
}

// approver adds the variables of who would approve.
func approver(vars map[string]variable) {
	person(vars, Approver, "who would approve", func(in *Input) access.Person { return in.approver })
}

// member returns the question whether a person is in a group.
func (w *rewriter) member(n ast.Node, call, group string, who ast.Node) ast.Node {
	names := path(who)
	switch {
	case len(names) == 1 && slices.Contains(w.people, Role(names[0])):
	case len(names) == 1 && names[0] == string(Approver):
		return w.noApprover(who)
	default:
		return w.refuse(who, call+" asks about a person", call+`("`+group+`", requester)`)
	}
	f := Fact{FactGroup, group, Role(names[0])}
	if f.About == Requester && !w.denied {
		w.admits = append(w.admits, f)
	}
	return w.helper(n, fnTruth, &ast.IdentifierNode{Value: w.need(f)})
}

// noApprover refuses to speak of an approver where there is none yet.
func (w *rewriter) noApprover(n ast.Node) ast.Node {
	return w.refuse(n, "only approve_when knows the approver: everything else is evaluated before there is one", "")
}

// groupsOf returns whose groups a name such as requester.groups stands for.
func groupsOf(object string) (Role, bool) {
	who, ok := strings.CutSuffix(object, ".groups")
	return Role(who), ok && (who == string(Requester) || who == string(Approver))
}

// inGroups rewrites "engineering" in requester.groups.
func (w *rewriter) inGroups(n *ast.BinaryNode, who Role) ast.Node {
	return w.inGroup(n, []ast.Node{n.Left, put(n.Right, &ast.IdentifierNode{Value: string(who)})})
}

// status returns the key of somebody's status.
func (w *rewriter) status(who Role) string {
	return w.fact(Fact{FactStatus, slackStatus, who}, stringType, fmt.Sprintf("the Slack status of the %s is not known", who))
}
