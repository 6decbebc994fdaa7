package flowfile_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sesame/flows/access"
	"sesame/flows/flowfile"
)

func TestWatch(t *testing.T) {
	with := func(watch string) fstest.MapFS {
		text := strings.Replace(routesBase, "    routes:", "    watch: "+watch+"\n    routes:", 1)
		return fstest.MapFS{"f.yaml": {Data: []byte(text)}}
	}
	s, err := flowfile.Load(with("{users: [Boss@example.com], groups: [heads], on_call: platform}"), "f.yaml")
	if err != nil {
		t.Fatal(err)
	}
	flow, _ := s.Flow("site")
	want := access.Audience{Groups: []string{"heads", "platform"}, People: []string{"boss@example.com"}}
	if diff := cmp.Diff(want, flow.Watch); diff != "" {
		t.Error(diff)
	}
	for wrong, says := range map[string]string{
		"{groups: [nobody]}": `unknown group "nobody"`, "{on_call: nobody}": `unknown on-call schedule "nobody"`, "{users: [boss]}": `"boss"`, "{count: 1}": "count",
	} {
		if _, err := flowfile.Load(with(wrong), "f.yaml"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
	if flow, _ := routesSet(t).Flow("site"); len(flow.Watch.Groups)+len(flow.Watch.People) > 0 {
		t.Errorf("nobody was named, and %v may watch", flow.Watch)
	}
}
