package disruption

import (
	"context"
	"fmt"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// pods looks whether so many pods are there.
func pods(f *Framework, n int) func(context.Context) (bool, string) {
	return func(ctx context.Context) (bool, string) {
		list, err := f.API.CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err.Error()
		}
		return len(list.Items) == n, fmt.Sprintf("there are %d", len(list.Items))
	}
}

// evictable evicts the pod, or says why that cannot be.
func evictable(f *Framework, pod *corev1.Pod) func(context.Context) (bool, string) {
	return func(ctx context.Context) (bool, string) {
		if err := evict(ctx, f, pod); err != nil && !apierrors.IsNotFound(err) {
			return false, err.Error()
		}
		return true, ""
	}
}

// persist evicts the pods one after the other, each again and again until it is evicted or gone.
func persist(ctx context.Context, f *Framework, pods []*corev1.Pod) error {
	for _, pod := range pods {
		if err := wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			err := evict(ctx, f, pod)
			switch {
			case err == nil || apierrors.IsNotFound(err):
				return true, nil
			case apierrors.IsTooManyRequests(err) || apierrors.IsConflict(err) || apierrors.IsTimeout(err):
				return false, nil
			}
			return false, err
		}); err != nil {
			return fmt.Errorf("evict pod %s: %w", pod.Name, err)
		}
	}
	return nil
}

var _ = Describe("budgets in use", func() {
	f := New()

	f.It("disruption/concurrent-evictions", func(ctx SpecContext) {
		const replicas, wanted, evictors = 8, 6, 6
		node := f.StandInNode(ctx, nil)
		seen, budgets := f.WatchPods(ctx, "app=web"), f.WatchBudget(ctx, "web")
		f.Create(ctx, ReplicaSet("web", replicas, onNode(node, "web")), minAvailable("web", fmt.Sprint(wanted)))
		old := seen.MustReach(ctx, "all pods are ready", Exactly(replicas, Ready))
		budgets.MustReach(ctx, "the budget knows", tells(replicas, replicas, wanted, replicas-wanted))
		seen.Throughout(ctx, fmt.Sprintf("at least %d pods are ready", wanted), atLeast(wanted))
		var working sync.WaitGroup
		failures := make([]error, evictors)
		for i := range evictors {
			turned := append(append([]*corev1.Pod{}, old[i:]...), old[:i]...) // each begins elsewhere
			working.Go(func() { failures[i] = persist(ctx, f, turned) })
		}
		working.Wait()
		for _, failure := range failures {
			Expect(failure).NotTo(HaveOccurred())
		}
		seen.MustReach(ctx, "others are ready in place of all", func(now []*corev1.Pod) bool {
			for _, pod := range old {
				if !gone(pod)(now) {
					return false
				}
			}
			return len(Where(now, Ready)) == replicas
		})
	})

	f.It("disruption/drain", func(ctx SpecContext) {
		key := "conformance.etalon.dev/" + f.Namespace
		first, second := f.StandInNode(ctx, map[string]string{key: "yes"}), f.StandInNode(ctx, nil)
		seen, budgets := f.WatchPods(ctx, "app=web"), f.WatchBudget(ctx, "web")
		template := Pod("web", "sleep", "24h")
		TakeStandIns(&template.Spec, key, "yes")
		f.Create(ctx, Deployment("web", 4, template), maxUnavailable("web", "1"))
		seen.MustReach(ctx, "all pods are ready on the first node", Exactly(4, Ready))
		budgets.MustReach(ctx, "one disruption is allowed", tells(4, 4, 3, 1))
		f.Patch(ctx, second.Get(ctx), fmt.Sprintf(`{"metadata":{"labels":{%q:"yes"}}}`, key))
		f.Patch(ctx, first.Get(ctx), `{"spec":{"unschedulable":true}}`)
		seen.Throughout(ctx, "at least 3 pods are ready", atLeast(3))
		f.WaitUntil(ctx, "the node is drained", SettleTimeout, func(ctx context.Context) (bool, string) {
			list, err := f.API.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + first.Name})
			if err != nil {
				return false, err.Error()
			}
			for i := range list.Items {
				if evicted, why := evictable(f, &list.Items[i])(ctx); !evicted {
					return false, why
				}
			}
			return len(list.Items) == 0, fmt.Sprintf("%d pods are on it", len(list.Items))
		})
		seen.MustReach(ctx, "all pods are ready on the second node", func(now []*corev1.Pod) bool {
			return len(now) == 4 && len(Where(now, Ready, func(p *corev1.Pod) bool { return p.Spec.NodeName == second.Name })) == 4
		})
	})

	f.It("disruption/rollouts-are-free", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		seen, budgets := f.WatchPods(ctx, "app=web"), f.WatchBudget(ctx, "web")
		web := Deployment("web", 4, onNode(node, "web"))
		web.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{MaxSurge: ptr.To(intstr.FromInt32(0)), MaxUnavailable: ptr.To(intstr.FromInt32(2))}
		f.Create(ctx, web, minAvailable("web", "100%"))
		old := seen.MustReach(ctx, "all pods are ready", Exactly(4, Ready))
		budgets.MustReach(ctx, "no disruption is allowed", tells(4, 4, 4, 0))
		mustNotEvict(ctx, f, old[0], "web")
		f.Edit(ctx, web, func() { ChangeTemplate(&web.Spec.Template, "2") })
		f.WaitRolled(ctx, "web")
		seen.MustReach(ctx, "all pods are new", func(now []*corev1.Pod) bool {
			return len(now) == 4 && len(Where(now, Ready, func(p *corev1.Pod) bool { return len(p.Spec.Containers[0].Env) == 1 })) == 4
		})
	})

	f.It("disruption/deletion-is-free", func(ctx SpecContext) {
		node := f.StandInNode(ctx, nil)
		seen, budgets := f.WatchPods(ctx, ""), f.WatchBudget(ctx, "web")
		f.Create(ctx, maxUnavailable("web", "1"))
		set := ReplicaSet("web", 3, onNode(node, "web"))
		f.Create(ctx, set)
		ready := seen.MustReach(ctx, "all pods are ready", Exactly(3, Ready))
		budgets.MustReach(ctx, "one disruption is allowed", tells(3, 3, 2, 1))
		node.Silence() // what replaces them does not get ready, and they do not end
		f.Delete(ctx, ready[0])
		budgets.MustReach(ctx, "a terminating pod is not healthy", tells(3, 2, 2, 0))
		mustNotEvict(ctx, f, ready[1], "web")
		f.Delete(ctx, ready[1])
		budgets.MustReach(ctx, "fewer are healthy than desired", tells(3, 1, 2, 0))
		seen.MustReach(ctx, "two are terminating", Exactly(2, func(p *corev1.Pod) bool { return p.DeletionTimestamp != nil }))
	})
})
