// Package eviction is what the controllers have in common that delete pods because of taints, be they of nodes or of
// devices.
package eviction

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Texts are what an Evictor tells.
type Texts struct {
	// Event is the reason of events, Reason and Message are those of the condition DisruptionTarget.
	Event, Reason, Message string
	// Marking and Cancelling are the messages of events.
	Marking, Cancelling func(pod types.NamespacedName) string
}

// Evictor deletes pods, each once, and remembers which of them have a deadline ahead. It is safe for use by several
// workers.
type Evictor struct {
	Texts
	client kubernetes.Interface
	events record.EventRecorder
	writes *controller.Writes

	mu      sync.Mutex
	pending map[types.NamespacedName]types.UID
}

// New returns an Evictor of the pods of the store, which must be an informer's.
func New(client kubernetes.Interface, events record.EventRecorder, pods cache.Store, texts Texts) *Evictor {
	return &Evictor{Texts: texts, client: client, events: events, writes: controller.NewWrites(pods), pending: map[types.NamespacedName]types.UID{}}
}

// Seen says whether the cache shows what has been done about the pod. Before, nothing must be decided about it.
func (e *Evictor) Seen(pod types.NamespacedName) bool { return e.writes.Seen(pod) }

// Await notes that the pod has a deadline ahead.
func (e *Evictor) Await(pod *corev1.Pod) { e.mark(controller.Key(pod), pod.UID) }

// Spare notes that the pod has no deadline. If it had one before, it is told so.
func (e *Evictor) Spare(pod *corev1.Pod) {
	key := controller.Key(pod)
	if e.mark(key, "") == pod.UID {
		e.events.Event(pod, corev1.EventTypeNormal, e.Event, e.Cancelling(key))
	}
}

// Forget drops what is known about a pod that is gone.
func (e *Evictor) Forget(pod types.NamespacedName) { e.mark(pod, "") }

// mark notes that the pod of the uid has a deadline ahead, or none if the uid is empty, and returns whose deadline it
// was before.
func (e *Evictor) mark(key types.NamespacedName, uid types.UID) types.UID {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.pending[key]
	if uid == "" {
		delete(e.pending, key)
	} else {
		e.pending[key] = uid
	}
	return before
}

// Evict deletes the pod, after its status tells why. It says whether it did: the pod may be gone already.
func (e *Evictor) Evict(ctx context.Context, pod *corev1.Pod, now time.Time) (bool, error) {
	key := controller.Key(pod)
	e.Forget(key)
	disrupted := pod.DeepCopy()
	if controller.SetPodCondition(disrupted, corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, ObservedGeneration: pod.Generation,
		Reason: e.Reason, Message: e.Message, LastTransitionTime: metav1.NewTime(now),
	}) {
		_, err := e.client.CoreV1().Pods(pod.Namespace).UpdateStatus(ctx, disrupted, metav1.UpdateOptions{})
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("noting the eviction of pod %s: %w", key, err)
		}
	}
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
	err := e.client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("evicting pod %s: %w", key, err)
	}
	e.writes.Deleted(key, pod)
	e.events.Event(pod, corev1.EventTypeNormal, e.Event, e.Marking(key))
	return true, nil
}

// Tolerance says whether something is tolerated, and if so whether only for a number of seconds: the shortest of the
// times that those of the tolerations allow which match. A negative time is none.
func Tolerance[T any](tolerations []T, matches func(*T) bool, limit func(*T) *int64) (tolerated, limited bool, seconds int64) {
	for i := range tolerations {
		if !matches(&tolerations[i]) {
			continue
		}
		tolerated = true
		allowed := limit(&tolerations[i])
		if allowed == nil {
			continue
		}
		if most := max(0, *allowed); !limited || most < seconds {
			limited, seconds = true, most
		}
	}
	return tolerated, limited, seconds
}
