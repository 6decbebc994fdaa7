package proxy

import (
	_ "embed"
	"regexp"
	"slices"
	"sync"
)

//go:embed presets.txt
var presetsText string

// presets are the operations that the list has, with the preset that each is of.
var presets = sync.OnceValue(func() map[string]string { return underHeads(presetsText) })

// The presets as flow files, the list and the record write them.
const (
	readOnly  = "read_only"
	noDelete  = "no_delete"
	byWord    = noDelete + ", by what it is told"
	noSecrets = "no_secrets"
)

// The names of what deletes: they begin with the word, or have it somewhere as a
// noun or a verb. What has it to keep something from being deleted does not.
var (
	deletes = regexp.MustCompile(`^(?:Batch|Bulk|Admin)?(?:Delete|Deregister|Destroy|Purge|Release|Terminate)(?:[A-Z]|$)|(?:Delete|Deletion)(?:[A-Z]|$)`)
	keeps   = regexp.MustCompile(`^Cancel|(?:Delete|Deletion)Protection`)
)

// preset asks the presets of the target. The holder's own sessions may be ended.
func (j *judge) preset(c *call, names []string, own bool) *refusal {
	target := c.grant.Target
	switch {
	case j.ReadOnly && c.writes():
		return deny(denied, "calls."+readOnly, "%s may change something, and %s is read-only: ask for another target.", names[0], target)
	case j.NoDelete && !own && c.mayDelete(names):
		return deny(denied, "calls."+noDelete, "%s may delete something, which is refused on %s: ask for another target.", names[0], target)
	case j.NoSecrets && (c.found.Known == nil || isSecret(names)):
		return deny(denied, "calls."+noSecrets, "%s may show a secret, which is refused on %s: ask for another target.", names[0], target)
	}
	return nil
}

// mayDelete reports whether the call may delete something. What is not known may;
// what does so by what it is told does where the word stands in what it is told,
// or that cannot be seen.
func (c *call) mayDelete(names []string) bool {
	if !c.writes() {
		return false
	}
	preset := presets()[names[0]]
	if c.found.Known == nil || preset == noDelete || isDeletion(c.found.Known.Name) {
		return true
	}
	return preset == byWord && c.found.MayHold(&c.request, c.whole(), "delete", "drop", "truncate")
}

func isDeletion(operation string) bool {
	return deletes.MatchString(operation) && !keeps.MatchString(operation)
}

// isSecret reports whether an operation is one whose answer is a secret.
func isSecret(names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return presets()[n] == noSecrets })
}
