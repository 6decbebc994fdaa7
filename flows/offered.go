package flows

import (
	"fmt"
	"slices"

	"sesame/flows/access"
)

// offered refuses what nobody could ask for any more as r did, since its flow
// gives it for other durations by now, or its form takes something else. What
// does not happen begins the sentence. Fields that the form has no more do not
// matter.
func (s setting) offered(r access.Request, not string) error {
	draft := Draft{Target: r.Target.Name, Duration: r.Duration, Extends: r.Extends}
	if s.duration(draft) != "" {
		given := "given for"
		if r.Extends != "" {
			given = "extended by"
		}
		return capped("%s, because %s is not %s %s any more: %s can ask again, for %s.",
			not, r.Target.Name, given, access.Spoken(r.Duration), r.By.Name, spokenList(s.choices(draft)))
	}
	for _, f := range s.fields(draft) {
		if _, problem := f.Parse(r.Fields[f.Name]); problem != "" {
			return &access.Refusal{
				Code: access.RefusedInput,
				Text: fmt.Sprintf("%s, because what it says as %s is not taken for %s any more: %s can ask again.", not, f.Label, r.Target.Name, r.By.Name),
			}
		}
	}
	return nil
}

// sameObjects refuses to open g for r, which was judged now, if the target means
// something else in AWS than what was approved.
func (d *Desk) sameObjects(g access.Grant, r access.Request) error {
	plan, err := d.plan(r)
	if err != nil {
		return err
	}
	same := slices.EqualFunc(plan.Objects, g.Objects, func(now access.Spec, was access.ObjectKey) bool { return now.Over(g).Key == was })
	if same {
		return nil
	}
	return &access.Refusal{
		Code: access.RefusedChanged,
		Text: fmt.Sprintf("Nothing was opened, because %s means something else in AWS by now than what was approved: %s can ask again.", r.Target.Name, r.By.Name),
	}
}
