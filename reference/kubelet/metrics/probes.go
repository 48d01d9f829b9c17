package metrics

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Probe names the probes of one kind (Liveness, Readiness, Startup) of a container.
type Probe struct {
	UID                             types.UID
	Namespace, Pod, Container, Kind string
}

// Answer is how a probe ended.
type Answer int

// The answers of a probe: Unknown is one that could not be asked.
const (
	Successful Answer = iota
	Failed
	Unknown
)

var answers = [...]string{Successful: "successful", Failed: "failed", Unknown: "unknown"}

// probeBuckets are the upper bounds, in seconds, by which durations are counted.
var probeBuckets = [...]float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

// probed is what is remembered of a probe: a few numbers, since there are many.
type probed struct {
	answers [len(answers)]uint64
	buckets [len(probeBuckets)]uint64
	count   uint64
	seconds float64
}

// ProbeLog counts probes, those of pods that are on the node.
type ProbeLog struct {
	mu   sync.Mutex
	seen map[Probe]*probed
}

// Probes is the agent's.
var Probes ProbeLog

// Add counts one.
func (l *ProbeLog) Add(p Probe, a Answer, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.seen == nil {
		l.seen = map[Probe]*probed{}
	}
	r := l.seen[p]
	if r == nil {
		r = &probed{}
		l.seen[p] = r
	}
	r.answers[a]++
	r.count++
	r.seconds += took.Seconds()
	for i, bound := range probeBuckets {
		if took.Seconds() <= bound {
			r.buckets[i]++
			break
		}
	}
}

// Forget drops what is known of a pod.
func (l *ProbeLog) Forget(uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p := range l.seen {
		if p.UID == uid {
			delete(l.seen, p)
		}
	}
}

// Page is GET /metrics/probes.
func (l *ProbeLog) Page() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]Probe, 0, len(l.seen))
	for p := range l.seen {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b Probe) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Pod, b.Pod), strings.Compare(a.Container, b.Container),
			strings.Compare(a.Kind, b.Kind), strings.Compare(string(a.UID), string(b.UID)))
	})
	var t Text
	t.Family("prober_probe_duration_seconds", "histogram", "[ALPHA] Duration in seconds for a probe response.")
	for _, p := range list {
		r, sum := l.seen[p], uint64(0)
		of := func(more ...string) []string {
			return append([]string{"container", p.Container, "namespace", p.Namespace, "pod", p.Pod, "probe_type", p.Kind}, more...)
		}
		for i, bound := range probeBuckets {
			sum += r.buckets[i]
			t.Sample("prober_probe_duration_seconds_bucket", float64(sum), time.Time{}, of("le", strconv.FormatFloat(bound, 'g', -1, 64))...)
		}
		t.Sample("prober_probe_duration_seconds_bucket", float64(r.count), time.Time{}, of("le", "+Inf")...)
		t.Sample("prober_probe_duration_seconds_sum", r.seconds, time.Time{}, of()...)
		t.Sample("prober_probe_duration_seconds_count", float64(r.count), time.Time{}, of()...)
	}
	t.Family("prober_probe_total", "counter", "[BETA] Cumulative number of a liveness, readiness or startup probe for a container by result.")
	for _, p := range list {
		for a, n := range l.seen[p].answers {
			if n > 0 {
				t.Sample("prober_probe_total", float64(n), time.Time{}, "container", p.Container, "namespace", p.Namespace, "pod", p.Pod,
					"pod_uid", string(p.UID), "probe_type", p.Kind, "result", answers[a])
			}
		}
	}
	return t.Out
}
