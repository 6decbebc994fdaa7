package flowfile

import (
	"fmt"
	"slices"
	"time"
)

// An Extend says how grants of a flow can be extended. The zero Extend is that
// they cannot be.
type Extend struct {
	Choices []time.Duration // by how much at a time, in the order of the file
	Default time.Duration
	Count   int           // how often one grant can be
	Total   time.Duration // by how much altogether
}

// Limits are caps of a flow. What is zero sets no limit.
type Limits struct {
	// PerDay is how much time one person may be granted over the targets of
	// the flow in one calendar day of its zone.
	PerDay time.Duration
	// CoolDown is how long a person waits after their access to a target ended
	// until they may ask for it again.
	CoolDown time.Duration
	// PerPerson is how many grants of the flow one person may have at once, and
	// PerTarget how many there may be of one target, everybody's.
	PerPerson, PerTarget int
}

// Durations returns for how long one may ask for a target: the choices of its
// flow that fit it. It is empty for an unknown target.
func (s *Set) Durations(target string) []time.Duration {
	f, ok := s.flows[target]
	if !ok {
		return nil
	}
	return fitting(f.Durations, s.targets[target].MaxDuration)
}

// fitting returns the durations that are at most most; 0 is no limit.
func fitting(all []time.Duration, most time.Duration) []time.Duration {
	return slices.DeleteFunc(slices.Clone(all), func(d time.Duration) bool { return most > 0 && d > most })
}

// DefaultDuration returns for how long a target is asked for when nothing is
// said: the default of its flow, or the longest choice that fits if that does
// not. It is 0 for an unknown target.
func (s *Set) DefaultDuration(target string) time.Duration {
	fit := s.Durations(target)
	switch {
	case len(fit) == 0:
		return 0
	case slices.Contains(fit, s.flows[target].Default):
		return s.flows[target].Default
	}
	return slices.Max(fit)
}

// choose returns what reads durations to choose from, and the one that is taken
// when nothing is said.
func (d *draft) choose(all *[]time.Duration, standard *time.Duration) keys {
	take := func(n *node) {
		v := d.duration(n, "a choice of duration", minDuration, maxDuration)
		if slices.Contains(*all, v) && v != 0 {
			d.add(n.pos, n.text+" is here twice", "")
			return
		}
		*all = append(*all, v)
	}
	return keys{
		"choices": func(n *node) {
			d.each(n, "choices", take)
			if n.kind == list && len(n.items) == 0 {
				d.add(n.pos, "there is no duration to choose", "")
			}
		},
		"default": func(n *node) { *standard = d.duration(n, "default", minDuration, maxDuration) },
	}
}

// chosen settles which duration is taken when nothing is said.
func (d *draft) chosen(n *node, all []time.Duration, standard *time.Duration) {
	said := n.get("default")
	switch {
	case said == nil && len(all) > 0:
		*standard = all[0]
	case said != nil && *standard != 0 && !slices.Contains(all, *standard):
		d.add(said.pos, said.text+" is not among the choices", "")
	}
}

// extend reads how grants can be extended. How often is once, and by how much
// altogether is what the longest choice comes to, unless it is said.
func (d *draft) extend(n *node, f *flowDraft) {
	e := &f.Extend
	e.Count = 1
	read := d.choose(&e.Choices, &e.Default)
	read["count"] = func(n *node) { e.Count = d.atLeastOne(n, "count") }
	read["total"] = func(n *node) { e.Total = d.duration(n, "total", minDuration, maxDuration) }
	d.object(n, "extend", shapeExtend, read)
	d.chosen(n, e.Choices, &e.Default)
	if len(e.Choices) == 0 {
		return
	}
	if n.get("total") == nil {
		e.Total = min(slices.Max(e.Choices)*time.Duration(min(e.Count, maxCount)), maxDuration)
	}
	if longest := slices.Max(e.Choices); longest > e.Total && e.Total > 0 {
		d.add(n.pos, fmt.Sprintf("nobody can extend by %s, since it is more than %s altogether", short(longest), short(e.Total)), "")
	}
}

// limits reads the caps of a flow.
func (d *draft) limits(n *node, f *flowDraft) {
	l := &f.Limits
	d.object(n, "limits", shapeLimits, keys{
		"per_day":            func(n *node) { l.PerDay = d.duration(n, "per_day", minDuration, 24*time.Hour) },
		"cool_down":          func(n *node) { l.CoolDown = d.duration(n, "cool_down", minDuration, maxLapse) },
		"at_once":            func(n *node) { l.PerPerson = d.atLeastOne(n, "at_once") },
		"at_once_per_target": func(n *node) { l.PerTarget = d.atLeastOne(n, "at_once_per_target") },
	})
}

// limitTargets notes targets that nobody can ask for, since no duration of
// their flow fits them.
func (d *draft) limitTargets() {
	for _, f := range d.flows {
		if len(f.Durations) == 0 {
			continue
		}
		least := slices.Min(f.Durations)
		if most := f.Limits.PerDay; most > 0 && least > most {
			d.add(f.pos, fmt.Sprintf("nobody can ask for what the flow %s gives: its shortest duration is %s, and one person gets %s a day", f.Name, short(least), short(most)), "")
		}
		for _, name := range f.Targets {
			if d.targets.known[name].Params[ParamTimed] != "" && f.Extend.Count > 0 {
				d.add(f.pos, fmt.Sprintf("the flow %s lets grants be extended, and those of the target %s cannot be: their end is written into AWS", f.Name, name), "leave extend out, or put the target into another flow")
			}
			if most := d.targets.known[name].MaxDuration; most > 0 && least > most {
				d.add(d.targets.at[name], fmt.Sprintf("nobody can ask for the target %s: it lasts %s at most, and the shortest duration of the flow %s is %s", name, short(most), f.Name, short(least)), "add a shorter choice to the flow")
			}
		}
	}
}
