package apiserver

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

// Building the chain allocates a lot that lives on, so that collections during the start find little
// to free and cost a fifth of it. Afterwards what was not freed goes back to the machine, and the heap
// may grow with the load: to three times what lives while that is little, but where tens of thousands of
// objects are kept that would be gigabytes, so that there it is room for some work between two collections.
const (
	startGOGC   = 1000
	startPeriod = 5 * time.Second

	mostGOGC, leastGOGC = 200, 75
	room                = 1 << 30
)

// relaxGC lets the heap grow freely while the server starts, and then as far as is worth its memory. The returned
// function ends that.
func relaxGC() (restore func()) {
	debug.SetGCPercent(startGOGC)
	var ended atomic.Bool
	timer := time.AfterFunc(startPeriod, func() {
		afterEachGC(func() bool {
			if ended.Load() {
				return false
			}
			debug.SetGCPercent(percent(live()))
			return true
		})
		debug.SetGCPercent(percent(live()))
		debug.FreeOSMemory()
	})
	return func() {
		ended.Store(true)
		timer.Stop()
	}
}

// percent is by how much a heap of which so much lives may grow.
func percent(live uint64) int {
	if live == 0 {
		return mostGOGC
	}
	return int(max(leastGOGC, min(mostGOGC, room*100/live)))
}

// live is how much of the heap was found alive when it was last collected.
func live() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// afterEachGC calls do after each collection until it returns false.
func afterEachGC(do func() bool) {
	// Nothing refers to it: the next collection finds it dead. It holds a pointer, since small objects without
	// share their memory, and live as long as any of them.
	dead := &struct{ self *byte }{}
	runtime.AddCleanup(dead, func(struct{}) {
		if do() {
			afterEachGC(do)
		}
	}, struct{}{})
}
