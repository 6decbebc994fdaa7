package awstest

import (
	"fmt"
	"strings"
	"time"
)

// A Session is a session of a role that was given out, as its services know it.
type Session struct {
	Key
	Caller  Caller
	Expires time.Time // wall time
	Source  string    // the source identity
	Tags    map[string]string
	Policy  string // the session policy
}

// Session returns the session whose access key has the id, unless it is over.
// It is what a stand-in for another service checks signatures with.
func (w *World) Session(id string) (Session, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, known := w.keys[id]
	if !known || !c.session || !w.wallLocked().Before(c.expires) {
		return Session{}, false
	}
	return Session{c.Key, c.Caller, c.expires, c.source, c.tags, c.policy}, true
}

// Assume makes a session of a role, as whoever it trusts does, for an hour.
func (w *World) Assume(arn, name string) (Key, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	role, known := w.roles[arn]
	if !known {
		return Key{}, fmt.Errorf("there is no role %s", arn)
	}
	w.keys[""] = &credential{} // who assumes it, for as long as that takes
	defer delete(w.keys, "")
	r := &request{w: w, now: w.clock.Now(), in: doc{"RoleArn": arn, "RoleSessionName": name}}
	out, err := r.session(role, time.Hour)
	if err != nil {
		return Key{}, err
	}
	c, _ := out["Credentials"].(doc)
	id, _ := c["AccessKeyId"].(string)
	return w.keys[id].Key, nil
}

// sessionTags are the tags that a call gives its session.
func (r *request) sessionTags() map[string]string {
	tags := map[string]string{}
	all, _ := r.in["Tags"].([]any)
	for _, v := range all {
		d, _ := v.(doc)
		key, _ := d["Key"].(string)
		value, _ := d["Value"].(string)
		tags[key] = value
	}
	return tags
}

// checkTags refuses keys that differ in case alone, which are one to AWS.
func (r *request) checkTags() error {
	seen := map[string]bool{}
	all, _ := r.in["Tags"].([]any)
	for _, v := range all {
		d, _ := v.(doc)
		key, _ := d["Key"].(string)
		lower := strings.ToLower(key)
		if seen[lower] {
			return refusal("InvalidParameterValue", "duplicate tag keys found: tag keys are case insensitive")
		}
		seen[lower] = true
	}
	return nil
}
