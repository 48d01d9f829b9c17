package sim

import (
	"errors"
	"fmt"
	"hash/fnv"
	"net/http"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"pgregory.net/rapid"
)

// Weather is how well the network and the API server work. The rates are out of
// a hundred requests of the controllers.
type Weather struct {
	Conflicts int // writes that are refused because the object has changed
	Refusals  int // requests that are refused with an internal error, not applied
	Losses    int // writes that are applied, and answered with a timeout
	Quota     int // creations that are refused with 403
	// Request and Event are the longest time that a request takes, each way, and
	// that an event takes to arrive.
	Request, Event time.Duration
}

func drawWeather(t *rapid.T) Weather {
	rate := rapid.SampledFrom([]int{0, 0, 0, 3, 10, 30})
	return Weather{
		Conflicts: rate.Draw(t, "conflicts"), Refusals: rate.Draw(t, "refusals"),
		Losses: rate.Draw(t, "losses"), Quota: rate.Draw(t, "quota"),
		Request: rapid.SampledFrom([]time.Duration{0, 5 * time.Millisecond, 50 * time.Millisecond}).Draw(t, "request"),
		Event:   rapid.SampledFrom([]time.Duration{0, 10 * time.Millisecond, 300 * time.Millisecond, 3 * time.Second}).Draw(t, "event"),
	}
}

// weather decides the fate of requests. What it decides depends on the seed and
// on what has been asked for how often, so that it is the same in every run.
type weather struct {
	seed uint64

	mu    sync.Mutex
	now   Weather
	asked map[string]int
}

func (w *weather) set(now Weather) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = now
}

// fate is what befalls a request.
type fate struct {
	before, after time.Duration
	instead       error // it is not applied
	lost          error // it is applied, but this is the answer
}

func (w *weather) over(actor string, req *request) fate {
	if actor == User || actor == Node || actor == Garbage {
		return fate{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	what := actor + req.Method + req.resource.Resource + req.subresource
	w.asked[what]++
	n := w.asked[what]
	f := fate{before: span(w.now.Request, w.seed, what, n, "before"), after: span(w.now.Request, w.seed, what, n, "after")}
	read, create := req.Method == http.MethodGet, req.Method == http.MethodPost
	die := int(hash(w.seed, what, n) % 100)
	struck := func(rate int) bool {
		die -= rate
		return die < 0 && die >= -rate
	}
	switch {
	case struck(w.now.Refusals):
		f.instead = apierrors.NewInternalError(errors.New("the simulated server had a bad moment"))
	case read:
	case struck(w.now.Losses):
		f.lost = apierrors.NewTimeoutError("the simulated answer was lost", 0)
	case !create && struck(w.now.Conflicts):
		f.instead = conflict(req.resource, req.key.Name)
	case create && struck(w.now.Quota):
		f.instead = apierrors.NewForbidden(req.resource.GroupResource(), "", errors.New("exceeded quota: simulated"))
	}
	return f
}

// delay is how long the event of that version takes to get through the gate.
func (w *weather) delay(gate string, version int64) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return span(w.now.Event, w.seed, gate, version)
}

// span is a time up to most.
func span(most time.Duration, of ...any) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(hash(of...) % uint64(most))
}

// hash is a number that looks random and depends on its arguments alone.
func hash(of ...any) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, of...)
	// FNV's last bytes reach few bits; mix them.
	n := h.Sum64()
	n ^= n >> 33
	n *= 0xff51afd7ed558ccd
	n ^= n >> 33
	return n
}
