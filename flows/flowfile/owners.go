package flowfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sesame/flows/access"
)

// A holding is what one strategy has of something in an account's IAM.
type holding struct {
	strategy string
	person   string // whose a user or role is
	slot     int    // in which a tag is
}

// linkOwners notes what two strategies have of one account that cannot be both:
// a user or role of two people, and a tag of two slots.
func (d *draft) linkOwners() {
	owners, tags := map[string]holding{}, map[string]holding{}
	noted := map[string]bool{}
	for _, name := range d.targets.names() {
		t := d.targets.known[name]
		if !UsesIAM(t.Way) || t.Params[ParamAccount] == "" || noted[t.Strategy] {
			continue
		}
		text, why := d.ownedTwice(t, owners)
		if text == "" && t.Way == WayTags {
			text, why = slotsThatMeet(t, tags)
		}
		if noted[t.Strategy] = text != ""; noted[t.Strategy] {
			d.add(d.strategies.at[t.Strategy], text, why)
		}
	}
}

// ownedTwice says which user or role is somebody's here and somebody else's
// before.
func (d *draft) ownedTwice(t access.Target, before map[string]holding) (text, why string) {
	owners, err := parseOwners(d.strategies.known[t.Strategy].Params)
	if err != nil {
		return "", ""
	}
	for _, person := range slices.Sorted(maps.Keys(owners)) {
		kind := "user"
		if owners[person].Role {
			kind = "role"
		}
		thing := fmt.Sprintf("the IAM %s %s in %s", kind, owners[person].Name, t.Params[ParamAccount])
		// IAM tells names apart without regard to case.
		first, known := before[strings.ToLower(thing)]
		if known && first.person != person {
			return fmt.Sprintf("%s is that of %s here, and of %s in the strategy %s", thing, person, first.person, first.strategy), "one is one person's"
		}
		before[strings.ToLower(thing)] = holding{strategy: t.Strategy, person: person}
	}
	return "", ""
}

// slotsThatMeet says which tag is in one slot here and in another before.
func slotsThatMeet(t access.Target, before map[string]holding) (text, why string) {
	of, err := SlotsOf(t.Params)
	if err != nil || of.Slots > maxTags {
		return "", ""
	}
	for slot := 1; slot <= of.Slots; slot++ {
		for _, name := range of.Names {
			tag := SlotKey(name, slot)
			at := strings.ToLower(t.Params[ParamAccount] + "/" + tag)
			first, known := before[at]
			if known && first.slot != slot {
				return fmt.Sprintf("the tag %s is in slot %d here, and in slot %d of the strategy %s for the same account", tag, slot, first.slot, first.strategy),
					"what is granted by one would count for the other: choose tag_names that differ in more than a number"
			}
			before[at] = holding{strategy: t.Strategy, slot: slot}
		}
	}
	return "", ""
}
