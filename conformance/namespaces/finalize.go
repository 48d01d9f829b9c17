package namespaces

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the end of namespaces", func() {
	f := New()

	f.It("namespaces/finalize", func(ctx SpecContext) {
		ns := f.NewNamespace(ctx, "finalized")
		Expect(ns.Spec.Finalizers).To(ConsistOf(corev1.FinalizerKubernetes))
		set := func(finalizers ...corev1.FinalizerName) *corev1.Namespace {
			GinkgoHelper()
			var answer *corev1.Namespace
			f.WaitUntil(ctx, fmt.Sprintf("the finalizers are %v", finalizers), APITimeout, func(ctx context.Context) (bool, string) {
				f.Get(ctx, ns)
				changed := ns.DeepCopy()
				changed.Spec.Finalizers = finalizers
				var err error
				answer, err = f.API.CoreV1().Namespaces().Finalize(ctx, changed, metav1.UpdateOptions{})
				return err == nil, fmt.Sprint(err)
			})
			return answer
		}
		// An update of the namespace itself does not reach them.
		f.Edit(ctx, ns, func() { ns.Spec.Finalizers = nil })
		Expect(ns.Spec.Finalizers).To(ConsistOf(corev1.FinalizerKubernetes))
		const ours = corev1.FinalizerName("example.com/hold")
		Expect(set(corev1.FinalizerKubernetes, ours).Spec.Finalizers).To(ConsistOf(corev1.FinalizerKubernetes, ours))
		DeferCleanup(func(ctx SpecContext) {
			if f.TryGet(ctx, ns) == nil {
				ns.Spec.Finalizers = []corev1.FinalizerName{}
				_, _ = f.API.CoreV1().Namespaces().Finalize(ctx, ns, metav1.UpdateOptions{}) // it may be gone
			}
		}, NodeTimeout(CleanUpTimeout))
		f.Delete(ctx, ns)
		f.WaitUntil(ctx, "only the spec's finalizer holds the namespace", NamespaceGoneTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, ns)
			return len(ns.Spec.Finalizers) == 1 && ns.Spec.Finalizers[0] == ours, fmt.Sprint(ns.Spec.Finalizers)
		})
		Expect(ns.Status.Phase).To(Equal(corev1.NamespaceTerminating))
		set()
		f.WaitGone(ctx, ns)
	})

	f.It("namespaces/terminating-conditions", func(ctx SpecContext) {
		ns, held := terminating(ctx, f)
		f.WaitUntil(ctx, "the conditions tell what is left", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, ns)
			found := map[corev1.NamespaceConditionType]corev1.NamespaceCondition{}
			for _, condition := range ns.Status.Conditions {
				found[condition.Type] = condition
			}
			content, finalizers, failure := found[corev1.NamespaceContentRemaining], found[corev1.NamespaceFinalizersRemaining], found[corev1.NamespaceDeletionContentFailure]
			return content.Status == corev1.ConditionTrue && content.Reason == "SomeResourcesRemain" && strings.Contains(content.Message, "configmaps. has 1 resource instances") &&
				finalizers.Status == corev1.ConditionTrue && finalizers.Reason == "SomeFinalizersRemain" && strings.Contains(finalizers.Message, Hold+" in 1 resource instances") &&
				failure.Status == corev1.ConditionFalse && failure.Reason == "ContentDeleted", fmt.Sprint(ns.Status.Conditions)
		})
		f.LetGo(ctx, held)
		f.WaitGone(ctx, ns)
	})

	f.It("namespaces/pods-go-first", func(ctx SpecContext) {
		ns := f.NewNamespace(ctx, "ordered")
		own := *f
		own.Namespace = ns.Name
		pod := Idle()
		pod.Namespace = ns.Name
		kept := configMap(ns.Name, "kept")
		own.CreateHeld(ctx, pod)
		own.Create(ctx, kept)
		f.Delete(ctx, ns)
		f.WaitUntil(ctx, "the pod is marked as deleted", SettleTimeout, func(ctx context.Context) (bool, string) {
			own.Get(ctx, pod)
			return pod.DeletionTimestamp != nil, "it is not"
		})
		f.Stays(ctx, "the ConfigMap that the pod may need is there", Quiet, func(ctx context.Context) (bool, string) {
			err := own.TryGet(ctx, kept)
			return err == nil && kept.DeletionTimestamp == nil, fmt.Sprint(err, " ", kept.DeletionTimestamp)
		})
		own.LetGo(ctx, pod)
		own.WaitGone(ctx, kept)
		f.WaitGone(ctx, ns)
	})

	f.It("namespaces/terminating-allows-changes", func(ctx SpecContext) {
		ns, held := terminating(ctx, f)
		f.Patch(ctx, held, `{"data":{"still":"writable"}}`)
		Expect(held.Data).To(HaveKeyWithValue("still", "writable"))
		f.Patch(ctx, ns, `{"metadata":{"labels":{"still":"writable"}}}`)
		Expect(ns.Labels).To(HaveKeyWithValue("still", "writable"))
		list, err := f.API.CoreV1().ConfigMaps(ns.Name).List(ctx, metav1.ListOptions{FieldSelector: "metadata.name=held"})
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(HaveLen(1))
		f.LetGo(ctx, held)
		f.WaitGone(ctx, ns)
	})

	f.It("namespaces/name-again", func(ctx SpecContext) {
		first := f.NewNamespace(ctx, "again")
		f.Create(ctx, configMap(first.Name, "inside"))
		f.Delete(ctx, first)
		f.WaitGone(ctx, first)
		second := namespace(first.Name)
		second.Labels = first.Labels
		f.Create(ctx, second)
		DeferCleanup(func(ctx SpecContext) {
			Expect(f.TryDelete(ctx, second)).To(Succeed())
		}, NodeTimeout(CleanUpTimeout))
		Expect(second.UID).NotTo(Equal(first.UID))
		Expect(second.Status.Phase).To(Equal(corev1.NamespaceActive))
		MustBeMissing(f.TryGet(ctx, configMap(first.Name, "inside")))
		f.WaitUntil(ctx, "it has its default ServiceAccount and root certificate", NamespaceTimeout, func(ctx context.Context) (bool, string) {
			_, account := f.API.CoreV1().ServiceAccounts(second.Name).Get(ctx, "default", metav1.GetOptions{})
			_, root := f.API.CoreV1().ConfigMaps(second.Name).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{})
			return account == nil && root == nil, fmt.Sprint(account, ", ", root)
		})
	})

	f.It("namespaces/no-collection-deletion", func(ctx SpecContext) {
		f.Ask(ctx, http.MethodDelete, "/api/v1/namespaces?dryRun=All", "").Must(http.StatusMethodNotAllowed)
		var resources metav1.APIResourceList
		f.Ask(ctx, http.MethodGet, "/api/v1", "").Must(http.StatusOK).Into(&resources)
		found := false
		for _, resource := range resources.APIResources {
			if resource.Name == "namespaces" {
				found = true
				Expect([]string(resource.Verbs)).To(ConsistOf("create", "delete", "get", "list", "patch", "update", "watch"))
			}
		}
		Expect(found).To(BeTrue())
	})

	f.It("namespaces/across", func(ctx SpecContext) {
		other := f.NewNamespace(ctx, "other").Name
		label := "conformance.etalon.dev/across=" + f.Namespace
		everywhere := f.API.CoreV1().ConfigMaps(metav1.NamespaceAll)
		list, err := everywhere.List(ctx, metav1.ListOptions{LabelSelector: label})
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(BeEmpty())
		w, err := everywhere.Watch(ctx, metav1.ListOptions{LabelSelector: label, ResourceVersion: list.ResourceVersion})
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		for _, name := range []string{f.Namespace, other} {
			object := configMap(name, "same")
			object.Labels = map[string]string{"conformance.etalon.dev/across": f.Namespace}
			f.Create(ctx, object)
			var event watch.Event
			Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(Receive(&event), "the event of "+name)
			Expect(event.Object).To(HaveField("ObjectMeta.Namespace", name))
		}
		list, err = everywhere.List(ctx, metav1.ListOptions{LabelSelector: label})
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(HaveLen(2))
		list, err = everywhere.List(ctx, metav1.ListOptions{LabelSelector: label, FieldSelector: "metadata.namespace=" + other})
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(HaveLen(1))
		// But nothing is created in all namespaces, nor deleted from them.
		f.Ask(ctx, http.MethodPost, "/api/v1/configmaps?dryRun=All", `{"metadata":{"name":"a"}}`, "Content-Type", "application/json").Must(http.StatusMethodNotAllowed)
		f.Ask(ctx, http.MethodDelete, "/api/v1/configmaps?dryRun=All&labelSelector=none%3Dsuch", "").Must(http.StatusMethodNotAllowed)
	})

	f.It("namespaces/status", func(ctx SpecContext) {
		ns := f.NewNamespace(ctx, "reported")
		f.Patch(ctx, ns, `{"metadata":{"annotations":{"a":"1"}},"status":{"conditions":[{"type":"Told","status":"True","reason":"Told"}]}}`)
		Expect(ns.Status.Conditions).To(BeEmpty(), "status written through the object")
		Expect(f.TryPatch(ctx, ns, types.MergePatchType, `{"metadata":{"annotations":{"a":"2"}},"status":{"conditions":[{"type":"Told","status":"True","reason":"Told","message":"by the spec"}]}}`, "status")).To(Succeed())
		Expect(ns.Status.Conditions).To(ContainElement(HaveField("Message", "by the spec")))
		Expect(ns.Status.Phase).To(Equal(corev1.NamespaceActive))
		MustBeInvalid(f.TryPatch(ctx, ns, types.MergePatchType, `{"status":{"phase":"Terminating"}}`, "status"), "status.Phase")
	})
})
