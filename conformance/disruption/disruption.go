// Package disruption judges the area "disruption": PodDisruptionBudgets and the eviction API.
//
// Pods that must be ready run on a node without a machine, whose kubelet the spec plays.
package disruption

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// budget describes a PodDisruptionBudget of the pods app=app.
func budget(name, app string) *policyv1.PodDisruptionBudget {
	return &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: policyv1.PodDisruptionBudgetSpec{
		Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
	}}
}

// minAvailable describes a budget by the same name as the app, with a number ("2") or a percentage ("50%").
func minAvailable(app, amount string) *policyv1.PodDisruptionBudget {
	b, value := budget(app, app), intstr.Parse(amount)
	b.Spec.MinAvailable = &value
	return b
}

// maxUnavailable is like minAvailable.
func maxUnavailable(app, amount string) *policyv1.PodDisruptionBudget {
	b, value := budget(app, app), intstr.Parse(amount)
	b.Spec.MaxUnavailable = &value
	return b
}

// tells says that the status is of the newest generation, expects so many pods, of which so many are healthy and
// so many must be, and allows so many disruptions; and that the condition agrees.
func tells(expected, healthy, desired, allowed int32) func([]*policyv1.PodDisruptionBudget) bool {
	return func(now []*policyv1.PodDisruptionBudget) bool {
		if len(now) != 1 {
			return false
		}
		status, reason := metav1.ConditionTrue, policyv1.SufficientPodsReason
		if allowed == 0 {
			status, reason = metav1.ConditionFalse, policyv1.InsufficientPodsReason
		}
		s, c := now[0].Status, condition(now[0])
		return s.ObservedGeneration == now[0].Generation && s.ExpectedPods == expected && s.CurrentHealthy == healthy &&
			s.DesiredHealthy == desired && s.DisruptionsAllowed == allowed &&
			c.Status == status && c.Reason == reason && c.ObservedGeneration == now[0].Generation
	}
}

func condition(b *policyv1.PodDisruptionBudget) metav1.Condition {
	if c := meta.FindStatusCondition(b.Status.Conditions, policyv1.DisruptionAllowedCondition); c != nil {
		return *c
	}
	return metav1.Condition{}
}

// onNode describes a pod for the node; it ends at once when it is to.
func onNode(node *StandInNode, name string) *corev1.Pod {
	pod := Pod(name, "sleep", "24h")
	node.Take(&pod.Spec)
	return pod
}

// evict asks for the eviction of the pod and returns the server's refusal, if any.
func evict(ctx context.Context, f *Framework, pod *corev1.Pod, options ...metav1.DeleteOptions) error {
	_, err := evictWithCode(ctx, f, pod, options...)
	return err
}

// evictWithCode is evict that also returns the HTTP status code.
func evictWithCode(ctx context.Context, f *Framework, pod *corev1.Pod, options ...metav1.DeleteOptions) (int, error) {
	eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: pod.Name, Namespace: f.Namespace}}
	for _, o := range options {
		eviction.DeleteOptions = &o
	}
	var code int
	err := f.API.PolicyV1().RESTClient().Post().AbsPath("/api/v1").Namespace(f.Namespace).Resource("pods").Name(pod.Name).
		SubResource("eviction").Body(eviction).Do(ctx).StatusCode(&code).Error()
	return code, err
}

// mustEvict evicts the pod, which the budget must allow.
func mustEvict(ctx context.Context, f *Framework, pod *corev1.Pod, why string) {
	GinkgoHelper()
	if err := evict(ctx, f, pod); err != nil {
		Fail(fmt.Sprintf("wanted: pod %s can be evicted, as %s\n  seen: %v", pod.Name, why, err))
	}
}

// mustNotEvict tries to evict the pod, which the budget of the name must not allow.
func mustNotEvict(ctx context.Context, f *Framework, pod *corev1.Pod, budget string) {
	GinkgoHelper()
	err := evict(ctx, f, pod)
	MustRefuse(err, http.StatusTooManyRequests, "Cannot evict pod as it would violate the pod's disruption budget.")
	var refusal *apierrors.StatusError
	errors.As(err, &refusal)
	if details := refusal.ErrStatus.Details; details != nil {
		for _, cause := range details.Causes {
			if cause.Type == policyv1.DisruptionBudgetCause && strings.Contains(cause.Message, budget) {
				return
			}
		}
	}
	Fail(fmt.Sprintf("wanted: a refusal with the cause DisruptionBudget that names %s\n  seen: %+v", budget, refusal.ErrStatus))
}

// sicken says of a running pod that it is not ready.
func sicken(ctx context.Context, f *Framework, pod *corev1.Pod) {
	GinkgoHelper()
	status(ctx, f, pod, `{"status":{"conditions":[{"type":"Ready","status":"False"},{"type":"ContainersReady","status":"False"}]}}`)
}

func status(ctx context.Context, f *Framework, pod *corev1.Pod, patch string) {
	GinkgoHelper()
	if err := f.TryPatch(ctx, pod.DeepCopy(), types.StrategicMergePatchType, patch, "status"); err != nil {
		Fail(fmt.Sprintf("could not set the status of pod %s: %v", pod.Name, err))
	}
}

// atLeast is the invariant that so many pods are ready.
func atLeast(n int) func([]*corev1.Pod) string {
	return func(now []*corev1.Pod) string {
		if ready := Where(now, Ready); len(ready) < n {
			return fmt.Sprintf("%d pods are ready, fewer than %d: %v", len(ready), n, Names(ready))
		}
		return ""
	}
}

// gone says that the pod is not there.
func gone(pod *corev1.Pod) func([]*corev1.Pod) bool { return Exactly(0, Is(pod)) }
