//go:build unix

package main

import (
	"fmt"
	"io"

	"sesame/proxy/calls"
)

// recorded sums up what the proxy recorded, and complains of calls that it sent
// without knowing what they were.
func (r *road) recorded(w io.Writer) error {
	kinds, unknown := map[calls.Kind]int{}, 0
	err := calls.Each(r.calls, func(e calls.Entry) error {
		kinds[e.Kind]++
		if e.Kind != calls.Refused && e.Service != "" && len(e.Actions) == 0 {
			unknown++
			fmt.Fprintf(w, "no action is known for %s %s\n", e.Service, e.Operation)
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "\nrecorded by %s: %d answers, %d of them intended before, %d refusals\n", r.name, kinds[calls.Answer], kinds[calls.Intent], kinds[calls.Refused])
	if unknown > 0 {
		return fmt.Errorf("%d calls without a known action", unknown)
	}
	return nil
}
