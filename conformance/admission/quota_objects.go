package admission

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("What quotas count", func() {
	f := New()

	f.It("admission/quota-objects", func(ctx SpecContext) {
		// Every namespace has the ConfigMap kube-root-ca.crt from the start.
		f.Create(ctx, quota("q", list("configmaps", "2", "count/configmaps", "2", "secrets", "1", "replicationcontrollers", "1", "count/replicasets.apps", "1", "resourcequotas", "1")))
		waitUsed(ctx, f, "q", list("configmaps", "1", "count/configmaps", "1", "secrets", "0", "replicationcontrollers", "0", "count/replicasets.apps", "0", "resourcequotas", "1"))
		named := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }
		first := []Object{&corev1.ConfigMap{ObjectMeta: named("one")}, &corev1.Secret{ObjectMeta: named("one")},
			Controller("one", 0, resting("", nil, nil)), ReplicaSet("one", 0, resting("", nil, nil))}
		f.Create(ctx, first...)
		waitUsed(ctx, f, "q", list("configmaps", "2", "count/configmaps", "2", "secrets", "1", "replicationcontrollers", "1", "count/replicasets.apps", "1", "resourcequotas", "1"))
		for limited, second := range map[string]Object{
			"configmaps=2": &corev1.ConfigMap{ObjectMeta: named("two")}, "secrets=1": &corev1.Secret{ObjectMeta: named("two")},
			"replicationcontrollers=1": Controller("two", 0, resting("", nil, nil)), "count/replicasets.apps=1": ReplicaSet("two", 0, resting("", nil, nil)),
			"resourcequotas=1": quota("two", list("pods", "1")),
		} {
			waitRefused(ctx, f, second)
			MustRefuse(f.TryCreate(ctx, second), http.StatusForbidden, "exceeded quota: q", limited)
		}
		for _, object := range first {
			f.Delete(ctx, object)
		}
		waitUsed(ctx, f, "q", list("configmaps", "1", "count/configmaps", "1", "secrets", "0", "replicationcontrollers", "0", "count/replicasets.apps", "0", "resourcequotas", "1"))
	})

	f.It("admission/quota-custom-resource", func(ctx SpecContext) {
		widgets := customResource(ctx, f)
		create := func(name string, dryRun ...string) error {
			_, err := widgets.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": group(f) + "/v1", "kind": "Widget", "metadata": map[string]any{"name": name}}}, metav1.CreateOptions{DryRun: dryRun})
			return err
		}
		f.WaitUntil(ctx, "the custom resource is served", EventTimeout, func(context.Context) (bool, string) {
			err := create("trial", metav1.DryRunAll)
			return err == nil, fmt.Sprint(err)
		})
		counted := "count/widgets." + group(f)
		f.Create(ctx, quota("q", list(counted, "1")))
		waitUsed(ctx, f, "q", list(counted, "0"))
		Expect(create("one")).To(Succeed())
		waitUsed(ctx, f, "q", list(counted, "1"))
		f.WaitUntil(ctx, "a second one is refused", EventTimeout, func(context.Context) (bool, string) {
			err := create("two", metav1.DryRunAll)
			return apierrors.IsForbidden(err), fmt.Sprint(err)
		})
		MustRefuse(create("two"), http.StatusForbidden, "exceeded quota: q, requested: "+counted+"=1")
		Expect(widgets.Delete(ctx, "one", metav1.DeleteOptions{})).To(Succeed())
		waitUsed(ctx, f, "q", list(counted, "0"))
	})

	f.It("admission/quota-services", func(ctx SpecContext) {
		f.Create(ctx, quota("q", list("services", "3", "services.nodeports", "1", "services.loadbalancers", "1")))
		waitUsed(ctx, f, "q", list("services", "0", "services.nodeports", "0", "services.loadbalancers", "0"))
		of := func(name string, kind corev1.ServiceType) *corev1.Service {
			return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ServiceSpec{Type: kind, Ports: []corev1.ServicePort{{Port: 80}}}}
		}
		plain, ports, balanced := of("plain", corev1.ServiceTypeClusterIP), of("ports", corev1.ServiceTypeNodePort), of("balanced", corev1.ServiceTypeLoadBalancer)
		balanced.Spec.AllocateLoadBalancerNodePorts = ptr.To(false)
		// A class that nobody serves, so that no load balancer is made.
		balanced.Spec.LoadBalancerClass = ptr.To("etalon.dev/nobody")
		f.Create(ctx, plain, ports, balanced)
		waitUsed(ctx, f, "q", list("services", "3", "services.nodeports", "1", "services.loadbalancers", "1"))
		waitRefused(ctx, f, of("more", corev1.ServiceTypeClusterIP))
		MustRefuse(f.TryCreate(ctx, of("more", corev1.ServiceTypeClusterIP)), http.StatusForbidden, "exceeded quota: q, requested: services=1, used: services=3, limited: services=3")
		MustRefuse(f.TryEdit(ctx, plain, func() { plain.Spec.Type = corev1.ServiceTypeNodePort }), http.StatusForbidden,
			"exceeded quota: q, requested: services.nodeports=1, used: services.nodeports=1, limited: services.nodeports=1")
		f.Edit(ctx, ports, func() { ports.Spec.Type, ports.Spec.Ports[0].NodePort = corev1.ServiceTypeClusterIP, 0 })
		waitUsed(ctx, f, "q", list("services", "3", "services.nodeports", "0", "services.loadbalancers", "1"))
		f.Delete(ctx, balanced)
		f.Delete(ctx, plain)
		waitUsed(ctx, f, "q", list("services", "1", "services.nodeports", "0", "services.loadbalancers", "0"))
	})

	f.It("admission/quota-claims", func(ctx SpecContext) {
		const gold = "gold.storageclass.storage.k8s.io/"
		hard := list("persistentvolumeclaims", "2", "requests.storage", "5Gi", gold+"requests.storage", "2Gi", gold+"persistentvolumeclaims", "1")
		f.Create(ctx, quota("q", hard))
		waitUsed(ctx, f, "q", list("persistentvolumeclaims", "0", "requests.storage", "0", gold+"requests.storage", "0", gold+"persistentvolumeclaims", "0"))
		waitRefused(ctx, f, claim("large", "", "6Gi"))
		MustRefuse(f.TryCreate(ctx, claim("large", "gold", "3Gi")), http.StatusForbidden, "exceeded quota: q", gold+"requests.storage=3Gi")
		// No class of this name need exist; the claims stay pending.
		f.Create(ctx, claim("a", "gold", "1Gi"), claim("b", "", "3Gi"))
		waitUsed(ctx, f, "q", list("persistentvolumeclaims", "2", "requests.storage", "4Gi", gold+"requests.storage", "1Gi", gold+"persistentvolumeclaims", "1"))
		MustRefuse(f.TryCreate(ctx, claim("c", "", "1Gi")), http.StatusForbidden, "requested: persistentvolumeclaims=1, used: persistentvolumeclaims=2, limited: persistentvolumeclaims=2")
		f.Delete(ctx, claim("a", "", "1Gi"))
		waitUsed(ctx, f, "q", list("persistentvolumeclaims", "1", "requests.storage", "3Gi", gold+"requests.storage", "0", gold+"persistentvolumeclaims", "0"))
	})
})

// group is an API group of the spec's own.
func group(f *Framework) string { return f.Namespace + ".etalon.dev" }

// customResource defines Widgets for the time of the spec and returns those of its namespace.
func customResource(ctx context.Context, f *Framework) dynamic.ResourceInterface {
	GinkgoHelper()
	client, err := dynamic.NewForConfig(f.Config)
	Expect(err).NotTo(HaveOccurred())
	definitions := client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	name := "widgets." + group(f)
	_, err = definitions.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": name},
		"spec": map[string]any{"group": strings.TrimPrefix(name, "widgets."), "scope": "Namespaced", "names": map[string]any{"plural": "widgets", "kind": "Widget"},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}}},
	}}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func(ctx SpecContext) {
		if err := definitions.Delete(ctx, name, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			Expect(err).NotTo(HaveOccurred())
		}
	}, NodeTimeout(CleanUpTimeout))
	return client.Resource(schema.GroupVersionResource{Group: group(f), Version: "v1", Resource: "widgets"}).Namespace(f.Namespace)
}
