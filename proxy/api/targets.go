package api

import (
	"context"

	"sesame/flows"
)

// Targets are what somebody may ask for.
type Targets struct {
	Targets []Offer `json:"targets"`
}

// An Offer is a target, and how it is asked for.
type Offer struct {
	Name      string       `json:"name"`
	Label     string       `json:"label,omitempty"`
	Durations []string     `json:"durations"`
	Fields    []OfferField `json:"fields,omitempty"`
	// Extendable says that access to it can be extended, and BreakGlass that it
	// can be had by breaking the glass.
	Extendable bool `json:"extendable,omitempty"`
	BreakGlass bool `json:"break_glass,omitempty"`
	// Overhang is how long credentials may outlive the access; empty for not
	// at all.
	Overhang string `json:"overhang,omitempty"`
	// Direct says that calls are not recorded by Sesame.
	Direct bool `json:"direct,omitempty"`
}

// An OfferField is what the form of a target asks besides.
type OfferField struct {
	Name     string   `json:"name"`
	Label    string   `json:"label,omitempty"`
	Hint     string   `json:"hint,omitempty"`
	Options  []string `json:"options,omitempty"`
	Required bool     `json:"required,omitempty"`
}

func (s *Remote) targets(ctx context.Context, c caller) (any, error) {
	offers, err := s.Desk.Offers(ctx, c.login.Account)
	if err != nil {
		return nil, err
	}
	v := Targets{Targets: []Offer{}}
	for _, o := range offers {
		v.Targets = append(v.Targets, viewOffer(o))
	}
	return v, nil
}

func viewOffer(o flows.Offer) Offer {
	v := Offer{
		Name: o.Target.Name, Label: o.Target.Label, Durations: []string{}, Extendable: o.Longer, BreakGlass: o.Glass,
		Overhang: words(o.Target.Overhang), Direct: !o.Target.Recorded,
	}
	for _, d := range o.Durations {
		v.Durations = append(v.Durations, d.String())
	}
	for _, f := range o.Fields {
		v.Fields = append(v.Fields, OfferField{f.Name, f.Label, f.Hint, f.Options, f.Required})
	}
	return v
}
