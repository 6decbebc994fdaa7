package oncall

import (
	"errors"
	"fmt"
	"net/http"

	"sesame/flows/flowfile"
)

// A World is what sources need of the world.
type World struct {
	// Usergroups is required for schedules that are Slack user groups.
	Usergroups Usergroups
	// Secret returns the secret that a reference such as ${file:token} means.
	// Required for schedules that have a token.
	Secret func(ref string) (string, error)
	// Transport is for tests. Optional.
	Transport http.RoundTripper
}

// FromFile returns the source that a flow file describes.
func FromFile(o flowfile.OnCall, w World) (Source, error) {
	s, err := fromFile(o, w)
	if err != nil {
		return nil, fmt.Errorf("on-call schedule %s (%s): %w", o.Name, o.Pos, err)
	}
	return s, nil
}

func fromFile(o flowfile.OnCall, w World) (Source, error) {
	switch o.Source {
	case flowfile.OnCallStatic:
		r := Rotation{People: o.People, Handover: o.Handover, Since: o.Since, Zone: o.Zone}
		for _, v := range o.Overrides {
			r.Overrides = append(r.Overrides, Override(v))
		}
		return Static(r)
	case flowfile.OnCallSlack:
		if w.Usergroups == nil {
			return nil, errors.New("no Slack to ask")
		}
		return Usergroup(w.Usergroups, o.Group), nil
	case flowfile.OnCallPagerDuty:
		return NewPagerDuty(PagerDuty{Remote: w.remote(o), Schedule: o.Schedule, Policy: o.Policy, Level: o.Level})
	case flowfile.OnCallHTTP:
		return HTTP(w.remote(o))
	}
	return nil, fmt.Errorf("unknown source %q", o.Source)
}

func (w World) remote(o flowfile.OnCall) Remote {
	r := Remote{URL: o.URL, Transport: w.Transport}
	if o.Token == "" {
		return r
	}
	r.Token = func() (string, error) {
		if w.Secret == nil {
			return "", errors.New("no secrets are read here")
		}
		return w.Secret(o.Token)
	}
	return r
}
