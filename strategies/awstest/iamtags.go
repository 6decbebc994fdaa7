package awstest

import (
	"maps"
	"strings"
	"time"
)

// A Tag is a tag of an IAM user or role. Keys that differ in case only are one key.
type Tag struct {
	Key, Value string
	By         Caller // who wrote it; the zero Caller wrote it by hand
}

func tagRows(tags map[string]Tag) []row {
	var rows []row
	for key, t := range tags {
		rows = append(rows, row{key, doc{"Key": t.Key, "Value": t.Value}})
	}
	return rows
}

func listTags(r *request) (doc, error) {
	o, err := r.owner()
	if err != nil {
		return nil, err
	}
	return r.iamPage("Tags", tagRows(o.tags.at(r.asRead())))
}

// tagOwner writes all tags or none. A tag that there is, in whatever case, is
// replaced.
func tagOwner(r *request) (doc, error) {
	o, err := r.owner()
	if err != nil {
		return nil, err
	}
	asked, _ := r.in["Tags"].([]any)
	tags, given := maps.Clone(o.tags.now()), map[string]bool{}
	if tags == nil {
		tags = map[string]Tag{}
	}
	for _, v := range asked {
		d, _ := v.(doc)
		key, _ := d["Key"].(string)
		value, _ := d["Value"].(string)
		lower := strings.ToLower(key)
		switch {
		case strings.HasPrefix(lower, "aws:"):
			return nil, refusal("InvalidInput", "Tag keys may not begin with aws:.")
		case given[lower]:
			return nil, refusal("InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.")
		}
		given[lower] = true
		tags[lower] = Tag{key, value, r.call.Caller}
	}
	if len(tags) > maxTags {
		return nil, limitExceeded("The number of tags has reached the maximum limit: %d", maxTags)
	}
	o.tags.set(r.now, tags)
	return nil, nil
}

// untagOwner succeeds for tags that are not there.
func untagOwner(r *request) (doc, error) {
	o, err := r.owner()
	if err != nil {
		return nil, err
	}
	keys, _ := r.in["TagKeys"].([]any)
	tags := maps.Clone(o.tags.now())
	for _, v := range keys {
		key, _ := v.(string)
		delete(tags, strings.ToLower(key))
	}
	o.tags.set(r.now, tags)
	return nil, nil
}

// AddIAMUser creates an IAM user, unless there is one of that name.
func (w *World) AddIAMUser(account, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := entityOf(account, name)
	if _, ok := w.iam.users[at]; !ok {
		w.iam.users[at] = &iamUser{name: name, id: "AIDA" + randomID(), created: w.clock.Now()}
		w.changedLocked()
	}
}

// RemoveIAMUser deletes an IAM user, with its tags and memberships.
func (w *World) RemoveIAMUser(account, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.iam.users, entityOf(account, name))
	for at, g := range w.iam.groups {
		if at.account == account && g.members.now()[strings.ToLower(name)] {
			g.put(w.clock.Now(), strings.ToLower(name), false)
		}
	}
	w.changedLocked()
}

// AddIAMGroup creates an IAM group, unless there is one of that name.
func (w *World) AddIAMGroup(account, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := entityOf(account, name)
	if _, ok := w.iam.groups[at]; !ok {
		w.iam.groups[at] = &iamGroup{name: name, id: "AGPA" + randomID(), created: w.clock.Now()}
		w.changedLocked()
	}
}

// RemoveIAMGroup deletes an IAM group, whoever is in it.
func (w *World) RemoveIAMGroup(account, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.iam.groups, entityOf(account, name))
	w.changedLocked()
}

// IAMTags returns the tags of a user by key, whatever reads show.
func (w *World) IAMTags(account, user string) map[string]Tag {
	w.mu.Lock()
	defer w.mu.Unlock()
	found := map[string]Tag{}
	if u, ok := w.iam.users[entityOf(account, user)]; ok {
		for _, t := range u.tags.now() {
			found[t.Key] = t
		}
	}
	return found
}

// EditIAMTags changes the tags of a user by hand. What change leaves as it is
// stays whoever's it was.
func (w *World) EditIAMTags(account, user string, change func(tags map[string]string)) {
	w.EditIAMTagsOf(Principal{Account: account, Name: user}, change)
}

// EditIAMTagsOf does the same for a user or role.
func (w *World) EditIAMTagsOf(p Principal, change func(tags map[string]string)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.iam.owner(p)
	if o == nil {
		return
	}
	was, plain := map[string]Tag{}, map[string]string{}
	for _, t := range o.tags.now() {
		was[t.Key], plain[t.Key] = t, t.Value
	}
	change(plain)
	now := map[string]Tag{}
	for key, value := range plain {
		t := was[key]
		if t.Key == "" || t.Value != value {
			t = Tag{Key: key, Value: value}
		}
		now[strings.ToLower(key)] = t
	}
	o.tags.set(w.clock.Now(), now)
	w.changedLocked()
}

// InIAMGroup reports whether a user is in a group, whatever reads show.
func (w *World) InIAMGroup(account, group, user string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	g, ok := w.iam.groups[entityOf(account, group)]
	return ok && g.members.now()[strings.ToLower(user)]
}

// SetIAMGroup puts a user into a group by hand, or takes it out.
func (w *World) SetIAMGroup(account, group, user string, member bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if g, ok := w.iam.groups[entityOf(account, group)]; ok {
		g.put(w.clock.Now(), strings.ToLower(user), member)
		w.changedLocked()
	}
}

// IAMWrites returns the moments at which the tags of a user changed, oldest
// first, with what they were from then on.
func (w *World) IAMWrites(account, user string) []TagChange {
	w.mu.Lock()
	defer w.mu.Unlock()
	u, ok := w.iam.users[entityOf(account, user)]
	if !ok {
		return nil
	}
	var all []TagChange
	for _, s := range u.tags.states {
		change := TagChange{At: s.from, Tags: map[string]string{}}
		for _, t := range s.value {
			change.Tags[t.Key] = t.Value
		}
		all = append(all, change)
	}
	return all
}

// A TagChange is a moment at which a user's tags changed, and what they are
// from then on.
type TagChange struct {
	At   time.Time
	Tags map[string]string
}
