package bot

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sesame/bot/blocks"
	"sesame/flows/access"
	"sesame/flows/flowfile"
)

const (
	// lookIn is how long a form waits for the machines of its target: Slack
	// opens none after three seconds.
	lookIn = time.Second
	// mostNamed is how many machines a form names.
	mostNamed = 5
)

// withMachines returns the form of who with the machines of its target.
// Whoever is not known yet, or may not ask, sees none; and a form does without
// them when AWS takes its time.
func (b *Bot) withMachines(ctx context.Context, o outlook, f blocks.Form) blocks.Form {
	if b.Find == nil || f.Target.Params[flowfile.ParamInstances] == "" || o.who.ID == "" || o.refuses(f.Target) {
		return f
	}
	ctx, cancel := context.WithTimeout(ctx, lookIn)
	defer cancel()
	m, err := b.Find(ctx, f.Target, false)
	if err != nil {
		b.Log.Warn().Err(err).Str("target", f.Target.Name).Msg("the form does without the machines")
		return f
	}
	f.Machines = spokenMachines(m.Instances, m.More)
	return f
}

// spokenMachines says which machines match: "2 machines match now: i-0a (web-1),
// i-0b (but it is stopped)."
func spokenMachines(all []access.Instance, more bool) string {
	if len(all) == 0 {
		return "No machine matches now, so nothing could be opened."
	}
	var names []string
	for _, i := range all[:min(len(all), mostNamed)] {
		name := i.Called()
		if trouble := i.Trouble(); trouble != "" {
			name += ", but " + trouble
		}
		names = append(names, name)
	}
	count := fmt.Sprintf("%d machines match now", len(all))
	if len(all) == 1 && !more {
		count = "1 machine matches now"
	}
	if more {
		count = "More than " + count
	}
	text := count + ": " + strings.Join(names, "; ")
	if len(all) > mostNamed || more {
		text += "; and others"
	}
	return text + "."
}
