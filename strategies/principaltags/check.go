package principaltags

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/iamusers"
)

const (
	// maxTags is how many tags IAM lets a user have.
	maxTags = 50
	// checked is of how many users or roles the tags are read when flow files are
	// checked: two calls for each.
	checked = 100
)

// A Report is what AWS says about a target.
type Report struct {
	// Problems are why the target cannot be granted, each a sentence.
	Problems []string
	// Warnings are what somebody should know about it.
	Warnings []string
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

func (r *Report) warn(format string, args ...any) {
	r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...))
}

// Check looks at the users or roles that a strategy lists: whether they exist,
// and how many of their slots are free. An error means that AWS could not be
// asked.
func (w *Way) Check(ctx context.Context, t access.Target, owners []flowfile.IAMOwner) (Report, error) {
	var r Report
	account := t.Params[flowfile.ParamAccount]
	c, ok := w.accounts[account]
	if !ok {
		r.problem("there is no strategy for the account %s: configure one.", account)
		return r, nil
	}
	of, err := flowfile.SlotsOf(t.Params)
	if err != nil {
		return r, fmt.Errorf("check target %s: %w", t.Name, err)
	}
	if len(owners) > checked {
		r.warn("only the first %d of %d users and roles of the strategy %s were looked up.", checked, len(owners), t.Strategy)
		owners = owners[:checked]
	}
	for _, owner := range owners {
		if err := r.owner(ctx, c, iamusers.Principal(owner), of); err != nil {
			return r, fmt.Errorf("check target %s: %w", t.Name, err)
		}
	}
	return r, nil
}

// Check looks at the role of a target: whether it is there, and whether its
// sessions run as the user that the target says. An error means that AWS could
// not be asked.
func (w *Timed) Check(ctx context.Context, t access.Target) (Report, error) {
	var r Report
	role := iamusers.Principal{Name: t.Params[flowfile.ParamRole], Role: true}
	c, ok := w.accounts[t.Params[flowfile.ParamAccount]]
	if !ok {
		r.problem("there is no strategy for the account %s: configure one.", t.Params[flowfile.ParamAccount])
		return r, nil
	}
	tags, err := c.Tags(ctx, role)
	switch {
	case errors.Is(err, access.ErrNotFound):
		r.problem("the IAM %s does not exist in the account %s: create it, or correct its name.", role, c.Account())
		return r, nil
	case err != nil:
		return r, fmt.Errorf("check target %s: %w", t.Name, err)
	}
	runAs := ""
	for _, tag := range tags {
		if strings.EqualFold(tag.Key, flowfile.RunAsTag) {
			runAs = tag.Value
		}
	}
	if user := t.Params[flowfile.ParamOSUser]; user != "" && runAs != user {
		r.warn("the IAM %s has not the tag %s with %s, so sessions do not run as the user that is made for them: set it.", role, flowfile.RunAsTag, user)
	}
	return r, nil
}

func (r *Report) owner(ctx context.Context, c *iamusers.Client, owner iamusers.Principal, of flowfile.SlotTags) error {
	tags, err := c.Tags(ctx, owner)
	switch {
	case errors.Is(err, access.ErrNotFound):
		r.problem("the IAM %s does not exist in the account %s: create it, or correct its name.", owner, c.Account())
		return nil
	case err != nil:
		return err
	}
	taken, inSlots := occupied(tags, of)
	if len(taken) == of.Slots {
		r.warn("no slot of the IAM %s is free, since others wrote tags of these names: remove them, or choose other names.", owner)
	} else if len(taken) > 0 {
		r.warn("%d of %d slots of the IAM %s cannot be used, since others wrote %s: remove that, or choose other names.", len(taken), of.Slots, owner, strings.Join(taken, " and "))
	}
	if room, need := maxTags-(len(tags)-inSlots), of.Slots*(len(of.Names)+1); room < need {
		r.warn("the IAM %s has %d tags of others, so %d slots do not fit beside them: remove some, or have fewer slots.", owner, len(tags)-inSlots, of.Slots)
	}
	return nil
}

// occupied returns a tag of each slot that others wrote, and how many tags are
// in slots.
func occupied(tags []iamusers.Tag, of flowfile.SlotTags) (taken []string, inSlots int) {
	for n := 1; n <= of.Slots; n++ {
		at := slot{number: n, marker: flowfile.SlotKey(flowfile.MarkerTag, n)}
		for _, name := range of.Names {
			at.tags = append(at.tags, iamusers.Tag{Key: flowfile.SlotKey(name, n)})
		}
		var foreign string
		for _, t := range tags {
			for _, key := range at.keys() {
				if strings.EqualFold(key, t.Key) {
					inSlots++
					foreign = t.Key
				}
			}
		}
		if foreign != "" && at.in(tags).marker == "" {
			taken = append(taken, foreign)
		}
	}
	return taken, inSlots
}
