package oncall

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// skew is how far clocks may differ.
const skew = 30 * time.Second

// HTTP returns the source that answers in the shape of the package
// documentation, with the token as a bearer token.
func HTTP(r Remote) (Source, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	return service{r}, nil
}

type service struct{ Remote }

type serviceAnswer struct {
	AsOf   time.Time        `json:"as_of"`
	OnCall *[]serviceOnCall `json:"on_call"`
}

type serviceOnCall struct {
	Email string    `json:"email"`
	Until time.Time `json:"until"`
}

// OnCall implements Source.
func (s service) OnCall(ctx context.Context, now time.Time) ([]Who, error) {
	var a serviceAnswer
	err := s.get(ctx, "", func(h http.Header, token string) { h.Set("Authorization", "Bearer "+token) }, &a)
	switch {
	case err != nil:
		return nil, err
	case a.OnCall == nil || a.AsOf.IsZero():
		return nil, errors.New("the answer is not what was expected: it lacks as_of or on_call")
	case now.Sub(a.AsOf) > MaxAge+skew:
		return nil, fmt.Errorf("the answer is stale: it was true at %s", a.AsOf.UTC().Format(time.RFC3339))
	case a.AsOf.Sub(now) > skew:
		return nil, fmt.Errorf("the answer is from the future: %s", a.AsOf.UTC().Format(time.RFC3339))
	}
	var all []Who
	for _, o := range *a.OnCall {
		if o.Email == "" {
			return nil, errors.New("the answer is not what was expected: somebody has no email")
		}
		all = append(all, Who{Email: o.Email, Until: o.Until})
	}
	return all, nil
}
