package daemonset

import (
	"cmp"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// view is all that decisions are made from.
type view struct {
	set   *appsv1.DaemonSet
	hash  string // of the current revision
	sites []site // by name
	now   time.Time
}

// site is a node, or one that is gone and still has pods, with the set's pods on it.
type site struct {
	node string
	gone bool
	verdict
	// pods are those that are on the node or meant for it, the one to stay first,
	// terminating ones included.
	pods []*corev1.Pod
}

// look sorts the set's pods by the nodes they are on or meant for.
func look(set *appsv1.DaemonSet, hash string, nodes []*corev1.Node, pods []*corev1.Pod, now time.Time) *view {
	v := &view{set: set, hash: hash, sites: make([]site, 0, len(nodes)), now: now}
	on := make(map[string][]*corev1.Pod, len(nodes))
	for _, pod := range pods {
		// One that has ended and is only waiting for a finalizer takes up no place.
		if controller.IsFinished(pod) && pod.DeletionTimestamp != nil {
			continue
		}
		if node, ok := nodeOf(pod); ok {
			on[node] = append(on[node], pod)
		}
	}
	eligible := newEligibility(&set.Spec.Template)
	for _, node := range nodes {
		v.sites = append(v.sites, site{node: node.Name, verdict: eligible.of(node), pods: seniority(on[node.Name])})
		delete(on, node.Name)
	}
	for node, pods := range on {
		v.sites = append(v.sites, site{node: node, gone: true, pods: seniority(pods)})
	}
	slices.SortFunc(v.sites, func(a, b site) int { return cmp.Compare(a.node, b.node) })
	return v
}

// desired is on how many nodes a pod should run.
func (v *view) desired() int {
	n := 0
	for _, s := range v.sites {
		if s.run {
			n++
		}
	}
	return n
}

func (v *view) available(pod *corev1.Pod) bool {
	wait, ready := controller.AvailableIn(pod, v.set.Spec.MinReadySeconds, v.now)
	return ready && wait <= 0
}

func (v *view) current(pod *corev1.Pod) bool { return isCurrent(v.set, v.hash, pod) }

// rolling returns the bounds of a set that replaces old pods by itself.
// Percentages are of the desired number and round up. Where both are nothing, as
// of a set that cannot be, one pod may be unavailable: an update has to end.
func (v *view) rolling() (maxUnavailable, maxSurge int, ok bool) {
	r := v.set.Spec.UpdateStrategy.RollingUpdate
	if v.set.Spec.UpdateStrategy.Type != appsv1.RollingUpdateDaemonSetStrategyType || r == nil {
		return 0, 0, false
	}
	desired := v.desired()
	maxUnavailable, maxSurge = scaled(r.MaxUnavailable, desired), scaled(r.MaxSurge, desired)
	if maxUnavailable == 0 && maxSurge == 0 && desired > 0 {
		maxUnavailable = 1
	}
	return maxUnavailable, maxSurge, true
}

// surges reports whether a new pod may run beside the old one of its node.
func (v *view) surges() bool {
	r := v.set.Spec.UpdateStrategy.RollingUpdate
	return v.set.Spec.UpdateStrategy.Type == appsv1.RollingUpdateDaemonSetStrategyType && r != nil && scaled(r.MaxSurge, 1) > 0
}

// scaled is the number, or the part of total, rounded up.
func scaled(value *intstr.IntOrString, total int) int {
	if value == nil {
		return 0
	}
	n, err := intstr.GetScaledValueFromIntOrPercent(value, total, true)
	if err != nil {
		return 0 // validation keeps it out of the API
	}
	return n
}
