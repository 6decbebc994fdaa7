package oncall

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// PagerDutyURL is where PagerDuty's REST API is for accounts outside of the EU.
const PagerDutyURL = "https://api.pagerduty.com"

// A PagerDuty names a schedule or an escalation policy.
type PagerDuty struct {
	Remote
	// Schedule is the id of a schedule. This or Policy is required.
	Schedule string
	// Policy is the id of an escalation policy.
	Policy string
	// Level is the level of the policy whose people count: being on the third
	// level is not being on call. Optional with Policy, default 1.
	Level int
}

// maxPages bounds how often an answer may say that there is more.
const maxPages = 20

// NewPagerDuty returns the source that PagerDuty is for a schedule or a policy.
func NewPagerDuty(p PagerDuty) (Source, error) {
	if p.URL == "" {
		p.URL = PagerDutyURL
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if (p.Schedule == "") == (p.Policy == "") {
		return nil, errors.New("PagerDuty is asked about a schedule or an escalation policy")
	}
	if p.Level < 0 || p.Level > 0 && p.Policy == "" {
		return nil, errors.New("a level is one of an escalation policy, from 1")
	}
	if p.Policy != "" && p.Level == 0 {
		p.Level = 1
	}
	return p, nil
}

// What PagerDuty answers to GET /oncalls (PagerDuty API reference, List all of
// the on-calls). Without start and end, somebody is on call for ever.
type pagerDutyAnswer struct {
	OnCalls *[]pagerDutyOnCall `json:"oncalls"`
	More    bool               `json:"more"`
}

type pagerDutyOnCall struct {
	User struct {
		Email string `json:"email"`
	} `json:"user"`
	Schedule *pagerDutyRef `json:"schedule"`
	Policy   *pagerDutyRef `json:"escalation_policy"`
	Level    int           `json:"escalation_level"`
	Start    *time.Time    `json:"start"`
	End      *time.Time    `json:"end"`
}

type pagerDutyRef struct {
	ID string `json:"id"`
}

// OnCall implements Source.
func (p PagerDuty) OnCall(ctx context.Context, now time.Time) ([]Who, error) {
	var all []Who
	for page, offset := 0, 0; page < maxPages; page++ {
		answer, err := p.page(ctx, offset)
		if err != nil {
			return nil, err
		}
		for _, o := range *answer.OnCalls {
			w, counts, err := p.counts(o, now)
			if err != nil {
				return nil, err
			}
			if counts {
				all = append(all, w)
			}
		}
		if !answer.More {
			return all, nil
		}
		offset += len(*answer.OnCalls)
	}
	return nil, fmt.Errorf("the answer has more than %d pages", maxPages)
}

const pageSize = 100

// authorize says who asks, and for which version of the API.
func (PagerDuty) authorize(h http.Header, token string) {
	h.Set("Authorization", "Token token="+token)
	h.Set("Accept", "application/vnd.pagerduty+json;version=2")
}

func (p PagerDuty) page(ctx context.Context, offset int) (pagerDutyAnswer, error) {
	query := url.Values{"include[]": {"users"}, "limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(offset)}}
	if p.Schedule != "" {
		query.Set("schedule_ids[]", p.Schedule)
	} else {
		query.Set("escalation_policy_ids[]", p.Policy)
	}
	var a pagerDutyAnswer
	err := p.get(ctx, "/oncalls?"+query.Encode(), p.authorize, &a)
	switch {
	case err != nil:
		return a, err
	case a.OnCalls == nil:
		return a, errors.New("the answer is not what was expected: it lacks oncalls")
	case a.More && len(*a.OnCalls) == 0:
		return a, errors.New("the answer says that there is more, and has nothing")
	}
	return a, nil
}

// counts returns who an entry is about, and whether they are on call now. An
// entry about something that was not asked for makes the whole answer no use.
func (p PagerDuty) counts(o pagerDutyOnCall, now time.Time) (Who, bool, error) {
	if p.Schedule != "" && (o.Schedule == nil || o.Schedule.ID != p.Schedule) ||
		p.Policy != "" && (o.Policy == nil || o.Policy.ID != p.Policy) {
		return Who{}, false, errors.New("the answer is about something else than was asked for")
	}
	if p.Level != 0 && o.Level != p.Level {
		return Who{}, false, nil
	}
	if o.Start != nil && now.Before(o.Start.Add(-skew)) || o.End != nil && !now.Before(*o.End) {
		return Who{}, false, nil
	}
	if o.User.Email == "" {
		return Who{}, false, errors.New("the answer is not what was expected: somebody has no email")
	}
	w := Who{Email: o.User.Email}
	if o.End != nil {
		w.Until = *o.End
	}
	return w, true, nil
}
