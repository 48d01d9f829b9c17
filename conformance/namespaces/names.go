// Package namespaces judges the area "namespaces".
package namespaces

import (
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func configMap(namespace, name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
}

func namespace(name string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

var _ = Describe("namespaces", func() {
	f := New()

	f.It("namespaces/initial", func(ctx SpecContext) {
		for _, name := range []string{"default", "kube-system", "kube-public", "kube-node-lease"} {
			ns := namespace(name)
			f.Get(ctx, ns)
			Expect(ns.Status.Phase).To(Equal(corev1.NamespaceActive), "phase of "+name)
		}
	})

	f.It("namespaces/initial-protected", func(ctx SpecContext) {
		// A dry run must be one, before we dare to ask for the deletion of these.
		dryRun := metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}}
		own := namespace(f.Namespace)
		f.Delete(ctx, own, dryRun)
		f.Get(ctx, own)
		Expect(own.DeletionTimestamp).To(BeNil(), "a dry run deleted the namespace")
		for _, name := range []string{"default", "kube-system", "kube-public"} {
			MustRefuse(f.TryDelete(ctx, namespace(name), dryRun), http.StatusForbidden, "this namespace may not be deleted")
		}
	})

	f.It("namespaces/name-scope", func(ctx SpecContext) {
		other := f.NewNamespace(ctx, "other").Name
		first := configMap(f.Namespace, "same")
		second := configMap(other, "same")
		f.Create(ctx, first, second)
		Expect(first.UID).NotTo(Equal(second.UID))
		MustRefuse(f.TryCreate(ctx, configMap(f.Namespace, "same")), http.StatusConflict, "already exists")

		f.Delete(ctx, second)
		f.WaitGone(ctx, second)
		f.Get(ctx, first)
	})

	f.It("namespaces/name-form", func(ctx SpecContext) {
		for _, name := range []string{"Upper", "with.dot", "-dash-first", "under_score", strings.Repeat("a", 64)} {
			MustBeInvalid(f.TryCreate(ctx, namespace(name)), "metadata.name", "Invalid value")
		}
	})

	f.It("namespaces/name-label", func(ctx SpecContext) {
		ns := f.NewNamespace(ctx, "labelled")
		Expect(ns.Labels).To(HaveKeyWithValue("kubernetes.io/metadata.name", ns.Name))
		for _, patch := range []string{
			`{"metadata":{"labels":{"kubernetes.io/metadata.name":"another"}}}`,
			`{"metadata":{"labels":{"kubernetes.io/metadata.name":null}}}`,
		} {
			// A server may set it right or refuse; either way the label stays.
			_ = f.TryPatch(ctx, ns, types.MergePatchType, patch)
			f.Get(ctx, ns)
			Expect(ns.Labels).To(HaveKeyWithValue("kubernetes.io/metadata.name", ns.Name), "after the patch "+patch)
		}
	})

	f.It("namespaces/missing", func(ctx SpecContext) {
		MustRefuse(f.TryCreate(ctx, configMap(f.Namespace+"-none-such", "stray")), http.StatusNotFound, f.Namespace+"-none-such")
	})
})
