package access_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"sesame/flows/access"
)

// chain returns three events of a request, chained.
func chain(t *testing.T) []access.Event {
	t.Helper()
	var events []access.Event
	var prev access.Event
	for i, typ := range []access.EventType{access.EventAsked, access.EventApproved, access.EventGranted} {
		e, err := access.NewEvent("r-0123456789", typ, noon, map[string]string{"why": "<disk> & \u2028 full"})
		if err != nil {
			t.Fatal(err)
		}
		prev = e.By(person("alice")).Chain(prev, uint64(10+i))
		events = append(events, prev)
	}
	return events
}

func TestFollowsNamesWhatIsBroken(t *testing.T) {
	good := chain(t)
	var prev access.Event
	for _, e := range good {
		if err := e.Follows(prev); err != nil {
			t.Fatal(err)
		}
		prev = e
	}
	changed := func(change func(*access.Event)) access.Event {
		e := good[1]
		change(&e)
		return e
	}
	for name, c := range map[string]struct {
		e    access.Event
		want string
	}{
		"one was taken out":        {good[2], "event r-0123456789/3 follows 1"},
		"one came twice":           {good[0], "event r-0123456789/1 follows 1"},
		"from another chain":       {changed(func(e *access.Event) { e.Prev = "0" }), "event r-0123456789/2 does not name the event before it"},
		"another actor":            {changed(func(e *access.Event) { e.Actor = "p-eve" }), "event r-0123456789/2 was changed"},
		"another name":             {changed(func(e *access.Event) { e.Name = "eve" }), "was changed"},
		"another time":             {changed(func(e *access.Event) { e.At = e.At.Add(1) }), "was changed"},
		"another type":             {changed(func(e *access.Event) { e.Type = access.EventDenied }), "was changed"},
		"another stream":           {changed(func(e *access.Event) { e.Stream = "r-0123456780" }), "was changed"},
		"another place in the log": {changed(func(e *access.Event) { e.Pos++ }), "was changed"},
		"other data":               {changed(func(e *access.Event) { e.Data = json.RawMessage(`{"why":"x"}`) }), "was changed"},
		"data that is no JSON":     {changed(func(e *access.Event) { e.Data = json.RawMessage(`{`) }), "was changed"},
		"another hash":             {changed(func(e *access.Event) { e.Hash = strings.Repeat("0", 64) }), "was changed"},
		"no hash":                  {changed(func(e *access.Event) { e.Hash = "" }), "was changed"},
	} {
		err := c.e.Follows(good[0])
		wantErr(t, name, err, access.ErrBroken)
		if err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %q does not say %q", name, err, c.want)
		}
	}
}

func TestAnEventSurvivesItsEncoding(t *testing.T) {
	var prev access.Event
	for _, e := range chain(t) {
		b, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var read access.Event
		if err := json.Unmarshal(b, &read); err != nil {
			t.Fatal(err)
		}
		if err := read.Follows(prev); err != nil {
			t.Error(err)
		}
		prev = read
	}
}

func TestNewEvent(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	e, err := access.NewEvent("r-0123456789", access.EventLapsed, noon.In(zone), nil)
	if err != nil || e.At.Location() != time.UTC || e.Actor != "" {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := access.NewEvent("r-0123456789", access.EventLapsed, noon, math.NaN()); err == nil {
		t.Error("data that cannot be encoded makes an event")
	}
}

func TestNoticesKeepTheirOrder(t *testing.T) {
	a, b := access.Notice{Seq: 0xff}.Index(1)[0], access.Notice{Seq: 0x100}.Index(1)[0]
	if a.Value >= b.Value {
		t.Errorf("notice 255 is listed at %s, after 256 at %s", a.Value, b.Value)
	}
}
