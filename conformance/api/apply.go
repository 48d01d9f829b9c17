package api

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

const applyType = "application/apply-patch+yaml"

var _ = Describe("owners of fields", func() {
	f := New()

	f.It("api/managed-fields", func(ctx SpecContext) {
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		made, err := maps.Create(ctx, configMap("told", map[string]string{"a": "1"}), metav1.CreateOptions{FieldManager: "maker"})
		Expect(err).NotTo(HaveOccurred())
		Expect(made.ManagedFields).To(HaveLen(1))
		entry := made.ManagedFields[0]
		Expect(entry.Manager).To(Equal("maker"))
		Expect(entry.Operation).To(Equal(metav1.ManagedFieldsOperationUpdate))
		Expect(entry.APIVersion).To(Equal("v1"))
		Expect(entry.FieldsType).To(Equal("FieldsV1"))
		Expect(entry.Time).NotTo(BeNil())
		Expect(string(entry.FieldsV1.Raw)).To(MatchJSON(`{"f:data":{".":{},"f:a":{}}}`))
		// Who changes a field by an update becomes its owner.
		changed, err := maps.Patch(ctx, "told", types.MergePatchType, []byte(`{"data":{"a":"2","b":"3"}}`), metav1.PatchOptions{FieldManager: "changer"})
		Expect(err).NotTo(HaveOccurred())
		owned := map[string]string{}
		for _, entry := range changed.ManagedFields {
			owned[entry.Manager] = string(entry.FieldsV1.Raw)
		}
		Expect(owned).To(HaveLen(2))
		Expect(owned["maker"]).To(MatchJSON(`{"f:data":{}}`), "what is left to the maker")
		Expect(owned["changer"]).To(MatchJSON(`{"f:data":{"f:a":{},"f:b":{}}}`))
		_, err = maps.Patch(ctx, "told", types.ApplyPatchType, []byte(`{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"4"}}`), metav1.PatchOptions{FieldManager: "applier"})
		MustRefuse(err, http.StatusConflict, `conflict with "changer" using v1`, ".data.a")
		// An empty entry is how all owners are forgotten.
		forgotten, err := maps.Patch(ctx, "told", types.MergePatchType, []byte(`{"metadata":{"managedFields":[{}]}}`), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(forgotten.ManagedFields).To(BeEmpty())
	})

	f.It("api/apply-lists", func(ctx SpecContext) {
		services := f.Dynamic().Resource(gvr("", "v1", "services")).Namespace(f.Namespace)
		apply := func(manager, ports string) (*unstructured.Unstructured, error) {
			return services.Apply(ctx, "listed", FromYAML(`{apiVersion: v1, kind: Service, metadata: {name: listed}, spec: {ports: `+ports+`}}`), metav1.ApplyOptions{FieldManager: manager})
		}
		ports := func(service *unstructured.Unstructured, err error) []any {
			GinkgoHelper()
			Expect(err).NotTo(HaveOccurred())
			var told []any
			for _, port := range at(service, "spec", "ports").([]any) {
				told = append(told, port.(map[string]any)["name"])
			}
			return told
		}
		Expect(ports(apply("one", `[{name: a, port: 81}, {name: b, port: 82}]`))).To(Equal([]any{"a", "b"}))
		Expect(ports(apply("two", `[{name: c, port: 83}]`))).To(Equal([]any{"a", "b", "c"}), "a list of parts with keys is merged")
		_, err := apply("two", `[{name: c, port: 83}, {name: d, port: 81}]`)
		MustRefuse(err, http.StatusConflict, `conflict with "one"`, `.spec.ports[port=81,protocol="TCP"].name`)
		Expect(ports(apply("one", `[{name: b, port: 82}]`))).To(ConsistOf("b", "c"), "only what one applied before is removed")
	})

	f.It("api/apply-form", func(ctx SpecContext) {
		path := "/api/v1/namespaces/" + f.Namespace + "/configmaps/formed"
		apply := func(query, body string) Answer {
			GinkgoHelper()
			return f.Ask(ctx, http.MethodPatch, path+query, body, "Content-Type", applyType)
		}
		const body = `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"formed"},"data":{"a":"1"}}`
		apply("", body).Must(http.StatusUnprocessableEntity, "fieldManager", "is required for apply patch")
		apply("?fieldManager=one&force=true&dryRun=All", body).Must(http.StatusCreated, `"a":"1"`)
		f.Ask(ctx, http.MethodGet, path, "").Must(http.StatusNotFound)
		apply("?fieldManager=one", body).Must(http.StatusCreated)
		apply("?fieldManager=one", body).Must(http.StatusOK)
		apply("?fieldManager=one", "apiVersion: v1\nkind: ConfigMap\ndata: {a: '2'}\n").Must(http.StatusOK, `"a":"2"`)
		apply("?fieldManager=one", `{"data":{"a":"3"}}`).Must(http.StatusBadRequest)
		apply("?fieldManager=one", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"managedFields":[{"manager":"x"}]}}`).Must(http.StatusBadRequest, "metadata.managedFields must be nil")
		apply("?fieldManager=one", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"other"}}`).Must(http.StatusBadRequest, "does not match the name on the URL")
		f.Ask(ctx, http.MethodPatch, path+"?force=true", `{"data":{"a":"3"}}`, "Content-Type", "application/merge-patch+json").
			Must(http.StatusUnprocessableEntity, "may not be specified for non-apply patch")
	})

	f.It("api/apply-subresources", func(ctx SpecContext) {
		f.Create(ctx, Deployment("managed", 0, Idle()))
		deployments := f.API.AppsV1().Deployments(f.Namespace)
		applied, err := deployments.Patch(ctx, "managed", types.ApplyPatchType,
			[]byte(`{"apiVersion":"apps/v1","kind":"Deployment","status":{"conditions":[{"type":"Told","status":"True"}]}}`), metav1.PatchOptions{FieldManager: "reporter"}, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(applied.Status.Conditions).To(ContainElement(HaveField("Type", BeEquivalentTo("Told"))))
		f.Ask(ctx, http.MethodPatch, "/apis/apps/v1/namespaces/"+f.Namespace+"/deployments/managed/scale?fieldManager=scaler", `{"spec":{"replicas":1}}`, "Content-Type", "application/merge-patch+json").Must(http.StatusOK)
		current, err := deployments.Get(ctx, "managed", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		seen := map[string]string{}
		for _, entry := range current.ManagedFields {
			seen[entry.Manager] = string(entry.Operation) + " " + entry.Subresource
		}
		Expect(seen).To(And(HaveKeyWithValue("reporter", "Apply status"), HaveKeyWithValue("scaler", "Update scale")))
		_, err = deployments.Patch(ctx, "managed", types.ApplyPatchType, []byte(`{"apiVersion":"apps/v1","kind":"Deployment","spec":{"replicas":2}}`), metav1.PatchOptions{FieldManager: "applier"})
		MustRefuse(err, http.StatusConflict, `conflict with "scaler" with subresource "scale"`, ".spec.replicas")
	})

	f.It("api/apply-takes-over", func(ctx SpecContext) {
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		apply := func(manager string, force bool, data string) {
			GinkgoHelper()
			_, err := maps.Patch(ctx, "taken", types.ApplyPatchType, []byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"taken"},"data":`+data+`}`), metav1.PatchOptions{FieldManager: manager, Force: &force})
			Expect(err).NotTo(HaveOccurred())
		}
		owners := func(field string) []string {
			GinkgoHelper()
			current, err := maps.Get(ctx, "taken", metav1.GetOptions{})
			Expect(err).NotTo(HaveOccurred())
			var names []string
			for _, entry := range current.ManagedFields {
				fields := map[string]map[string]any{}
				Answer{Body: entry.FieldsV1.Raw}.Into(&fields)
				if _, owns := fields["f:data"]["f:"+field]; owns {
					names = append(names, entry.Manager)
				}
			}
			return names
		}
		apply("one", false, `{"a":"1","b":"1"}`)
		apply("two", false, `{"a":"1"}`)
		Expect(owners("a")).To(ConsistOf("one", "two"), "the same value is shared")
		apply("two", true, `{"a":"1","b":"2"}`)
		Expect(owners("b")).To(ConsistOf("two"), "another's field, by force")
		apply("one", false, `{}`)
		Expect(owners("a")).To(ConsistOf("two"), "what one no longer wishes for is left to the other")
		kept := configMap("taken", nil)
		f.Get(ctx, kept)
		Expect(kept.Data).To(Equal(map[string]string{"a": "1", "b": "2"}))
	})
})
