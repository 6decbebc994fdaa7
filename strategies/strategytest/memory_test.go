package strategytest_test

import (
	"fmt"
	"testing"
	"time"

	"sesame/flows/access"
	"sesame/flows/clock"
	"sesame/strategies/strategytest"
)

func TestMemory(t *testing.T) {
	for _, latency := range []time.Duration{2 * time.Second, 0} {
		t.Run(latency.String(), func(t *testing.T) {
			strategytest.Run(t, func(*testing.T) strategytest.Rig {
				c := clock.Frozen(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
				m := strategytest.NewMemory(c, latency)
				return strategytest.Rig{Way: m, World: m, Clock: c, Spec: func(n int) access.Spec {
					name := fmt.Sprintf("memory/%d", n)
					return access.Spec{Key: access.ObjectKey(name), Way: "memory", Lane: name, Budget: "memory"}
				}}
			})
		})
	}
}

func TestShells(t *testing.T) {
	strategytest.RunShells(t, func(*testing.T) strategytest.ShellRig {
		c := clock.Frozen(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
		m := strategytest.NewShells(c)
		return strategytest.ShellRig{Cutter: m, World: m, Clock: c, Spec: func(person, n int) access.Spec {
			whose := fmt.Sprintf("p-%d", person)
			return access.Spec{Key: access.ObjectKey(fmt.Sprintf("%s/%d", whose, n)), Lane: whose, SessionsOf: whose}
		}}
	})
}
