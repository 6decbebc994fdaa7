package demo

import (
	"context"
	"net/http"
	"slices"
	"time"

	"sesame/flows/access"
	"sesame/proxy/api"
	"sesame/proxy/client"
)

// A deadline is a moment at which something happens of its own accord.
type deadline struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	// End says that access ends then.
	End bool `json:"end"`
}

// deadlines are the moments that are still to come, the next one first, as
// the server tells its operators.
func (s *Stage) deadlines(ctx context.Context) ([]deadline, error) {
	c := s.Client()
	defer c.Close()
	grants, err := c.Grants(ctx, client.Listing{})
	if err != nil {
		return []deadline{}, err
	}
	requests, err := c.Requests(ctx, client.Listing{Open: true})
	if err != nil {
		return []deadline{}, err
	}
	all := []deadline{}
	for _, g := range grants.Grants {
		all = append(all, ofGrant(g)...)
	}
	for _, r := range requests.Requests {
		all = append(all, deadline{r.LapsesAt, r.By.Name + " · " + r.Target + ": the request lapses", false})
	}
	now := s.Clock().Now()
	all = slices.DeleteFunc(all, func(d deadline) bool { return !d.At.After(now) })
	slices.SortStableFunc(all, func(a, b deadline) int { return a.At.Compare(b.At) })
	return all, nil
}

func ofGrant(g api.Grant) []deadline {
	whose := g.Holder.Name + " · " + g.Target
	switch access.GrantState(g.State) {
	case access.Opening:
		return []deadline{{g.OpenBy, whose + ": must be open", false}}
	case access.Open:
		return []deadline{
			{g.EndsAt.Add(-access.RemindBefore), whose + ": reminder", false},
			{g.EndsAt, whose + ": access ends", true},
		}
	case access.Closed:
		if g.Receipt != nil && !g.Receipt.DeadBy.IsZero() {
			return []deadline{{g.Receipt.DeadBy, whose + ": credentials issued earlier are dead", false}}
		}
	}
	return nil
}

// A move says where the clock goes.
type move struct {
	// To is next, for the next deadline, or end, for the next end of access.
	To string `json:"to"`
	// Minutes is how far it goes otherwise.
	Minutes int `json:"minutes"`
}

// longestMove is how far the clock goes at once.
const longestMove = 24 * time.Hour

// clock moves the clock.
func (p *Page) clock(rw http.ResponseWriter, r *http.Request) {
	var m move
	if err := read(r, &m); err != nil {
		reply(rw, http.StatusBadRequest, failure{"That is not understood: " + err.Error()})
		return
	}
	to, why := p.stage.goal(r.Context(), m)
	if why != "" {
		reply(rw, http.StatusConflict, failure{why})
		return
	}
	err := p.stage.MoveTo(r.Context(), to)
	reply(rw, http.StatusOK, answer{Error: said(err)})
}

// goal is where m leads, or why it leads nowhere.
func (s *Stage) goal(ctx context.Context, m move) (to time.Time, why string) {
	now := s.Clock().Now()
	if by := time.Duration(m.Minutes) * time.Minute; m.To == "" && by > 0 && by <= longestMove {
		return now.Add(by), ""
	}
	if m.To != "next" && m.To != "end" {
		return now, "The clock goes forward, by a day at most."
	}
	all, err := s.deadlines(ctx)
	if err != nil {
		return now, err.Error()
	}
	for _, d := range all {
		if m.To == "next" || d.End {
			return d.At, ""
		}
	}
	if m.To == "end" {
		return now, "Nobody holds access, so nothing ends: ask for some first."
	}
	return now, "Nothing is due: ask for access first."
}

// MoveTo moves the clock to a moment, and stops on the way at each deadline
// until nothing changes any more: what was due there comes before what is due
// later.
func (s *Stage) MoveTo(ctx context.Context, to time.Time) error {
	for {
		next := to
		all, err := s.deadlines(ctx)
		if err == nil && len(all) > 0 && all[0].At.Before(to) {
			next = all[0].At
		}
		if d := next.Sub(s.Clock().Now()); d > 0 {
			s.Clock().Advance(d)
			s.pulse.beat()
		}
		if next.Equal(to) {
			return nil
		}
		if err := s.calm(ctx); err != nil {
			return err
		}
	}
}

// calm waits until nothing changes for a while.
func (s *Stage) calm(ctx context.Context) error {
	for still := false; !still; {
		var err error
		_, changed := s.pulse.changed()
		if still, err = s.untilQuiet(ctx, changed, quiet); err != nil {
			return err
		}
	}
	return nil
}
