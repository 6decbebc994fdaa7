package principaltags

import (
	"fmt"
	"strings"
	"time"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/iamusers"
	"sesame/strategies/identitycenter"
)

// markerForm is how the tag that marks a slot writes its time, in UTC.
const markerForm = "20060102T150405.000000000Z"

// A slot is one of a user's or role's: what is to stand in it, in the order of the flow
// file, and the key of what marks it.
type slot struct {
	of     iamusers.Principal
	number int
	tags   []iamusers.Tag
	marker string
}

// slotOf returns the slot that s is about.
func slotOf(s access.Spec) (slot, error) {
	owner, err := ownerOf(s)
	if err != nil {
		return slot{}, err
	}
	if s.Slot < 1 {
		return slot{}, identitycenter.Refuse(s.Key, "the slot is missing")
	}
	of, err := flowfile.SlotsOf(s.Params)
	if err != nil {
		return slot{}, identitycenter.Refuse(s.Key, "%v", err)
	}
	found := slot{of: owner, number: s.Slot, marker: flowfile.SlotKey(flowfile.MarkerTag, s.Slot)}
	for _, name := range of.Names {
		found.tags = append(found.tags, iamusers.Tag{Key: flowfile.SlotKey(name, s.Slot), Value: of.Values[name]})
	}
	return found, nil
}

// ownerOf returns the user or role that an object is about.
func ownerOf(s access.Spec) (iamusers.Principal, error) {
	user, role := s.Params[flowfile.ParamUser], s.Params[flowfile.ParamRole]
	if (user == "") == (role == "") {
		return iamusers.Principal{}, identitycenter.Refuse(s.Key, "it is to name one user or role")
	}
	return iamusers.Principal{Name: user + role, Role: role != ""}, nil
}

// written is what is written into the slot at a moment.
func (s slot) written(at time.Time) []iamusers.Tag {
	marker := iamusers.Tag{Key: s.marker, Value: at.UTC().Format(markerForm)}
	return append(s.tags[:len(s.tags):len(s.tags)], marker)
}

// keys are those of all tags of the slot.
func (s slot) keys() []string {
	var keys []string
	for _, t := range s.written(time.Time{}) {
		keys = append(keys, t.Key)
	}
	return keys
}

// A content is what a read shows in a slot.
type content struct {
	there  bool   // anything at all
	marker string // when it was written, as its tag says
	other  []string
}

// in returns what stands in the slot, among all tags of its user.
func (s slot) in(tags []iamusers.Tag) content {
	values := map[string]string{}
	for _, t := range tags {
		values[strings.ToLower(t.Key)] = t.Value // IAM tells keys apart without regard to case
	}
	var c content
	marker, marked := values[strings.ToLower(s.marker)]
	c.marker, c.there = marker, marked
	for _, t := range s.tags {
		value, ok := values[strings.ToLower(t.Key)]
		c.there = c.there || ok
		if !ok || value != t.Value {
			c.other = append(c.other, t.Key)
		}
	}
	return c
}

// altered says why the content is not what Sesame wrote, or nothing if it is.
// Which of its writes it was does not matter: one whose answer was lost may be
// followed by another.
func (c content) altered(s slot) string {
	other := c.other
	if _, marked := c.at(); !marked {
		other = append(other, s.marker)
	}
	if !c.there || len(other) == 0 {
		return ""
	}
	return fmt.Sprintf("Slot %d of the IAM %s holds what Sesame did not write there: look at %s in AWS.", s.number, s.of, strings.Join(other, " and "))
}

// at returns when Sesame wrote the slot, and whether it did.
func (c content) at() (time.Time, bool) {
	at, err := time.Parse(markerForm, c.marker)
	return at, err == nil
}
