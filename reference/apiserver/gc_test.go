package apiserver

import (
	"runtime"
	"testing"
	"time"
)

// A heap that is small may grow to three times its size, a large one by no less than is worth a collection.
func TestHowFarTheHeapMayGrow(t *testing.T) {
	for _, c := range []struct {
		live uint64
		want int
	}{{0, 200}, {100 << 20, 200}, {512 << 20, 200}, {1 << 30, 100}, {5 << 28, 80}, {3 << 30, 75}, {1 << 40, 75}} {
		if got := percent(c.live); got != c.want {
			t.Errorf("%d MiB live: %d%%, want %d%%", c.live>>20, got, c.want)
		}
	}
	if live() == 0 {
		runtime.GC()
		if live() == 0 {
			t.Error("nothing lives")
		}
	}
}

// What is to be done after each collection is done after each, and no more once it is over.
func TestAfterEachGC(t *testing.T) {
	calls := make(chan bool)
	afterEachGC(func() bool { return <-calls })
	for i := range 5 {
		for called, tries := false, 0; !called; tries++ {
			if tries == 1000 {
				t.Fatalf("not called after collection %d", i)
			}
			runtime.GC() // more than once: it may come before what it is to find dead
			select {
			case calls <- i < 4:
				called = true
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	runtime.GC()
	runtime.GC()
	select {
	case calls <- false:
		t.Error("called once more")
	default:
	}
}
