package core

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/registrytest"
)

type pods struct {
	*Storage
	t       *testing.T
	ctx     context.Context
	budgets *generic.REST
}

func newPods(t *testing.T) pods {
	s, budgets := newStorage(t)
	return pods{s, t, registrytest.In("default"), budgets}
}

func (p pods) create(name string) *corev1.Pod {
	p.t.Helper()
	pod := defaulted(&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"app": "x"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "tool"}}},
	})
	out, err := p.REST("pods").Create(p.ctx, pod, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	if err != nil {
		p.t.Fatal(err)
	}
	return out.(*corev1.Pod)
}

func (p pods) get(name string) (*corev1.Pod, error) {
	obj, err := p.REST("pods").Get(p.ctx, name, &metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Pod), nil
}

func (p pods) bind(name, node string) error {
	b := &corev1.Binding{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Target: corev1.ObjectReference{Kind: "Node", Name: node}}
	_, err := p.Map["pods/binding"].(*binding).Create(p.ctx, name, b, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	return err
}

func (p pods) evict(name string) error {
	e := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}}
	_, err := p.Map["pods/eviction"].(*eviction).Create(p.ctx, name, e, rest.ValidateAllObjectFunc, &metav1.CreateOptions{})
	return err
}

// write changes a pod through the main resource (sub empty) or a subresource.
func (p pods) write(sub, name string, change func(*corev1.Pod)) (*corev1.Pod, error) {
	info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
		pod := old.DeepCopyObject().(*corev1.Pod)
		change(pod)
		return pod, nil
	})
	obj, _, err := p.Map["pods"+sub].(rest.Updater).Update(p.ctx, name, info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Pod), nil
}

func (p pods) becomes(name string, phase corev1.PodPhase, ready corev1.ConditionStatus) {
	p.t.Helper()
	_, err := p.write("/status", name, func(pod *corev1.Pod) {
		pod.Status.Phase = phase
		setPodCondition(&pod.Status, condition(corev1.PodReady, ready))
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestPodLifeInStorage(t *testing.T) {
	p := newPods(t)
	pod := p.create("a")
	if pod.Generation != 1 || pod.Status.Phase != corev1.PodPending {
		t.Fatalf("created: %+v", pod)
	}
	if err := p.bind("a", "node-1"); err != nil {
		t.Fatal(err)
	}
	err := p.bind("a", "node-2")
	want := `Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "node-1"`
	if !apierrors.IsConflict(err) || err.Error() != want {
		t.Errorf("bound twice: %v", err)
	}
	if err := p.bind("missing", "node-1"); !apierrors.IsNotFound(err) {
		t.Errorf("bound a missing pod: %v", err)
	}

	p.becomes("a", corev1.PodRunning, corev1.ConditionTrue)
	pod, err = p.write("/status", "a", func(pod *corev1.Pod) { pod.Spec.NodeName, pod.Status.PodIP = "elsewhere", "10.244.1.2" })
	if err != nil || pod.Spec.NodeName != "node-1" || pod.Status.PodIP != "10.244.1.2" || pod.Generation != 1 {
		t.Fatalf("status write: %v, %+v", err, pod)
	}
	pod, err = p.write("", "a", func(pod *corev1.Pod) {
		pod.Spec.Containers[0].Image, pod.Status.Phase = "tool:v2", corev1.PodFailed
	})
	if err != nil || pod.Generation != 2 || pod.Status.Phase != corev1.PodRunning {
		t.Fatalf("spec write: %v, %+v", err, pod)
	}

	_, gone, err := p.REST("pods").Delete(p.ctx, "a", rest.ValidateAllObjectFunc, &metav1.DeleteOptions{})
	if err != nil || gone {
		t.Fatalf("delete: gone %v, %v", gone, err)
	}
	if pod, err = p.get("a"); err != nil || *pod.DeletionGracePeriodSeconds != 30 || pod.DeletionTimestamp == nil {
		t.Fatalf("deleted: %v, %+v", err, pod)
	}
	_, gone, err = p.REST("pods").Delete(p.ctx, "a", rest.ValidateAllObjectFunc, metav1.NewDeleteOptions(0))
	if err != nil || !gone {
		t.Fatalf("the kubelet's delete: gone %v, %v", gone, err)
	}
}

func TestEphemeralContainers(t *testing.T) {
	p := newPods(t)
	p.create("a")
	pod, err := p.write("/ephemeralcontainers", "a", func(pod *corev1.Pod) {
		pod.Spec.NodeName = "node-9"
		pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
			Name: "debug", Image: "tool", ImagePullPolicy: corev1.PullIfNotPresent, TerminationMessagePolicy: corev1.TerminationMessageReadFile,
		}}}
	})
	if err != nil || len(pod.Spec.EphemeralContainers) != 1 || pod.Spec.NodeName != "" || pod.Generation != 2 {
		t.Fatalf("%v, %+v", err, pod)
	}
}

// allow is the disruption controller's write: n disruptions are allowed.
func allow(n int32) storage.UpdateFunc {
	return storage.SimpleUpdate(func(obj runtime.Object) (runtime.Object, error) {
		b := obj.(*policyv1.PodDisruptionBudget)
		b.Status = policyv1.PodDisruptionBudgetStatus{ObservedGeneration: b.Generation, DisruptionsAllowed: n, CurrentHealthy: 2, DesiredHealthy: 1, ExpectedPods: 2}
		return b, nil
	})
}

func TestEviction(t *testing.T) {
	p := newPods(t)
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "b", Namespace: "default"},
		Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: ptr.To(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}}},
	}
	if _, err := p.budgets.Create(p.ctx, budget, rest.ValidateAllObjectFunc, &metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "pending"} {
		p.create(name)
		if err := p.bind(name, "node-1"); err != nil {
			t.Fatal(err)
		}
	}
	p.becomes("a", corev1.PodRunning, corev1.ConditionTrue)
	p.becomes("b", corev1.PodRunning, corev1.ConditionTrue)

	if err := p.evict("missing"); !apierrors.IsNotFound(err) {
		t.Errorf("a missing pod: %v", err)
	}
	if err := p.evict("pending"); err != nil {
		t.Errorf("a pending pod: %v", err)
	}
	if err := p.evict("a"); !apierrors.IsTooManyRequests(err) {
		t.Errorf("a budget nobody has looked at: %v", err)
	}
	key, err := p.budgets.KeyFunc(p.ctx, "b")
	if err != nil {
		t.Fatal(err)
	}
	err = p.budgets.Storage.GuaranteedUpdate(p.ctx, key, &policyv1.PodDisruptionBudget{}, false, nil, allow(1), false, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.evict("a"); err != nil {
		t.Errorf("within the budget: %v", err)
	}
	if pod, err := p.get("a"); err != nil || pod.DeletionTimestamp == nil || podCondition(&pod.Status, corev1.DisruptionTarget) == nil {
		t.Errorf("evicted: %v, %+v", err, pod)
	}
	if err := p.evict("b"); !apierrors.IsTooManyRequests(err) || !apierrors.HasStatusCause(err, policyv1.DisruptionBudgetCause) {
		t.Errorf("beyond the budget: %v", err)
	}
}
