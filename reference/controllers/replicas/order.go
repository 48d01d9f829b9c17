package replicas

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// surplusOrder sorts pods so that those to be removed first come first: not yet
// on a node, then pending or unknown, not ready, of lower deletion cost, sharing
// their node with more of their kind, ready for less time, restarted more often,
// younger. Times are compared by order of magnitude, so that among pods of about
// the same age the choice is spread rather than always falling on the newest
// (KEP-2185); the uid decides what is left.
//
// onNode says how many of the related pods run on a node.
func surplusOrder(pods []*corev1.Pod, onNode func(node string) int, now time.Time) {
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(
			controller.FalseFirst(a.Spec.NodeName != "", b.Spec.NodeName != ""),
			cmp.Compare(controller.PhaseRank(a), controller.PhaseRank(b)),
			controller.FalseFirst(controller.IsReady(a), controller.IsReady(b)),
			cmp.Compare(deletionCost(a), deletionCost(b)),
			-cmp.Compare(onNode(a.Spec.NodeName), onNode(b.Spec.NodeName)),
			cmp.Compare(magnitude(controller.ReadySince(a), now), magnitude(controller.ReadySince(b), now)),
			-cmp.Compare(controller.Restarts(a), controller.Restarts(b)),
			cmp.Compare(magnitude(a.CreationTimestamp.Time, now), magnitude(b.CreationTimestamp.Time, now)),
			cmp.Compare(a.UID, b.UID),
		)
	})
}

// deletionCost is the pod's annotation of that name; one that is malformed
// counts as none, which is 0.
func deletionCost(pod *corev1.Pod) int32 {
	cost, err := strconv.ParseInt(pod.Annotations[corev1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return int32(cost)
}

// magnitude is the order of magnitude of the time since then. A time that is
// unknown or in the future is the shortest.
func magnitude(then, now time.Time) int {
	if then.IsZero() || !then.Before(now) {
		return math.MinInt
	}
	return int(math.Floor(math.Log2(float64(now.Sub(then)))))
}
