package main

import (
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// callRules says what the holder of a grant would be refused call by call. An
// explanation has no call to ask the rules about.
func callRules(t access.Target) []string {
	calls, err := flowfile.ParseCalls(t.Params)
	if err != nil {
		return []string{err.Error()}
	}
	all := calls.Presets()
	for _, r := range calls.Rules {
		all = append(all, r.Name+" refuses "+strings.Join(strings.Fields(r.Deny), " "))
	}
	return all
}

// exceptions says what the target lets through that others refuse, and what it
// hands out.
func exceptions(t access.Target) []string {
	calls, err := flowfile.ParseCalls(t.Params)
	if err != nil {
		return nil // said with the rules of calls
	}
	all := calls.Exceptions()
	if flowfile.Vends(t.Params) {
		all = append(all, "hands out credentials of AWS, and calls with them are not recorded by Sesame")
	}
	return all
}
