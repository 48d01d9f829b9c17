package controllertest

import (
	"context"
	"errors"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// Nodes stand in for the nodes of a cluster that has only an API server.
type Nodes struct {
	Client kubernetes.Interface
	// Namespace is that of the pods they run; all if empty.
	Namespace string
	// Node is the name of the node that pods are put on; those that name another in
	// their affinity, as a DaemonSet's do, are put on that. Without a name they are
	// on none, and so are gone as soon as they are deleted; with one they have an
	// end that the node must report.
	Node string
	// Status sets the status that the pod should have by now: running and ready
	// if nil. It is asked at each change of the pod.
	Status func(*corev1.Pod)
}

// Run runs pods until ctx ends.
func (n Nodes) Run(ctx context.Context) {
	for ctx.Err() == nil {
		pods, err := n.Client.CoreV1().Pods(n.Namespace).Watch(ctx, metav1.ListOptions{})
		if err != nil {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-ctx.Done():
			}
			continue
		}
		for event := range pods.ResultChan() {
			if pod, ok := event.Object.(*corev1.Pod); ok && event.Type != watch.Deleted {
				n.look(ctx, pod)
			}
		}
	}
}

// look takes the pod one stage further. That the API server refuses means that
// somebody has changed or deleted it in between, which has made another event; if
// it is only too busy, there is none, and it is asked again.
func (n Nodes) look(ctx context.Context, pod *corev1.Pod) {
	for {
		err := n.run(ctx, pod.DeepCopy())
		if err == nil || refused(err) {
			return
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

// refused says that the error is the server's last word.
func refused(err error) bool {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return false
	}
	code := answer.Status().Code
	return code >= 400 && code < 500 && code != http.StatusTooManyRequests
}

func (n Nodes) run(ctx context.Context, pod *corev1.Pod) error {
	api := n.Client.CoreV1().Pods(pod.Namespace)
	switch {
	case pod.DeletionTimestamp != nil:
		if ptr.Deref(pod.DeletionGracePeriodSeconds, 0) > 0 {
			return api.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		}
		return nil
	case n.Node != "" && pod.Spec.NodeName == "":
		return api.Bind(ctx, &corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Target: corev1.ObjectReference{Kind: "Node", Name: n.choose(pod)},
		}, metav1.CreateOptions{})
	}
	before := pod.Status.DeepCopy()
	status := n.Status
	if status == nil {
		status = RunningAndReady
	}
	if status(pod); equality.Semantic.DeepEqual(before, &pod.Status) {
		return nil
	}
	_, err := api.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
	return err
}

// RunningAndReady makes a pending pod so.
func RunningAndReady(pod *corev1.Pod) {
	if pod.Status.Phase != corev1.PodPending {
		return
	}
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{
		Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
	}}
}

// choose is the node that the pod is to be put on.
func (n Nodes) choose(pod *corev1.Pod) string {
	affinity := pod.Spec.Affinity
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return n.Node
	}
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == metav1.ObjectNameField && len(field.Values) == 1 {
				return field.Values[0]
			}
		}
	}
	return n.Node
}
