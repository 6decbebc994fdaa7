package archive

import (
	"context"
	"errors"
	"slices"
	"strings"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

// A Look is a way of looking at a recording. The zero Look is refused.
type Look string

// The looks. All but Exists are recorded before anything is shown.
const (
	Exists     Look = "exists"     // that there is one, whose and how long
	Play       Look = "play"       // what was shown
	Export     Look = "export"     // likewise, to take away
	Search     Look = "search"     // rows of what was shown
	Live       Look = "watch"      // what is shown, as it happens
	Keystrokes Look = "keystrokes" // what was typed
)

// A viewer is somebody who wants to look, and what they count as.
type viewer struct {
	access.Standing
	auditor    bool
	keystrokes bool
}

// authorize reports whether v may look at r so, as a *access.Refusal, or nil.
// watch are those whom the flow of its target names.
func authorize(look Look, v viewer, r Recording, watch access.Audience) error {
	if !v.Active || v.Person.ID == "" {
		return &access.Refusal{Code: access.RefusedStranger, Text: "You cannot see recordings, because you are no active, full member of this workspace who is linked to an AWS user: ask an admin to link you."}
	}
	own := string(v.Person.ID) == r.Manifest.Person
	shown := v.auditor || own || watches(v.Standing, watch)
	switch look {
	case Exists:
		if shown || v.keystrokes || v.Admin {
			return nil
		}
		return &access.Refusal{Code: access.RefusedNotYours, Text: "You cannot see this recording, because it is not of your own session, and you are neither an auditor nor named under watch in its flow: ask an auditor."}
	case Play, Export, Search, Live:
		if shown {
			return nil
		}
		return &access.Refusal{Code: access.RefusedNotYours, Text: "You cannot see what was shown in this session, because that is for its holder, for auditors, and for those whom its flow names under watch: ask one of them."}
	case Keystrokes:
		if v.keystrokes {
			return nil
		}
		return &access.Refusal{Code: access.RefusedNotYours, Text: "You cannot see what was typed in this session, because that is for those named under roles.keystrokes in sesame.yaml: ask one of them, or look at what was shown."}
	}
	return &access.Refusal{Code: access.RefusedInput, Text: "Recordings cannot be looked at in that way: play, export, search or watch them."}
}

// watches reports whether an audience names s.
func watches(s access.Standing, w access.Audience) bool {
	named := s.Person.Email != "" && slices.Contains(w.People, s.Person.Email)
	return named || slices.ContainsFunc(w.Groups, func(g string) bool { return s.Groups[g] })
}

// audience returns those whom the flow of a target names, with the definitions
// of their groups. Without rules it is nobody.
func (a *Archive) audience(target string) (access.Audience, []flowfile.Group) {
	set := a.Rules()
	if set == nil {
		return access.Audience{}, nil
	}
	flow, ok := set.Flow(target)
	if !ok {
		return access.Audience{}, nil
	}
	var groups []flowfile.Group
	for _, name := range flow.Watch.Groups {
		if g, ok := set.Group(name); ok {
			groups = append(groups, g)
		}
	}
	return flow.Watch, groups
}

// may asks whether an account may look at a recording so. Groups are looked up
// only for somebody who may not without.
func (a *Archive) may(ctx context.Context, look Look, from access.Account, r Recording) (access.Person, error) {
	who, err := a.viewer(ctx, from, nil)
	if err != nil {
		return who.Person, err
	}
	watch, groups := a.audience(r.Manifest.Target)
	refused := authorize(look, who, r, watch)
	if refused == nil || len(groups) == 0 || look == Keystrokes {
		return who.Person, refused
	}
	if who, err = a.viewer(ctx, from, groups); err != nil {
		return who.Person, err
	}
	return who.Person, authorize(look, who, r, watch)
}

// viewer returns who an account is, and what they count as now.
func (a *Archive) viewer(ctx context.Context, from access.Account, groups []flowfile.Group) (viewer, error) {
	p, err := a.People.Identify(ctx, from)
	if err != nil {
		return viewer{}, unable(err)
	}
	s, err := a.People.Standing(ctx, p, groups)
	if err != nil {
		return viewer{}, unable(err)
	}
	return viewer{s, named(a.Auditors, s.Person), named(a.Keystrokes, s.Person)}, nil
}

// named reports whether the operator named somebody.
func named(list []string, p access.Person) bool {
	return slices.ContainsFunc(list, func(n string) bool {
		if strings.Contains(n, "@") {
			return p.Email != "" && strings.ToLower(n) == p.Email // which is in lower case
		}
		return n == p.Account.String() || p.Account.User != "" && n == p.Account.User
	})
}

// unable turns an error that the person cannot help into a refusal.
func unable(err error) error {
	if _, ok := errors.AsType[*access.Refusal](err); ok || !errors.Is(err, access.ErrUnavailable) {
		return err
	}
	return &access.Refusal{Code: access.RefusedUnable, Text: "Sesame could not check whether you may see recordings, because the chat or the directory gives no answer: try again in a minute, and tell an admin if it goes on."}
}
