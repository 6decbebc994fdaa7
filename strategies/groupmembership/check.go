package groupmembership

import (
	"context"
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// A Report is what AWS says about a target.
type Report struct {
	// Resolved is what was looked up.
	Resolved flowfile.Resolved
	// Problems are why the target cannot be granted, each a sentence.
	Problems []string
}

func (r *Report) problem(format string, args ...any) {
	r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
}

// Check looks the group of a target up, and whose it is. An error means that
// AWS could not be asked.
func (d *Directory) Check(ctx context.Context, t access.Target) (Report, error) {
	var r Report
	instance, id := t.Params[flowfile.ParamInstanceARN], t.Params[flowfile.ParamGroup]
	c, ok := d.centers[instance]
	if !ok {
		r.problem("there is no strategy for the instance %s: configure one.", instance)
		return r, nil
	}
	r.Resolved.Params = map[string]string{flowfile.ParamIdentityStoreID: c.ID()}
	group, err := c.DirectoryGroup(ctx, id)
	switch {
	case errors.Is(err, access.ErrNotFound):
		r.problem("the group %s does not exist in the directory %s: create it, or name another.", id, c.ID())
	case err != nil:
		return r, fmt.Errorf("check target %s: %w", t.Name, err)
	case group.Foreign:
		r.problem("the group %s (%s) came from elsewhere, as by SCIM, and its source would undo what Sesame does: create a group in Identity Center for Sesame alone.", group.Name, id)
	}
	return r, nil
}

// Check looks the group of a target up. An error means that AWS could not be
// asked.
func (w *IAM) Check(ctx context.Context, t access.Target) (Report, error) {
	var r Report
	account, name := t.Params[flowfile.ParamAccount], t.Params[flowfile.ParamGroup]
	c, ok := w.accounts[account]
	if !ok {
		r.problem("there is no strategy for the account %s: configure one.", account)
		return r, nil
	}
	switch _, err := c.Group(ctx, name); {
	case errors.Is(err, access.ErrNotFound):
		r.problem("the group %s does not exist in the account %s: create it, or name another.", name, account)
	case err != nil:
		return r, fmt.Errorf("check target %s: %w", t.Name, err)
	}
	return r, nil
}
