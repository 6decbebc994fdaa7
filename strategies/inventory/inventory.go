package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"golang.org/x/sync/singleflight"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/flows/flowfile"
	"sesame/strategies/identitycenter"
)

const (
	// keptFor is how long what was found is shown again.
	keptFor = 30 * time.Second
	// maxKept bounds what is remembered.
	maxKept = 1024
	// maxListed is how many machines are listed.
	maxListed = 200
)

// A Listing is what matched at a moment, in the order of regions and ids.
type Listing struct {
	Instances []access.Instance
	More      bool // there are others
	At        time.Time
}

// An Asking says where machines are looked for, and which.
type Asking struct {
	// Reach is with whose credentials; its Region is replaced.
	Reach   identitycenter.Config
	Account string
	Region  string // where an aggregator is
	Want    flowfile.Instances
}

// A Finder finds machines. It is safe for concurrent use.
type Finder struct {
	clock  clock.Clock
	flight singleflight.Group

	mu    sync.Mutex // guards what follows
	seats map[string]*seat
	found map[string]Listing
}

// New returns a Finder that knows of nothing yet.
func New(c clock.Clock) *Finder {
	return &Finder{clock: c, seats: map[string]*seat{}, found: map[string]Listing{}}
}

// Find returns what matches now, or did a moment ago. With fresh EC2 is asked,
// whatever else the flow file says, and after Find was called: AWS Config is
// behind, and so is an answer that somebody waits for already.
func (f *Finder) Find(ctx context.Context, a Asking, fresh bool) (Listing, error) {
	if len(a.Want.Tags) == 0 {
		return Listing{}, errors.New("find machines: no tag is named")
	}
	key := a.key()
	f.mu.Lock()
	last, known := f.found[key]
	f.mu.Unlock()
	if known && !fresh && f.clock.Now().Sub(last.At) < keptFor {
		return last, nil
	}
	if fresh {
		a.Want.Config, a.Want.Aggregator = false, ""
		f.flight.Forget(key)
	}
	done := f.flight.DoChan(key, func() (any, error) {
		// Whoever else waits does not depend on whether the first of them stays.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keptFor)
		defer cancel()
		return f.ask(ctx, a)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return Listing{}, fmt.Errorf("find machines with %s: %w", a.Want.Spoken(), r.Err)
		}
		found := r.Val.(Listing)
		f.keep(key, found)
		return found, nil
	case <-ctx.Done():
		return Listing{}, context.Cause(ctx)
	}
}

// keep remembers what was found, unless something newer is known.
func (f *Finder) keep(key string, l Listing) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.At.Before(f.found[key].At) {
		return
	}
	if len(f.found) >= maxKept {
		clear(f.found)
	}
	f.found[key] = l
}

// key tells askings apart.
func (a Asking) key() string {
	parts := []string{a.place(), a.Region, a.Want.Aggregator, fmt.Sprint(a.Want.Config), strings.Join(a.Want.Regions, ",")}
	return strings.Join(append(parts, a.Want.Spoken()), "\n")
}

// place tells apart with whose credentials is asked.
func (a Asking) place() string {
	role := ""
	if n := len(a.Reach.RoleChain); n > 0 {
		role = a.Reach.RoleChain[n-1].ARN
	}
	return strings.Join([]string{a.Account, a.Reach.Profile, role}, "\n")
}

func (f *Finder) ask(ctx context.Context, a Asking) (Listing, error) {
	l := Listing{At: f.clock.Now()}
	all, err := f.machines(ctx, a)
	if err != nil {
		return Listing{}, err
	}
	slices.SortFunc(all, func(x, y machine) int {
		return cmp.Or(strings.Compare(x.Region, y.Region), strings.Compare(x.ID, y.ID))
	})
	if l.More = len(all) > maxListed; l.More {
		all = all[:maxListed]
	}
	pings, err := f.pings(ctx, a, all)
	if err != nil {
		return Listing{}, err
	}
	for _, m := range all {
		m.Ping = pings[m.ID]
		m.Name, m.Spelled = m.tags["Name"], spelledTwice(m.tags)
		l.Instances = append(l.Instances, m.Instance)
	}
	return l, nil
}

// A machine is one with its tags.
type machine struct {
	access.Instance
	tags map[string]string
}

// has reports whether m has all of the tags, to the letter.
func (m machine) has(tags map[string]string) bool {
	for key, value := range tags {
		if m.tags[key] != value {
			return false
		}
	}
	return true
}

// spelledTwice returns the keys that differ in case alone, those of each as one
// text.
func spelledTwice(tags map[string]string) []string {
	spellings := map[string][]string{}
	for key := range tags {
		spellings[strings.ToLower(key)] = append(spellings[strings.ToLower(key)], key)
	}
	var all []string
	for _, keys := range spellings {
		if len(keys) > 1 {
			slices.Sort(keys)
			all = append(all, strings.Join(keys, " and "))
		}
	}
	slices.Sort(all)
	return all
}

// machines returns those that match, however they are looked for.
func (f *Finder) machines(ctx context.Context, a Asking) (all []machine, err error) {
	if a.Want.Aggregator != "" {
		s, err := f.seat(ctx, a, a.Region)
		if err != nil {
			return nil, err
		}
		return s.aggregated(ctx, a)
	}
	for _, region := range a.Want.Regions {
		s, err := f.seat(ctx, a, region)
		if err != nil {
			return nil, err
		}
		look := s.described
		if a.Want.Config {
			look = s.selected
		}
		found, err := look(ctx, a)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

// A seat has the clients of one account and region.
type seat struct {
	region string
	ec2    *ec2.Client
	ssm    *ssm.Client
	config *configservice.Client
}

// seat returns the one of a region. Two callers may make it at once, since no
// lock is held while AWS is asked; either will do.
func (f *Finder) seat(ctx context.Context, a Asking, region string) (*seat, error) {
	key := a.place() + "\n" + region
	f.mu.Lock()
	s := f.seats[key]
	f.mu.Unlock()
	if s != nil {
		return s, nil
	}
	own := a.Reach
	own.Region, own.Account = region, a.Account
	cfg, _, err := identitycenter.Connect(ctx, own)
	if err != nil {
		return nil, err
	}
	s = &seat{region, ec2.NewFromConfig(cfg), ssm.NewFromConfig(cfg), configservice.NewFromConfig(cfg)}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.seats) >= maxKept {
		clear(f.seats)
	}
	f.seats[key] = s
	return s, nil
}
