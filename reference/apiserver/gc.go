package apiserver

import (
	"runtime/debug"
	"time"
)

// Building the chain allocates a lot that lives on, so that collections during the start find little
// to free and cost a fifth of it. Afterwards what was not freed goes back to the machine, and the heap
// may grow with the load to three times what lives.
const (
	startGOGC   = 1000
	servingGOGC = 200
	startPeriod = 5 * time.Second
)

// relaxGC lets the heap grow freely while the server starts. The returned function ends that early.
func relaxGC() (restore func()) {
	debug.SetGCPercent(startGOGC)
	timer := time.AfterFunc(startPeriod, func() {
		debug.SetGCPercent(servingGOGC)
		debug.FreeOSMemory()
	})
	return func() { timer.Stop() }
}
