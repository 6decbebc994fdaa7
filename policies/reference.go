package policies

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// A Name is something that rules can write, with what it means.
type Name struct {
	Name string
	Type string // of what it stands for
	Doc  string
	// OneOf are the only values there are, if they are few.
	OneOf []string
}

// Variables returns what rules can read, sorted by name.
func Variables() []Name {
	vars := variables()
	all := []Name{
		{Name: fieldsPath + ".NAME", Type: "text, number or true and false", Doc: "a field of the form; with ?? when it may be left empty"},
		{Name: tagsPath + ".NAME", Type: "text", Doc: "a tag of the target; with ?? when a target of the flow lacks it"},
	}
	approvers := map[string]variable{}
	approver(approvers)
	for name, v := range approvers {
		v.doc += "; in approve_when only"
		vars[name] = v
	}
	for _, who := range []Role{Requester, Approver} {
		all = append(all, Name{Name: string(who) + ".groups", Type: "list of text", Doc: fmt.Sprintf(`"engineering" in %s.groups says the same as in_group("engineering", %s)`, who, who)})
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		v := vars[name]
		all = append(all, Name{name, typeName(v.kind()), v.doc, v.oneOf})
	}
	slices.SortFunc(all, func(a, b Name) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// typeName says in the words of rules what Go says in its own.
func typeName(t reflect.Type) string {
	switch t {
	case stringType:
		return typeText
	case boolType:
		return typeTruth
	case reflect.TypeFor[int]():
		return typeNumber
	}
	return plain(t.String())
}

// Functions returns what rules can call, sorted by name. The Doc begins with
// an example where that says more than words.
func Functions() []Name {
	calls := forms()
	var all []Name
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		all = append(all, Name{Name: name, Doc: calls[name].doc})
	}
	return all
}

// Operators returns what rules can put between values.
func Operators() []Name {
	return []Name{
		{Name: "and or not", Doc: "also written && || !"},
		{Name: "== !=", Doc: "equal or not, of the same type"},
		{Name: "< <= > >=", Doc: "of numbers, texts and durations"},
		{Name: "+ - * / %", Doc: "of numbers; + joins texts"},
		{Name: "in", Doc: `target.tags.env in ["prod", "live"]; "env" in target.tags asks whether the tag is there`},
		{Name: "contains startsWith endsWith", Doc: "of texts"},
		{Name: "matches", Doc: `request.fields.ticket matches "^INC-[0-9]+$": the pattern is written out, and its cost is bounded`},
		{Name: "??", Doc: `target.tags.env ?? "none": what to take when a tag or a field is not there`},
		{Name: "? :", Doc: "one value or another"},
	}
}
