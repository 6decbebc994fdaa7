package archive

import (
	"time"

	"sesame/flows/access"
	"sesame/proxy/record"
)

// KindRecording is the sort of record that a recording is.
const KindRecording access.Kind = "recording"

// The indexes of recordings, by the time at which they began, but for the last.
const (
	IndexRecordings = "recordings"        // all
	IndexOpen       = "recordings/open"   // those that have not ended
	IndexGrant      = "recordings/grant"  // all, by "grant/time"
	IndexPerson     = "recordings/person" // all, by "holder/time"
	IndexTarget     = "recordings/target" // all, by "target/time"
	IndexKept       = "recordings/kept"   // those that ended and are there, by when they ended
	IndexDoomed     = "recordings/doomed" // those to be removed, which a crash may have come between
)

// The events of a recording, in the stream of its request.
const (
	EventBegun   access.EventType = "recording-begun"
	EventStood   access.EventType = "recording-stood" // how far it is by now
	EventEnded   access.EventType = "recording-ended"
	EventViewed  access.EventType = "recording-viewed" // is about to be shown to somebody
	EventRemoved access.EventType = "recording-removed"
	EventRenewed access.EventType = "recording-renewed" // its keys are about to be sealed anew
)

// A Recording is what is known of one, besides its files.
type Recording struct {
	Manifest record.Manifest `json:"manifest"`
	// Removed says that its files are gone, or about to be.
	Removed *Removal `json:"removed,omitempty"`
}

// A Removal is why a recording is no longer there.
type Removal struct {
	At   time.Time `json:"at"`
	Rule string    `json:"rule"` // in words
	Done bool      `json:"done"`
}

func keyOf(id string) access.Key { return access.Key{Kind: KindRecording, ID: id} }

// Key is where the recording is stored.
func (r Recording) Key() access.Key { return keyOf(r.Manifest.ID) }

// Index lists the recording.
func (r Recording) Index(access.Version) []access.Index {
	m := r.Manifest
	began := access.TimeKey(m.Began)
	all := []access.Index{
		{Name: IndexRecordings, Value: began}, {Name: IndexGrant, Value: m.Grant + "/" + began},
		{Name: IndexPerson, Value: m.Person + "/" + began}, {Name: IndexTarget, Value: m.Target + "/" + began},
	}
	switch {
	case r.Removed != nil && !r.Removed.Done:
		all = append(all, access.Index{Name: IndexDoomed, Value: access.TimeKey(r.Removed.At)})
	case r.Removed != nil:
	case m.State == record.StateOpen:
		all = append(all, access.Index{Name: IndexOpen, Value: began})
	default:
		all = append(all, access.Index{Name: IndexKept, Value: access.TimeKey(m.EndedAt)})
	}
	return all
}

// begun is the data of EventBegun.
type begun struct{ record.About }

// stood is the data of EventStood.
type stood struct {
	Recording string     `json:"recording"`
	Output    record.Sum `json:"output"`
	Input     record.Sum `json:"input"`
}

// ended is the data of EventEnded.
type ended struct {
	Recording string     `json:"recording"`
	Why       string     `json:"why"`
	EndedAt   time.Time  `json:"ended_at"`
	Digest    string     `json:"digest"` // of the manifest
	Output    record.Sum `json:"output"`
	Input     record.Sum `json:"input"`
}

// viewed is the data of EventViewed.
type viewed struct {
	Recording string `json:"recording"`
	View      Look   `json:"view"`
	Reason    string `json:"reason,omitempty"`
}

// renewed is the data of EventRenewed.
type renewed struct {
	Recording string                   `json:"recording"`
	Keys      map[record.Stream]string `json:"keys"`
}

// denied is the data of an access.EventDenial.
type denied struct {
	viewed
	Text string `json:"text"`
}

// removed is the data of EventRemoved.
type removed struct {
	Recording string `json:"recording"`
	Rule      string `json:"rule"`
}

// stream is where the events of a recording are.
func stream(m record.Manifest) access.RequestID {
	if m.Request != "" {
		return access.RequestID(m.Request)
	}
	return access.RequestIDFrom("recording\x00" + m.ID)
}
