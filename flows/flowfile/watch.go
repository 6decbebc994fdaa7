package flowfile

import "sesame/flows/access"

// keyWatch says who may see the terminal sessions of a flow.
const keyWatch = "watch"

// watchers returns what reads who may watch.
func (d *draft) watchers(w *needDraft) keys {
	return keys{
		"users":   func(n *node) { w.users = d.texts(n, "users", d.email) },
		"groups":  func(n *node) { d.each(n, "groups", func(n *node) { w.groups = append(w.groups, n) }) },
		"on_call": func(n *node) { w.schedules = d.schedule(n, w.schedules) },
	}
}

// linkWatch follows the names of who may watch.
func (d *draft) linkWatch(f *flowDraft) {
	f.Watch = access.Audience{Groups: d.linkGroups(f.watch.groups, f.watch.schedules), People: f.watch.users}
}
