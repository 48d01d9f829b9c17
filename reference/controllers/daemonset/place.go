package daemonset

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// burst is the most pods made or deleted in one go. What is left follows once
// the cache shows these.
const burst = 250

// decision is what to do about a set's pods.
type decision struct {
	create []string // nodes that get a pod
	remove []removal
	// again is when the back-off of a failed pod ends; zero if none is waiting.
	again time.Duration
}

// removal is a pod that goes. One that goes because it has ended says how.
type removal struct {
	pod   *corev1.Pod
	node  string
	ended corev1.PodPhase
}

func (d *decision) empty() bool { return len(d.create)+len(d.remove) == 0 }

func (d *decision) limit() {
	d.create = d.create[:min(len(d.create), burst)]
	d.remove = d.remove[:min(len(d.remove), burst)]
}

// plan says what to do next: first to see that each node has the pods that it
// should, and only where nothing is left to do about that, to replace old ones.
// Wait tells how long a failed pod of the node has to stay.
func plan(v *view, wait func(node string) time.Duration) decision {
	d := place(v, wait)
	if d.empty() {
		again := d.again
		d = roll(v)
		d.again = again
	}
	d.limit()
	return d
}

// place gives each node that should run a pod one, and takes away what is too
// much.
func place(v *view, wait func(node string) time.Duration) decision {
	var d decision
	for _, s := range v.sites {
		switch {
		case s.gone:
			// What has been there is the pod garbage collector's; what was only meant
			// for it can never run.
			for _, pod := range s.pods {
				if pod.Spec.NodeName == "" {
					d.drop(s, pod)
				}
			}
		case s.run && len(s.pods) == 0:
			d.create = append(d.create, s.node)
		case s.keep:
			v.tidy(&d, s, wait)
		default:
			for _, pod := range s.pods {
				d.drop(s, pod)
			}
		}
	}
	return d
}

// drop removes the pod unless it is on its way out.
func (d *decision) drop(s site, pod *corev1.Pod) {
	if pod.DeletionTimestamp == nil {
		d.remove = append(d.remove, removal{pod: pod, node: s.node})
	}
}

// tidy removes what has ended on the node, and what is more than it should run.
func (v *view) tidy(d *decision, s site, wait func(node string) time.Duration) {
	var running []*corev1.Pod
	for _, pod := range s.pods {
		switch {
		case pod.DeletionTimestamp != nil:
		case !controller.IsFinished(pod):
			running = append(running, pod)
		case pod.Status.Phase == corev1.PodFailed && wait(s.node) > 0:
			if left := wait(s.node); d.again == 0 || left < d.again {
				d.again = left
			}
		default:
			// The node gets another one when this is gone.
			d.remove = append(d.remove, removal{pod: pod, node: s.node, ended: pod.Status.Phase})
		}
	}
	// Of several, one that is available stays rather than an older one that is not.
	slices.SortStableFunc(running, func(a, b *corev1.Pod) int { return falseLast(v.available(a), v.available(b)) })
	switch {
	case !v.surges():
		for _, pod := range running[min(1, len(running)):] {
			d.drop(s, pod)
		}
	case len(running) == 0 && s.run:
		// Others may still be on their way out: a set that surges does not wait.
		d.create = append(d.create, s.node)
	case len(running) > 1:
		v.settleSurge(d, s, running)
	}
}

// settleSurge leaves a node of a set that surges one new pod, and one old pod
// for as long as that is ready and the new one is not available.
func (v *view) settleSurge(d *decision, s site, running []*corev1.Pod) {
	var newest, old *corev1.Pod // the senior one of each
	for _, pod := range running {
		switch {
		case v.current(pod) && newest == nil:
			newest = pod
		case !v.current(pod) && old == nil:
			old = pod
		default:
			d.drop(s, pod)
		}
	}
	if newest != nil && old != nil && (!controller.IsReady(old) || v.available(newest)) {
		d.drop(s, old)
	}
}

func falseLast(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
