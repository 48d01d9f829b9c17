package namespaces

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("deletion of namespaces", func() {
	f := New()

	f.It("namespaces/delete-removes-contents", func(ctx SpecContext) {
		ns := f.NewNamespace(ctx, "doomed")
		in := metav1.ObjectMeta{Namespace: ns.Name, Name: "inside"}
		held := configMap(ns.Name, "held")
		f.CreateHeld(ctx, held)
		rs := ReplicaSet("inside", 1, Idle())
		rs.Namespace = ns.Name
		contents := []Object{
			configMap(ns.Name, "inside"), &corev1.Secret{ObjectMeta: in}, &corev1.ServiceAccount{ObjectMeta: in}, rs,
			&corev1.Service{ObjectMeta: in, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		}
		f.Create(ctx, contents...)
		f.Delete(ctx, ns)
		f.WaitUntil(ctx, "the namespace is Terminating", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, ns)
			return ns.Status.Phase == corev1.NamespaceTerminating && ns.DeletionTimestamp != nil, string(ns.Status.Phase)
		})
		for _, object := range contents {
			f.WaitGone(ctx, object)
		}
		f.LetGo(ctx, held)
		f.WaitGone(ctx, ns)
		MustBeMissing(f.TryGet(ctx, configMap(ns.Name, "inside")))
	})

	f.It("namespaces/delete-waits-for-finalizers", func(ctx SpecContext) {
		ns, held := terminating(ctx, f)
		f.Stays(ctx, "the namespace waits for the object with a finalizer", Quiet, func(ctx context.Context) (bool, string) {
			f.Get(ctx, ns)
			f.Get(ctx, held)
			return held.DeletionTimestamp != nil, "the object is not marked as deleted"
		})
		f.LetGo(ctx, held)
		f.WaitGone(ctx, ns)
	})

	f.It("namespaces/terminating-refuses-creation", func(ctx SpecContext) {
		ns, held := terminating(ctx, f)
		err := f.TryCreate(ctx, configMap(ns.Name, "late"))
		MustRefuse(err, http.StatusForbidden, "because it is being terminated")
		f.LetGo(ctx, held)
		f.WaitGone(ctx, ns)
	})

	f.It("namespaces/delete-ends-pods-gracefully", func(ctx SpecContext) {
		ns := f.NewNamespace(ctx, "doomed")
		own := *f
		own.Namespace = ns.Name
		pod := Server("polite", "--shutdown-delay", "2s")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](30)
		own.Create(ctx, pod)
		own.WaitPodReady(ctx, "polite")
		pods := own.WatchPod(ctx, "polite")
		log := own.FollowLogs(ctx, "polite", "main")

		f.Delete(ctx, ns)
		log.WaitLine(ctx, f, "got SIGTERM")
		seen := pods.MustReach(ctx, "the pod is terminating with its own grace period", func(pods []*corev1.Pod) bool {
			return len(pods) == 1 && pods[0].DeletionTimestamp != nil
		})
		Expect(seen[0].DeletionGracePeriodSeconds).To(HaveValue(BeEquivalentTo(30)))
		pods.MustReach(ctx, "the pod is gone", func(pods []*corev1.Pod) bool { return len(pods) == 0 })
		f.WaitGone(ctx, ns)
	})

	f.It("namespaces/emptied-stays", func(ctx SpecContext) {
		pods := f.WatchPods(ctx, "")
		f.Create(ctx, ReplicaSet("keeper", 2, Idle()), Idle())
		before := pods.MustReach(ctx, "three pods exist", Exactly(3, Active))
		err := f.API.CoreV1().Pods(f.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred(), "delete all pods")
		after := pods.MustReach(ctx, "only two new pods of the ReplicaSet exist", func(now []*corev1.Pod) bool {
			return len(now) == 2 && len(Where(now, func(p *corev1.Pod) bool { return p.Labels["app"] == "keeper" && !contains(before, p) })) == 2
		})
		Expect(after).To(HaveLen(2))
		ns := namespace(f.Namespace)
		f.Get(ctx, ns)
		Expect(ns.Status.Phase).To(Equal(corev1.NamespaceActive))
	})
})

// terminating makes a namespace that cannot end yet, because an object in it is held, and deletes it.
func terminating(ctx context.Context, f *Framework) (*corev1.Namespace, *corev1.ConfigMap) {
	GinkgoHelper()
	ns := f.NewNamespace(ctx, "doomed")
	held := configMap(ns.Name, "held")
	f.CreateHeld(ctx, held)
	f.Delete(ctx, ns)
	f.WaitUntil(ctx, "the held object is marked as deleted", SettleTimeout, func(ctx context.Context) (bool, string) {
		f.Get(ctx, held)
		return held.DeletionTimestamp != nil, "it is not"
	})
	return ns, held
}

func contains(pods []*corev1.Pod, pod *corev1.Pod) bool {
	return len(Where(pods, func(p *corev1.Pod) bool { return p.UID == pod.UID })) > 0
}
