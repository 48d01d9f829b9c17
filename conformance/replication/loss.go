package replication

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// failure is the status and reason of the condition ReplicaFailure, which both kinds have.
func failure(controller Object) string {
	switch c := controller.(type) {
	case *appsv1.ReplicaSet:
		for _, condition := range c.Status.Conditions {
			if condition.Type == appsv1.ReplicaSetReplicaFailure {
				return string(condition.Status) + " " + condition.Reason
			}
		}
	case *corev1.ReplicationController:
		for _, condition := range c.Status.Conditions {
			if condition.Type == corev1.ReplicationControllerReplicaFailure {
				return string(condition.Status) + " " + condition.Reason
			}
		}
	}
	return ""
}

var _ = Describe("pods that are lost or cannot be made", func() {
	f := New()

	f.It("replication/lost-with-node", func(ctx SpecContext) {
		key := "conformance.etalon.dev/" + f.Namespace
		first := f.StandInNode(ctx, map[string]string{key: "yes"})
		template := Pod("web", "sleep", "1h")
		TakeStandIns(&template.Spec, key, "yes")
		pods := f.WatchPods(ctx, "app=web")
		f.Create(ctx, ReplicaSet("web", 2, template))
		lost := pods.MustReach(ctx, "both pods are ready on the only node", Exactly(2, Ready))
		second := f.StandInNode(ctx, map[string]string{key: "yes"})
		first.Delete(ctx)
		pods.MustReach(ctx, "both pods are ready on the other node, and those lost have gone", func(now []*corev1.Pod) bool {
			return len(now) == 2 && len(Where(now, Ready, func(p *corev1.Pod) bool { return p.Spec.NodeName == second.Name })) == 2
		})
		Expect(Names(pods.Now())).NotTo(ContainElements(Names(lost)))
	})

	f.It("replication/replaces-terminating", func(ctx SpecContext) {
		node, template := f.StandInNode(ctx, nil), Pod("web", "sleep", "1h")
		node.Take(&template.Spec)
		pods := f.WatchPods(ctx, "app=web")
		f.Create(ctx, ReplicaSet("web", 1, template))
		leaver := pods.MustReach(ctx, "the pod is ready", Exactly(1, Ready))[0]
		node.Silence() // the pod does not end
		f.Delete(ctx, leaver)
		pods.MustReach(ctx, "the pod has a successor while it has not ended", func(now []*corev1.Pod) bool {
			return len(now) == 2 && len(Where(now, Active)) == 1 && len(Where(now, Is(leaver))) == 1
		})
		pods.MustNever(ctx, "there are more", func(now []*corev1.Pod) bool { return len(now) != 2 }, Quiet)
	})

	f.It("replication/replica-failure", func(ctx SpecContext) {
		quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "none"}, Spec: corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse("0")}}}
		f.Create(ctx, quota)
		f.WaitUntil(ctx, "the quota is in force", SettleTimeout, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, quota)
			return err == nil && len(quota.Status.Hard) > 0, fmt.Sprintf("%v %v", quota.Status.Hard, err)
		})
		controllers := both("web", 2)
		f.Create(ctx, controllers...)
		until := func(controller Object, want string) {
			GinkgoHelper()
			f.WaitUntil(ctx, fmt.Sprintf("ReplicaFailure of %s is %q", controller.GetName(), want), SettleTimeout, func(ctx context.Context) (bool, string) {
				err := f.TryGet(ctx, controller)
				return err == nil && failure(controller) == want, fmt.Sprintf("%q %v", failure(controller), err)
			})
		}
		for _, controller := range controllers {
			until(controller, "True FailedCreate")
			event := f.WaitEvent(ctx, controller, "FailedCreate")
			Expect(event.Type).To(Equal(corev1.EventTypeWarning))
			Expect(event.Message).To(And(HavePrefix("Error creating: "), ContainSubstring("exceeded quota: none")))
		}
		pods := f.WatchPods(ctx, "")
		f.Patch(ctx, quota, `{"spec":{"hard":{"pods":"9"}}}`)
		pods.MustReach(ctx, "all pods are made", Exactly(4, Active))
		for _, controller := range controllers {
			until(controller, "")
		}
	})

	f.It("replication/defaults", func(ctx SpecContext) {
		rs, rc := ReplicaSet("web-rs", 1, Idle()), Controller("web-rc", 1, Idle())
		rs.Spec.Replicas, rc.Spec.Replicas = nil, nil
		rs.Labels, rc.Labels = nil, nil
		f.Create(ctx, rs, rc)
		Expect(rs.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		Expect(rc.Spec.Replicas).To(HaveValue(BeEquivalentTo(1)))
		Expect(rs.Spec.MinReadySeconds).To(BeZero())
		Expect(rc.Spec.MinReadySeconds).To(BeZero())
		Expect(rc.Labels).To(Equal(map[string]string{"app": "web-rc"}), "a ReplicationController has its template's labels")
	})
})
