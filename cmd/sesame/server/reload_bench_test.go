package server_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sesame/flows/clock"
)

// writeLarge writes 1,000 targets in 200 flows of 20 rules each, as a folder of
// files. The number is somewhere in each flow.
func (r *rig) writeLarge(n int) {
	r.Helper()
	head, _, _ := strings.Cut(flowsYAML, "targets:")
	r.write("00.yaml", head)
	for i := range 200 {
		var b strings.Builder
		b.WriteString("version: 1\ntargets:\n")
		for j := range 5 {
			fmt.Fprintf(&b, "  target-%d-%d: {label: A target, strategy: sso, account: %q, permission_set: FrontEnd, tags: {env: prod}}\n", i, j, frontend)
		}
		fmt.Fprintf(&b, "flows:\n  flow-%d:\n    targets: [target-%d-0, target-%d-1, target-%d-2, target-%d-3, target-%d-4]\n    duration: {choices: [1h, 2h], default: 1h}\n    who: in_group(\"engineering\", requester)\n    guardrails:\n", i, i, i, i, i, i)
		for j := range 20 {
			fmt.Fprintf(&b, "      - {name: rule-%d, deny: 'target.tags.env == \"dev\" and request.reason contains \"%d-%d\" and window.overlaps(\"Fri 18:00\", \"Mon 07:00\")', message: No.}\n", j, n, i*20+j)
		}
		b.WriteString("    routes: [{name: leads, approvers: {groups: [leads], count: 1}, notify: [access]}]\n")
		r.write(fmt.Sprintf("flow-%d.yaml", i), b.String())
	}
}

func (r *rig) write(name, text string) {
	r.Helper()
	text = strings.NewReplacer("%CHANNEL%", r.channel, "%GROUP%", r.group).Replace(text)
	if err := os.WriteFile(filepath.Join(r.options.Config.Flows, name), []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
}

// BenchmarkReload has a server put 1,000 targets in 200 flows of 20 rules each
// in force, all of them changed, and say what changed. Beside the time stands
// the longest that somebody waited who asked the server something meanwhile, a
// hundred times a second: on few processors, they share them.
func BenchmarkReload(b *testing.B) {
	r := newRig(b)
	machine := clock.System{}
	r.options.Config.Flows = filepath.Join(filepath.Dir(r.options.Config.Flows), "flows")
	if err := os.Mkdir(r.options.Config.Flows, 0o700); err != nil {
		b.Fatal(err)
	}
	r.writeLarge(0)
	c := r.start()
	longest := func(ctx context.Context) (most time.Duration) {
		for began := machine.Now(); ; began = began.Add(10 * time.Millisecond) {
			if clock.Wait(ctx, machine, began) != nil {
				return most
			}
			r.outbox(c)
			most = max(most, machine.Now().Sub(began))
		}
	}
	var most time.Duration
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		r.writeLarge(n)
		ctx, done := context.WithCancel(b.Context())
		var other sync.WaitGroup
		other.Go(func() { most = max(most, longest(ctx)) })
		b.StartTimer()
		if got := r.apply(c, false); !got.OK || len(got.Differences) != 200 {
			b.Fatalf("%t, %d differences, %v", got.OK, len(got.Differences), got.Problems)
		}
		done()
		other.Wait()
	}
	b.ReportMetric(float64(most.Microseconds())/1000, "longest-wait-ms")
}
