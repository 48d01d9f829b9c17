package api

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("subresources and columns of custom resources", func() {
	f := New()

	f.It("api/crd-status", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything, "subresources: {status: {}}"))
		made := c.create(ctx, "v1", "apart", `{spec: {a: 1}, status: {b: 1}}`)
		Expect(made.Object).NotTo(HaveKey("status"), "status given on creation")
		Expect(made.GetGeneration()).To(BeEquivalentTo(1))
		same, err := c.patch(ctx, "v1", "apart", `{metadata: {labels: {more: 'yes'}}, status: {b: 2}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(same.Object).NotTo(HaveKey("status"), "status written through the object")
		Expect(same.GetGeneration()).To(BeEquivalentTo(1), "after a change of metadata")
		reported, err := c.patch(ctx, "v1", "apart", `{spec: {a: 2}, status: {b: 3}}`, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(at(reported, "status", "b")).To(BeEquivalentTo(3))
		Expect(at(reported, "spec", "a")).To(BeEquivalentTo(1), "spec written through the status")
		Expect(reported.GetGeneration()).To(BeEquivalentTo(1), "after a change of status")
		changed, err := c.patch(ctx, "v1", "apart", `{spec: {a: 4}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(changed.GetGeneration()).To(BeEquivalentTo(2), "after a change of the spec")
		Expect(at(changed, "status", "b")).To(BeEquivalentTo(3))
	})

	f.It("api/crd-scale", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything, "subresources: {status: {}, scale: {specReplicasPath: .spec.count, statusReplicasPath: .status.count, labelSelectorPath: .status.selector}}"))
		c.create(ctx, "v1", "scaled", `{spec: {count: 2, other: kept}}`)
		_, err := c.patch(ctx, "v1", "scaled", `{status: {count: 1, selector: app=web}}`, "status")
		Expect(err).NotTo(HaveOccurred())
		var scale autoscalingv1.Scale
		f.Ask(ctx, http.MethodGet, c.path("v1")+"/scaled/scale", "").Must(http.StatusOK).Into(&scale)
		Expect(scale.Kind).To(Equal("Scale"))
		Expect(scale.APIVersion).To(Equal("autoscaling/v1"))
		Expect(scale.Name).To(Equal("scaled"))
		Expect(scale.Spec.Replicas).To(BeEquivalentTo(2))
		Expect(scale.Status).To(Equal(autoscalingv1.ScaleStatus{Replicas: 1, Selector: "app=web"}))
		_, err = c.patch(ctx, "v1", "scaled", `{spec: {replicas: 5}}`, "scale")
		Expect(err).NotTo(HaveOccurred())
		Expect(c.get(ctx, "v1", "scaled").Object["spec"]).To(Equal(Fields(`{count: 5, other: kept}`)))
		_, err = c.patch(ctx, "v1", "scaled", `{spec: {replicas: -1}}`, "scale")
		MustRefuse(err, http.StatusUnprocessableEntity, "-1", "non-negative")
	})

	f.It("api/crd-columns", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything, `additionalPrinterColumns: [
			{name: Host, type: string, jsonPath: .spec.host}, {name: Size, type: integer, jsonPath: .spec.size, description: how large},
			{name: Detail, type: string, jsonPath: .spec.detail, priority: 1}]`)+version("v2", anything))
		c.create(ctx, "v1", "shown", `{spec: {host: a.b, size: 3, detail: fine}}`)
		table := func(version string) metav1.Table {
			GinkgoHelper()
			var table metav1.Table
			f.Ask(ctx, http.MethodGet, c.path(version), "", "Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").Must(http.StatusOK).Into(&table)
			Expect(table.Rows).To(HaveLen(1))
			return table
		}
		with := table("v1")
		var names []string
		for _, column := range with.ColumnDefinitions {
			names = append(names, column.Name)
		}
		Expect(names).To(Equal([]string{"Name", "Host", "Size", "Detail"}))
		Expect(with.ColumnDefinitions[2]).To(Equal(metav1.TableColumnDefinition{Name: "Size", Type: "integer", Description: "how large"}))
		Expect(with.ColumnDefinitions[3].Priority).To(BeEquivalentTo(1))
		Expect(with.Rows[0].Cells).To(HaveExactElements(Equal("shown"), Equal("a.b"), BeEquivalentTo(3), Equal("fine")))
		without := table("v2")
		Expect(without.ColumnDefinitions).To(HaveLen(2))
		Expect(without.ColumnDefinitions[0].Name).To(Equal("Name"))
		Expect(without.ColumnDefinitions[1].Name).To(Equal("Age"))
	})

	f.It("api/crd-selectable-fields", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, properties: {spec: {type: object, properties: {color: {type: string}, size: {type: integer}}}}}`,
			"selectableFields: [{jsonPath: .spec.color}, {jsonPath: .spec.size}]"))
		list := func(selector string) []string {
			GinkgoHelper()
			list, err := c.in("v1").List(ctx, metav1.ListOptions{FieldSelector: selector})
			Expect(err).NotTo(HaveOccurred(), "list with %s", selector)
			names := []string{}
			for _, item := range list.Items {
				names = append(names, item.GetName())
			}
			return names
		}
		w, err := c.in("v1").Watch(ctx, metav1.ListOptions{FieldSelector: "spec.color=blue"})
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		c.create(ctx, "v1", "a", `{spec: {color: red, size: 1}}`)
		c.create(ctx, "v1", "b", `{spec: {color: blue, size: 1}}`)
		c.create(ctx, "v1", "c", `{spec: {}}`)
		Expect(list("spec.color=blue")).To(ConsistOf("b"))
		Expect(list("spec.color!=blue")).To(ConsistOf("a", "c"))
		Expect(list("spec.size=1,spec.color=red")).To(ConsistOf("a"))
		Expect(list("metadata.name=c")).To(ConsistOf("c"))
		_, err = c.patch(ctx, "v1", "a", `{spec: {color: blue}}`)
		Expect(err).NotTo(HaveOccurred())
		_, err = c.patch(ctx, "v1", "b", `{spec: {color: red}}`)
		Expect(err).NotTo(HaveOccurred())
		for _, want := range []string{"ADDED b", "ADDED a", "DELETED b"} {
			Expect(nextOf(ctx, w)).To(Equal(want))
		}
		_, err = c.in("v1").List(ctx, metav1.ListOptions{FieldSelector: "spec.other=1"})
		MustRefuse(err, http.StatusBadRequest, "field label not supported: spec.other")
	})

	f.It("api/crd-patches", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", `{type: object, properties: {spec: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {
			ports: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name], properties: {name: {type: string}, port: {type: integer}}}}}}}}`))
		sites := c.in("v1")
		apply := func(manager, fields string) (map[string]any, error) {
			object := c.site("v1", "applied", fields)
			got, err := sites.Apply(ctx, "applied", object, metav1.ApplyOptions{FieldManager: manager})
			if err != nil {
				return nil, err
			}
			return got.Object["spec"].(map[string]any), nil
		}
		_, err := apply("one", `{spec: {size: 1, ports: [{name: http, port: 80}]}}`)
		Expect(err).NotTo(HaveOccurred())
		spec, err := apply("two", `{spec: {ports: [{name: admin, port: 81}]}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(spec).To(Equal(Fields(`{size: 1, ports: [{name: http, port: 80}, {name: admin, port: 81}]}`)))
		_, err = apply("two", `{spec: {ports: [{name: http, port: 8080}]}}`)
		MustRefuse(err, http.StatusConflict, `conflict with "one"`, `.spec.ports[name="http"].port`)
		spec, err = apply("one", `{spec: {}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(spec).To(Equal(Fields(`{ports: [{name: admin, port: 81}]}`)))

		_, err = sites.Patch(ctx, "applied", types.JSONPatchType, []byte(`[{"op":"test","path":"/spec/ports/0/port","value":81},{"op":"replace","path":"/spec/ports/0/port","value":82}]`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		patched, err := c.patch(ctx, "v1", "applied", `{spec: {ports: null, size: 3}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(patched.Object["spec"]).To(Equal(Fields(`{size: 3}`)))
		_, err = sites.Patch(ctx, "applied", types.StrategicMergePatchType, []byte(`{"spec":{"size":4}}`), metav1.PatchOptions{})
		MustRefuse(err, http.StatusUnsupportedMediaType, "application/apply-patch+yaml")
	})

	f.It("api/crd-watch", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything))
		list, err := c.in("v1").List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		c.create(ctx, "v1", "a", `{spec: {n: 1}}`)
		_, err = c.patch(ctx, "v1", "a", `{spec: {n: 2}}`)
		Expect(err).NotTo(HaveOccurred())
		c.create(ctx, "v1", "b", `{}`)
		Expect(c.in("v1").Delete(ctx, "a", metav1.DeleteOptions{})).To(Succeed())
		w, err := c.in("v1").Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		for _, want := range []string{"ADDED a", "MODIFIED a", "ADDED b", "DELETED a"} {
			Expect(nextOf(ctx, w)).To(Equal(want))
		}
		Expect(c.in("v1").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})).To(Succeed())
		Expect(nextOf(ctx, w)).To(Equal("DELETED b"))
	})

	f.It("api/crd-ownership", func(ctx SpecContext) {
		c := define(ctx, f, version("v1", anything))
		owner := c.create(ctx, "v1", "owner", `{}`)
		child := configMap("child", nil)
		child.OwnerReferences = []metav1.OwnerReference{{APIVersion: owner.GetAPIVersion(), Kind: "Site", Name: "owner", UID: owner.GetUID()}}
		f.Create(ctx, child)
		Expect(c.in("v1").Delete(ctx, "owner", metav1.DeleteOptions{})).To(Succeed())
		f.WaitGone(ctx, child)
		parent := configMap("parent", nil)
		f.Create(ctx, parent)
		c.create(ctx, "v1", "owned", `{metadata: {ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: parent, uid: `+string(parent.UID)+`}]}}`)
		f.Delete(ctx, parent)
		f.WaitUntil(ctx, "the Site that the ConfigMap owned is gone", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, c.path("v1")+"/owned", "")
			return answer.Code == http.StatusNotFound, answer.String()
		})
	})
})
