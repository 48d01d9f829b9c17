package replicas

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Status is what a set reports about its pods. The counters leave out pods that
// have finished or are being deleted.
type Status struct {
	Replicas             int32
	FullyLabeledReplicas int32 // with all labels of the template
	ReadyReplicas        int32
	AvailableReplicas    int32  // ready for minReadySeconds
	TerminatingReplicas  *int32 // deleted and still running; nil where the kind has no such field
	ObservedGeneration   int64
	// Failure is the ReplicaFailure condition, nil if there is none.
	Failure *Failure
}

// Failure tells why the last attempt to create or delete pods did not succeed.
type Failure struct {
	Reason  string // FailedCreate or FailedDelete
	Message string
	Since   metav1.Time
}

// observe counts the pods of the set, and says after how long the count of
// available ones will change by the passing of time alone; zero if it will not.
func observe(set *Set, pods []*corev1.Pod, now time.Time) (Status, time.Duration) {
	status := Status{ObservedGeneration: set.Object.GetGeneration(), TerminatingReplicas: new(int32)}
	template := labels.SelectorFromSet(set.Template.Labels)
	var next time.Duration
	for _, pod := range pods {
		if controller.IsTerminating(pod) {
			*status.TerminatingReplicas++
		}
		if !controller.IsActive(pod) {
			continue
		}
		status.Replicas++
		if template.Matches(labels.Set(pod.Labels)) {
			status.FullyLabeledReplicas++
		}
		if controller.IsReady(pod) {
			status.ReadyReplicas++
		}
		switch wait, ok := controller.AvailableIn(pod, set.MinReadySeconds, now); {
		case ok && wait <= 0:
			status.AvailableReplicas++
		case ok && (next == 0 || wait < next):
			next = wait
		}
	}
	return status, next
}

// failure is the ReplicaFailure condition after an attempt to close the gap
// between wanted and actual pods ended in err. A failure that lasts keeps its
// first message and time.
func failure(previous *Failure, wanted, actual int, err error, now time.Time) *Failure {
	if err == nil || wanted == actual {
		return nil
	}
	if previous != nil {
		return previous
	}
	reason := controller.FailedCreate
	if actual > wanted {
		reason = controller.FailedDelete
	}
	return &Failure{Reason: reason, Message: err.Error(), Since: metav1.NewTime(now)}
}

// equal reports whether writing b over a would change nothing.
func (a Status) equal(b Status) bool {
	sameTerminating := (a.TerminatingReplicas == nil) == (b.TerminatingReplicas == nil) &&
		(a.TerminatingReplicas == nil || *a.TerminatingReplicas == *b.TerminatingReplicas)
	sameFailure := (a.Failure == nil) == (b.Failure == nil) &&
		(a.Failure == nil || a.Failure.Reason == b.Failure.Reason && a.Failure.Message == b.Failure.Message)
	a.TerminatingReplicas, b.TerminatingReplicas = nil, nil
	a.Failure, b.Failure = nil, nil
	return a == b && sameTerminating && sameFailure
}

// oldestFirst sorts sets by age, then name, so that the choice among several
// that match a pod does not depend on the cache's order.
func oldestFirst(sets []*Set) {
	slices.SortFunc(sets, func(a, b *Set) int {
		return cmp.Or(
			a.Object.GetCreationTimestamp().Compare(b.Object.GetCreationTimestamp().Time),
			cmp.Compare(a.Object.GetName(), b.Object.GetName()),
		)
	})
}
