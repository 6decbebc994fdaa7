package flowfile

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// onAll calls do for each number below n, on all processors, and returns once
// it has.
func onAll(n int, do func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), n) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	workers.Wait()
}
