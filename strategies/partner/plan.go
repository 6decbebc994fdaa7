package partner

import (
	"errors"
	"fmt"

	"sesame/flows/access"
	"sesame/flows/flowfile"
	"sesame/strategies/osusers"
	"sesame/strategies/principaltags"
)

// A Planner says what a grant needs. It is pure.
type Planner struct{}

// errNobody refuses a request that says for nobody.
var errNobody = errors.New("it is not said for whom of the partner this is")

// Plan implements access.Planner. The person whom it is for stands in the
// target; p answers for them.
func (Planner) Plan(t access.Target, p access.Person) (access.Plan, error) {
	wrap := func(err error) error { return fmt.Errorf("plan %s for %s: %w", t.Name, p.ID, err) }
	session, role := t.Params[flowfile.ParamSession], t.Params[flowfile.ParamRole]
	i, err := flowfile.ParseInstances(t.Params)
	switch {
	case err != nil:
		return access.Plan{}, wrap(err)
	case session == "":
		return access.Plan{}, wrap(errNobody)
	case role == "" || len(i.Tags) == 0 || len(i.Regions) == 0:
		return access.Plan{}, wrap(errors.New("the role or the machines are not known"))
	}
	var plan access.Plan
	if t.Params[flowfile.ParamOSUser] != "" {
		for _, region := range i.Regions {
			plan.Objects = append(plan.Objects, osusers.Spec(t, i, region))
		}
	}
	plan.Objects = append(plan.Objects, principaltags.SessionSpec(t, role, session))
	plan.Connect = []access.Step{{
		Label: "For " + session + ", from a terminal", Code: "aws ssm start-session --profile " + flowfile.PartnerProfile(t) + " --region " + i.Regions[0] + " --target INSTANCE",
	}}
	return plan, nil
}
