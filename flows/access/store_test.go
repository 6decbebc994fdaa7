package access_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/store/memory"
)

func TestDecode(t *testing.T) {
	key := access.Key{Kind: access.KindGrant, ID: "g-1"}
	for name, c := range map[string]struct {
		data string
		want error
	}{
		"of a later version":  {fmt.Sprintf(`{"format":%d,"value":{}}`, access.Format+1), access.ErrNewer},
		"of no version":       {`{"value":{}}`, access.ErrBroken},
		"of format minus one": {`{"format":-1,"value":{}}`, access.ErrBroken},
	} {
		_, err := access.Decode[access.Grant](access.Record{Key: key, Data: []byte(c.data)})
		wantErr(t, name, err, c.want)
	}
	for _, data := range []string{"", "{", `{"format":1,"value":[]}`} {
		if g, err := access.Decode[access.Grant](access.Record{Key: key, Data: []byte(data)}); err == nil {
			t.Errorf("%q decodes to %+v", data, g)
		}
	}
}

func TestStoredAndLoaded(t *testing.T) {
	s, g := memory.New(), granted(t, time.Hour, "a", "b")
	if _, _, err := access.Load[access.Grant](t.Context(), s, g.Key()); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("before: %v", err)
	}
	if got, v, err := access.LoadOrNew[access.Grant](t.Context(), s, g.Key()); err != nil || v != 0 || got.State != "" {
		t.Errorf("new: %+v at %d, %v", got, v, err)
	}
	c, err := access.Put(g, 0)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Commit(t.Context(), access.Commit{Changes: []access.Change{c}})
	if err != nil {
		t.Fatal(err)
	}
	got, at, err := access.LoadOrNew[access.Grant](t.Context(), s, g.Key())
	if diff := cmp.Diff(g, got); err != nil || at != v || diff != "" {
		t.Errorf("at %d, want %d, %v (-want +got):\n%s", at, v, err, diff)
	}
	if _, err := s.Commit(t.Context(), access.Commit{Changes: []access.Change{access.Delete(g.Key(), at)}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), g.Key()); !errors.Is(err, access.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
}

func TestEach(t *testing.T) {
	s := memory.New()
	for i := range 25 {
		r := asked()
		r.ID, r.AskedAt = access.RequestIDFrom(fmt.Sprint(i)), after(time.Duration(i)*time.Second)
		c, err := access.Put(r, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Commit(t.Context(), access.Commit{Changes: []access.Change{c}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, limit := range []int{1, 7, 25, 0} {
		q, n := access.Query{Index: access.IndexRequests, Limit: limit}, 0
		err := access.Each(t.Context(), s, q, func(rec access.Record) error {
			r, err := access.Decode[access.Request](rec)
			if want := after(time.Duration(n) * time.Second); !r.AskedAt.Equal(want) {
				t.Errorf("pages of %d: request %d was asked at %v", limit, n, r.AskedAt)
			}
			n++
			return err
		})
		if err != nil || n != 25 {
			t.Errorf("pages of %d: %d records, %v", limit, n, err)
		}
	}
	stop, n := errors.New("enough"), 0
	err := access.Each(t.Context(), s, access.Query{Index: access.IndexRequests, Limit: 2}, func(access.Record) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || n != 3 {
		t.Errorf("stopped after %d with %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := access.Each(ctx, s, access.Query{Index: access.IndexRequests}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("out of reach: %v", err)
	}
}

func TestTimeKeysSortByTime(t *testing.T) {
	zone := time.FixedZone("CET", 3600)
	for _, pair := range [][2]time.Time{{noon, noon.Add(1)}, {noon.In(zone), noon.Add(time.Second)}, {noon, noon.AddDate(1, 0, 0)}} {
		if a, b := access.TimeKey(pair[0]), access.TimeKey(pair[1]); a >= b {
			t.Errorf("%s is not before %s", a, b)
		}
	}
}

func TestClassOf(t *testing.T) {
	throttled := &access.WayError{Class: access.Throttled, After: time.Second, Err: errors.New("slow down")}
	for name, c := range map[string]struct {
		err  error
		want access.Class
	}{
		"classified":           {throttled, access.Throttled},
		"wrapped":              {fmt.Errorf("create a: %w", throttled), access.Throttled},
		"of nobody":            {errors.New("broken pipe"), access.Ambiguous},
		"the caller's timeout": {context.DeadlineExceeded, access.Ambiguous},
		"the zero class":       {&access.WayError{Err: errors.New("lost")}, access.Ambiguous},
		"refused":              {&access.WayError{Class: access.Refused, Err: errors.New("denied")}, access.Refused},
	} {
		if got := access.ClassOf(c.err); got != c.want {
			t.Errorf("%s is %v, want %v", name, got, c.want)
		}
	}
	if got := throttled.Error(); got != "slow down (throttled)" {
		t.Errorf("it says %q", got)
	}
}
