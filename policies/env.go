package policies

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"sesame/flows/access"

	"github.com/expr-lang/expr/builtin"
)

// A variable is something that rules read by its name.
type variable struct {
	doc   string
	value func(*Input) any // always of the same type, which is the rule's
	oneOf []string         // the only values there are, if they are few
	// written says how a text is written that the value may be; empty for as it
	// is. Optional.
	written func(text string) string
	// status says whose Slack status it is: a fact, and no value of the request.
	status Role
}

// kind returns the type that rules see it as.
func (v variable) kind() reflect.Type {
	if v.status != "" {
		return stringType
	}
	return reflect.TypeOf(v.value(new(Input{}).inZone()))
}

// The objects whose keys the flow files define.
const (
	tagsPath   = "target.tags"
	fieldsPath = "request.fields"
)

// variables are the names that rules can read, besides tags and fields.
func variables() map[string]variable {
	vars := map[string]variable{
		"target.name":         {doc: "name of the target", value: func(in *Input) any { return in.Request.Target.Name }},
		"target.label":        {doc: "label of the target", value: func(in *Input) any { return in.Request.Target.Label }},
		"target.account":      {doc: "AWS account of the target", value: func(in *Input) any { return in.Request.Target.Params["account"] }},
		"target.strategy":     {doc: "name of the target's strategy", value: func(in *Input) any { return in.Request.Target.Strategy }},
		"request.duration":    {doc: "how long access is asked for", value: func(in *Input) any { return in.Request.Duration }},
		"request.reason":      {doc: "why access is asked for", value: func(in *Input) any { return in.Request.Reason }},
		"request.source":      {doc: "how the request came in", value: func(in *Input) any { return string(in.Request.Source) }, oneOf: sources()},
		"request.break_glass": {doc: "whether this is a break-glass request", value: func(in *Input) any { return in.Request.BreakGlass }},
		"request.incident":    {doc: "the incident that break-glass is used for; empty for other requests", value: func(in *Input) any { return in.Request.Incident }},
		"request.extension":   {doc: "whether a grant is to last longer by the duration, and nothing new is asked for", value: func(in *Input) any { return in.Request.Extends != "" }},
	}
	person(vars, Requester, "who asks", func(in *Input) access.Person { return in.Request.By })
	moments(vars, "now", "now", func(in *Input) time.Time { return in.Now })
	moments(vars, "window.from", "when access would begin", (*Input).begins)
	moments(vars, "window.to", "when access would end", (*Input).ends)
	return vars
}

func sources() []string {
	return []string{string(access.FromCommand), string(access.FromForm), string(access.FromButton), string(access.FromCLI)}
}

// moments adds the variables of a point in time, by the clocks of the flow.
func moments(vars map[string]variable, name, doc string, at func(*Input) time.Time) {
	format := func(layout string) func(*Input) any {
		return func(in *Input) any { return at(in).In(in.Zone).Format(layout) }
	}
	vars[name+".time"] = variable{doc: doc + ": \"18:05\"", value: format("15:04"), written: asTime}
	vars[name+".date"] = variable{doc: doc + ": \"2026-11-20\"", value: format("2006-01-02"), written: asDate}
	vars[name+".weekday"] = variable{
		doc: doc + ": \"Fri\"", value: format("Mon"), oneOf: []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"},
	}
	vars[name+".hour"] = variable{doc: doc + ": 0 to 23", value: func(in *Input) any { return at(in).In(in.Zone).Hour() }}
}

// A slot is a value that a flow's rules read, worked out once per evaluation.
type slot struct {
	key   string
	value func(*Input) any
}

// missing stands in a slot for a value that is not there, and says so.
type missing string

// broken stands in a slot for a value that cannot be used, and says so.
type broken string

var anyType = reflect.TypeFor[any]()

// tag returns the slot value of a tag of the target.
func tag(name string) func(*Input) any {
	return func(in *Input) any {
		v, ok := in.Request.Target.Tags[name]
		if !ok {
			return missing(fmt.Sprintf("target %s has no tag %s", in.Request.Target.Name, name))
		}
		return v
	}
}

// field returns the slot value of a field of the form.
func field(name string, t FieldType) func(*Input) any {
	return func(in *Input) any {
		text, ok := in.Request.Fields[name]
		if !ok {
			return missing(fmt.Sprintf("the field %s was left empty", name))
		}
		v, err := parseField(text, t)
		if err != nil {
			return broken(fmt.Sprintf("the field %s is not of the type %s", name, t))
		}
		return v
	}
}

func parseField(text string, t FieldType) (any, error) {
	switch t {
	case Int:
		return strconv.Atoi(text)
	case Bool:
		return strconv.ParseBool(text)
	default:
		return text, nil
	}
}

// The names of what rewritten rules call; no rule can write them.
const (
	meterKey    = "#meter"
	recorderKey = "#recorder"
	fnText      = "#text"
	fnNumber    = "#number"
	fnTruth     = "#truth"
	fnTexts     = "#texts"
	fnTextOr    = "#text??"
	fnNumOr     = "#number??"
	fnTruthOr   = "#truth??"
	fnMatches   = "#matches"
	fnJoin      = "#join"
	fnLower     = "#lower"
	fnUpper     = "#upper"
	fnStep      = "#step"
	fnProbe     = "#probe"
)

// helpers are the functions that rewritten rules call.
func helpers() map[string]*builtin.Function {
	fns := map[string]*builtin.Function{}
	add := func(name string, t any, f func(...any) (any, error)) {
		fns[name] = &builtin.Function{Name: name, Func: f, Types: []reflect.Type{reflect.TypeOf(t)}}
	}
	add(fnText, (func(any) string)(nil), present)
	add(fnNumber, (func(any) int)(nil), present)
	add(fnTruth, (func(any) bool)(nil), present)
	add(fnTexts, (func(any) []string)(nil), present)
	add(fnTextOr, (func(any, string) string)(nil), orElse)
	add(fnNumOr, (func(any, int) int)(nil), orElse)
	add(fnTruthOr, (func(any, bool) bool)(nil), orElse)
	add(fnMatches, (func(*meter, string, *pattern) bool)(nil), matches)
	add(fnJoin, (func(*meter, string, string) string)(nil), join)
	add(fnLower, (func(*meter, string) string)(nil), metered(strings.ToLower))
	add(fnUpper, (func(*meter, string) string)(nil), metered(strings.ToUpper))
	add(fnStep, (func(*meter, int) bool)(nil), step)
	add(fnProbe, (func(*recorder, int, any) any)(nil), probe)
	return fns
}

// present returns the value of a slot, if it is there.
func present(args ...any) (any, error) {
	switch v := args[0].(type) {
	case missing:
		return nil, errors.New(string(v))
	case broken:
		return nil, errors.New(string(v))
	}
	return args[0], nil
}

// orElse returns the value of a slot if it is there, and else the other.
func orElse(args ...any) (any, error) {
	if _, ok := args[0].(missing); ok {
		return args[1], nil
	}
	return present(args[0])
}
