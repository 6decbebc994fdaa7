package policies

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"sesame/flows/access"

	"github.com/expr-lang/expr/ast"
)

// FactHistory is what was asked for and granted before.
const FactHistory FactKind = "history"

// Asked is the target that is asked for, as what a fact is about.
const Asked Role = "target"

// maxHistory bounds how far back rules look.
const maxHistory = 90 * 24 * time.Hour

// The things that are counted.
const (
	countRequests = "requests"
	countGrants   = "grants"
	countMinutes  = "minutes"
	countGlass    = "break_glass"
	countAuto     = "automatic"
	lastOutcome   = "last_outcome"
)

// A Past is one earlier request.
type Past struct {
	By         access.PersonID
	Target     string
	At         time.Time           // when it was asked
	Outcome    access.RequestState // Pending while it waits
	Duration   time.Duration       // that was granted, when it was approved
	BreakGlass bool
	// Flow is whose target it was, and Auto says that a route of it approved.
	Flow string
	Auto bool
}

// historyForms are the calls that ask about earlier requests.
func historyForms() map[string]form {
	f := map[string]form{}
	for name, doc := range map[string]string{
		countRequests: "how many requests", countGrants: "how many approved requests",
		countMinutes: "for how many minutes access was granted", countGlass: "how many break-glass requests",
		countAuto: "how many requests that this flow approved by itself",
	} {
		f["history."+name] = form{
			fmt.Sprintf(`history.%s("24h", requester): %s there were in that time before now, by the requester or for the target`, name, doc), 2,
			func(w *rewriter, n ast.Node, args []ast.Node) ast.Node { return w.counted(n, name, args) },
		}
	}
	f["history."+lastOutcome] = form{
		`history.last_outcome(requester): how the latest request by the requester or for the target ended in the last 90 days: "approved", "denied", "withdrawn", "lapsed", or "none"`, 1,
		func(w *rewriter, n ast.Node, args []ast.Node) ast.Node { return w.historic(n, lastOutcome, args[0]) },
	}
	return f
}

// counted rewrites history.grants("24h", requester).
func (w *rewriter) counted(n ast.Node, what string, args []ast.Node) ast.Node {
	text, ok := w.text(args[0], "the time to look back")
	if !ok {
		return n
	}
	window, err := ParseDuration(text)
	if err != nil || window <= 0 || window > maxHistory {
		return w.refuse(args[0], fmt.Sprintf("%q is not a time of at most %s", text, shortDuration(maxHistory)), `write it as "24h"`)
	}
	name := what + " " + shortDuration(window)
	if what == countAuto {
		name += " " + w.spec.Flow
	}
	return w.historic(n, name, args[1])
}

// historic returns the value of a fact of history.
func (w *rewriter) historic(n ast.Node, what string, about ast.Node) ast.Node {
	who := path(about)
	if len(who) != 1 || who[0] != string(Requester) && who[0] != string(Asked) {
		return w.refuse(about, "history is that of the requester or the target", "history.grants(\"24h\", requester)")
	}
	f := Fact{FactHistory, what, Role(who[0])}
	helper, t := fnNumber, reflect.TypeFor[int]()
	if what == lastOutcome {
		helper, t = fnText, stringType
	}
	key := w.fact(f, t, asked(f)+" is not known")
	return w.helper(n, helper, &ast.IdentifierNode{Value: key})
}

// asked returns a fact of history as rules ask for it.
func asked(f Fact) string {
	what, window, _ := strings.Cut(f.Name, " ")
	if window == "" {
		return fmt.Sprintf("history.%s(%s)", what, f.About)
	}
	window, _, _ = strings.Cut(window, " ")
	return fmt.Sprintf("history.%s(%q, %s)", what, window, f.About)
}

// Window returns how far back a fact of history looks.
func (f Fact) Window() (time.Duration, error) {
	words := strings.Fields(f.Name)
	if len(words) < 2 {
		return maxHistory, nil
	}
	window, err := ParseDuration(words[1])
	if err != nil {
		return 0, fmt.Errorf("fact %s: %w", f, err)
	}
	return window, nil
}

// In returns the value of a fact of history, given everything that was asked
// within its window, or more: by whom, for which target, as of now.
func (f Fact) In(past []Past, by access.PersonID, target string, now time.Time) (any, error) {
	window, err := f.Window()
	if err != nil {
		return nil, err
	}
	mine := slices.DeleteFunc(slices.Clone(past), func(p Past) bool {
		other := f.About == Requester && p.By != by || f.About == Asked && p.Target != target
		return other || p.At.After(now) || now.Sub(p.At) >= window
	})
	what, rest, _ := strings.Cut(f.Name, " ")
	if what == countAuto {
		_, flow, _ := strings.Cut(rest, " ")
		return len(automatic(mine, flow)), nil
	}
	return tally(what, mine)
}

// automatic returns what a flow approved by itself.
func automatic(past []Past, flow string) []Past {
	return slices.DeleteFunc(past, func(p Past) bool { return !p.Auto || p.Flow != flow })
}

func tally(what string, past []Past) (any, error) {
	granted := slices.DeleteFunc(slices.Clone(past), func(p Past) bool { return p.Outcome != access.Approved })
	switch what {
	case countRequests:
		return len(past), nil
	case countGrants:
		return len(granted), nil
	case countMinutes:
		minutes := 0
		for _, p := range granted {
			minutes += int(p.Duration / time.Minute)
		}
		return minutes, nil
	case countGlass:
		return len(slices.DeleteFunc(slices.Clone(past), func(p Past) bool { return !p.BreakGlass })), nil
	case lastOutcome:
		return latest(past), nil
	}
	return nil, fmt.Errorf("unknown history %q", what)
}

// outcomes are what history.last_outcome may be.
func outcomes() []string {
	return []string{string(access.Approved), string(access.Denied), string(access.Withdrawn), string(access.Lapsed), noOutcome}
}

// noOutcome stands for nothing that ended.
const noOutcome = "none"

// latest returns how the latest request that ended did.
func latest(past []Past) string {
	last := Past{Outcome: noOutcome}
	for _, p := range past {
		if p.Outcome != access.Pending && !p.At.Before(last.At) {
			last = p
		}
	}
	return string(last.Outcome)
}
