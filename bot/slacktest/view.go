package slacktest

import (
	"maps"
	"slices"
	"strings"
	"time"

	"sesame/bot/slacktest/blockkit"
)

// A View is a modal or a home tab as one user sees it. Its JSON values must
// not be changed.
type View struct {
	ID, User string
	// Kind is modal or home.
	Kind string
	// Title, Submit and Close are the heading and the labels of the buttons;
	// a view without Submit cannot be submitted.
	Title           string
	Submit, Close   string
	CallbackID      string
	PrivateMetadata string
	Hash            string
	Blocks          []any
	// Values is what the user entered: block id to action id to the value, in
	// the shape in which payloads carry it.
	Values map[string]map[string]any
	// Errors are shown under inputs, by block id, until the next submit.
	Errors map[string]string
	names  *names
}

// Text returns the view as a person reads it, its title first.
func (v View) Text() string {
	text := blockkit.Text(v.Blocks, v.names)
	if v.Title == "" {
		return text
	}
	return v.Title + "\n" + text
}

// A view is a View and what Slack alone knows of it.
type view struct {
	id, user, kind, hash string
	raw                  map[string]any // as the app sent it, with ids filled in
	blocks               []any
	state                state
	errors               map[string]string
	root, previous       string
	closed               bool
	sent                 state // what the last submit carried
}

const maxPushed = 3

// label returns the text of a text object of the view.
func (v *view) label(name string) string {
	obj, _ := v.raw[name].(map[string]any)
	s, _ := obj["text"].(string)
	return s
}

func (v *view) field(name string) string {
	s, _ := v.raw[name].(string)
	return s
}

// fill gives v the content that the app sent.
func (t *team) fill(v *view, raw map[string]any) {
	blocks, _ := raw["blocks"].([]any)
	v.raw = maps.Clone(raw)
	old := v.blocks
	v.blocks = blockkit.IDs(blocks, t.shortID)
	v.state = v.state.kept(old, v.blocks)
	v.errors = nil
	v.kind = v.field("type")
	v.hash = stamp(t.now)[:10] + "." + t.token()[:8]
}

// json is the view as the Web API and payloads print it.
func (t *team) viewJSON(v *view) map[string]any {
	out := map[string]any{
		"id": v.id, "team_id": t.id, "app_id": t.app, "bot_id": t.botID, "app_installed_team_id": t.id,
		"hash": v.hash, "root_view_id": v.root, "previous_view_id": nil, "state": map[string]any{"values": v.state.copied()},
		"private_metadata": "", "callback_id": "", "external_id": "", "clear_on_close": false, "notify_on_close": false,
		"title": nil, "submit": nil, "close": nil,
	}
	maps.Copy(out, v.raw)
	out["blocks"] = v.blocks
	if v.previous != "" {
		out["previous_view_id"] = v.previous
	}
	return out
}

func (t *team) shownView(v *view) View {
	return View{
		ID: v.id, User: v.user, Kind: v.kind, Title: v.label("title"), Submit: v.label("submit"),
		Close: v.label("close"), CallbackID: v.field("callback_id"),
		PrivateMetadata: v.field("private_metadata"), Hash: v.hash, Blocks: v.blocks, Values: v.state.copied(),
		Errors: v.errors, names: t.directory(),
	}
}

// Views returns the modals that a user has open, the topmost last.
func (w *Workspace) Views(user string) []View {
	var open []View
	w.read(func(t *team) {
		for _, v := range t.stacks[user] {
			open = append(open, t.shownView(v))
		}
	})
	return open
}

// Home returns what a user's home tab shows, and whether the app published
// one.
func (w *Workspace) Home(user string) (View, bool) {
	var home View
	var ok bool
	w.read(func(t *team) {
		var v *view
		if v, ok = t.homes[user]; ok {
			home = t.shownView(v)
		}
	})
	return home, ok
}

// A trigger lets the app open a view for a user who just did something.
type trigger struct {
	user string
	view string // where it was done, if in a modal
	at   time.Time
	used bool
}

const triggerLife = 3 * time.Second

func (t *team) newTrigger(user, view string) string {
	id := t.token()
	id = "13" + strings.Map(digit, id[:8]) + "." + strings.Map(digit, id[8:14]) + "." + id[14:]
	t.triggers[id] = &trigger{user: user, view: view, at: t.now}
	return id
}

func digit(r rune) rune { return '0' + r%10 }

// exchange uses up a trigger.
func (t *team) exchange(id string) (*trigger, error) {
	g := t.triggers[id]
	switch {
	case g == nil:
		return nil, refuse("invalid_trigger_id")
	case g.used:
		return nil, refuse("exchanged_trigger_id")
	case t.now.Sub(g.at) > triggerLife:
		return nil, refuse("expired_trigger_id")
	}
	g.used = true
	return g, nil
}

// checkView reads and checks a view of one kind.
func (t *team) checkView(a args, kind string) (map[string]any, error) {
	v, err := a.structure("view")
	if err != nil {
		return nil, err
	}
	return t.validView(v, kind)
}

func (t *team) validView(v any, kind string) (map[string]any, error) {
	if blockkit.Size(v) > blockkit.MaxView {
		return nil, refuse("view_too_large")
	}
	if err := t.refuseBlocks("invalid_arguments", blockkit.View(v, "/view")); err != nil {
		return nil, err
	}
	raw := v.(map[string]any) // or it would not be valid
	if raw["type"] != kind {
		return nil, refuse("invalid_arguments", "must be a "+kind+" [json-pointer:/view/type]")
	}
	return raw, nil
}

// claim refuses an external id that another view has.
func (t *team) claim(raw map[string]any, by *view) error {
	id, _ := raw["external_id"].(string)
	if other := t.external(id); other != nil && other != by {
		return refuse("duplicate_external_id")
	}
	return nil
}

func (t *team) external(id string) *view {
	if id == "" {
		return nil
	}
	for _, v := range t.views {
		if !v.closed && v.field("external_id") == id {
			return v
		}
	}
	return nil
}

// modal takes a modal that is to be shown, and the trigger that allows it.
func (t *team) modal(a args) (raw map[string]any, g *trigger, err error) {
	if raw, err = t.checkView(a, "modal"); err != nil {
		return nil, nil, err
	}
	if err = t.claim(raw, nil); err != nil {
		return nil, nil, err
	}
	g, err = t.exchange(a.str("trigger_id"))
	return raw, g, err
}

func (t *team) openView(a args) (map[string]any, error) {
	raw, g, err := t.modal(a)
	if err != nil {
		return nil, err
	}
	t.clear(g.user)
	return map[string]any{"view": t.viewJSON(t.show(g.user, raw))}, nil
}

func (t *team) pushView(a args) (map[string]any, error) {
	raw, g, err := t.modal(a)
	if err != nil {
		return nil, err
	}
	if v := t.views[g.view]; v == nil || v.closed {
		return nil, refuse("not_found")
	}
	if len(t.stacks[g.user]) >= maxPushed {
		return nil, refuse("push_limit_reached")
	}
	return map[string]any{"view": t.viewJSON(t.show(g.user, raw))}, nil
}

// show puts a new modal on top of what a user has open.
func (t *team) show(user string, raw map[string]any) *view {
	v := &view{id: t.newID("V"), user: user}
	v.root = v.id
	if stack := t.stacks[user]; len(stack) > 0 {
		v.root, v.previous = stack[0].id, stack[len(stack)-1].id
	}
	t.fill(v, raw)
	t.views[v.id] = v
	t.stacks[user] = append(t.stacks[user], v)
	return v
}

// clear closes all modals of a user.
func (t *team) clear(user string) {
	for _, v := range t.stacks[user] {
		v.closed = true
	}
	delete(t.stacks, user)
}

// pop closes one modal.
func (t *team) pop(v *view) {
	v.closed = true
	t.stacks[v.user] = slices.DeleteFunc(slices.Clone(t.stacks[v.user]), func(other *view) bool { return other == v })
}

func (t *team) updateView(a args) (map[string]any, error) {
	id, external := a.str("view_id"), a.str("external_id")
	if (id == "") == (external == "") {
		return nil, refuse("invalid_arguments", "must provide exactly one of view_id, external_id")
	}
	v := t.views[id]
	if external != "" {
		v = t.external(external)
	}
	if v == nil || v.closed {
		return nil, refuse("not_found")
	}
	if hash := a.str("hash"); hash != "" && hash != v.hash {
		return nil, refuse("hash_conflict")
	}
	raw, err := t.checkView(a, v.kind)
	if err != nil {
		return nil, err
	}
	if err := t.claim(raw, v); err != nil {
		return nil, err
	}
	t.fill(v, raw)
	return map[string]any{"view": t.viewJSON(v)}, nil
}

func (t *team) publishView(a args) (map[string]any, error) {
	if t.cfg.NoHomeTab {
		return nil, refuse("not_enabled")
	}
	user := a.str("user_id")
	if u := t.people[user]; u == nil || u.Team != t.id || u.Bot || u.Deleted {
		return nil, refuse("invalid_arguments", "invalid `user_id`")
	}
	raw, err := t.checkView(a, "home")
	if err != nil {
		return nil, err
	}
	v := t.homes[user]
	if hash := a.str("hash"); hash != "" && (v == nil || hash != v.hash) {
		return nil, refuse("hash_conflict")
	}
	if err := t.claim(raw, v); err != nil {
		return nil, err
	}
	if v == nil {
		v = &view{id: t.newID("V"), user: user}
		v.root = v.id
		t.views[v.id], t.homes[user] = v, v
	}
	t.fill(v, raw)
	return map[string]any{"view": t.viewJSON(v)}, nil
}
