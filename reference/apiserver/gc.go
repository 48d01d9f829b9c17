package apiserver

import (
	"runtime/debug"
	"time"
)

// Building the chain allocates a lot that lives on, so that collections during the start find little
// to free and cost a fifth of it; afterwards a larger heap is worth less than memory.
const (
	startGOGC   = 1000
	servingGOGC = 200
	startPeriod = 5 * time.Second
)

// relaxGC lets the heap grow freely while the server starts. The returned function ends that early.
func relaxGC() (restore func()) {
	debug.SetGCPercent(startGOGC)
	timer := time.AfterFunc(startPeriod, func() { debug.SetGCPercent(servingGOGC) })
	return func() { timer.Stop() }
}
