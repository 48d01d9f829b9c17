package garbagecollection

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// define defines a kind Ship in a group of the spec's own and returns the group's version and the client for it.
func define(ctx context.Context, f *Framework) (string, dynamic.ResourceInterface) {
	GinkgoHelper()
	group := f.Namespace + ".example.com"
	definitions := f.Dynamic().Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"})
	_, err := definitions.Create(ctx, FromYAML(fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: ships.%s}, spec: {
		group: %s, scope: Namespaced, names: {kind: Ship, plural: ships, singular: ship}, versions: [{name: v1, served: true, storage: true,
		schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}`, group, group)), metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "define the kind")
	DeferCleanup(func(ctx SpecContext) {
		if err := definitions.Delete(ctx, "ships."+group, metav1.DeleteOptions{}); !apierrors.IsNotFound(err) {
			Expect(err).NotTo(HaveOccurred(), "remove the kind")
		}
	}, NodeTimeout(CleanUpTimeout))
	f.WaitUntil(ctx, "the kind is served", SettleTimeout, func(ctx context.Context) (bool, string) {
		answer := f.Ask(ctx, http.MethodGet, "/apis/"+group+"/v1/namespaces/"+f.Namespace+"/ships", "")
		return answer.Code == http.StatusOK, answer.String()
	})
	return group + "/v1", f.Dynamic().Resource(schema.GroupVersionResource{Group: group, Version: "v1", Resource: "ships"}).Namespace(f.Namespace)
}

var _ = Describe("custom resources", func() {
	f := New()

	f.It("garbagecollection/custom-resources", func(ctx SpecContext) {
		version, ships := define(ctx, f)
		launch := func(name string, owners ...metav1.OwnerReference) *unstructured.Unstructured {
			GinkgoHelper()
			ship := FromYAML(fmt.Sprintf(`{apiVersion: %s, kind: Ship, metadata: {name: %s}}`, version, name))
			ship.SetOwnerReferences(owners)
			ship, err := ships.Create(ctx, ship, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
			return ship
		}
		flag := launch("flag")
		cargo := configMap("cargo", reference(version, "Ship", flag))
		f.Create(ctx, cargo)
		launch("boat", to(cargo))
		f.Stays(ctx, "the dependents stay with their owners", Quiet, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, cargo)
			boat, more := ships.Get(ctx, "boat", metav1.GetOptions{})
			return err == nil && more == nil && cargo.DeletionTimestamp == nil && boat.GetDeletionTimestamp() == nil, fmt.Sprintf("%v %v", err, more)
		})
		Expect(ships.Delete(ctx, "flag", metav1.DeleteOptions{})).To(Succeed())
		f.WaitGone(ctx, cargo)
		f.WaitUntil(ctx, "the custom resource goes after its owner", SettleTimeout, func(ctx context.Context) (bool, string) {
			_, err := ships.Get(ctx, "boat", metav1.GetOptions{})
			return apierrors.IsNotFound(err), fmt.Sprint(err)
		})
	})
})
