package api

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("forms of patches", func() {
	f := New()

	f.It("api/json-patch", func(ctx SpecContext) {
		object := configMap("patched", map[string]string{"a": "1", "b": "2"})
		object.Annotations = map[string]string{"example.com/x": "3"}
		f.Create(ctx, object)
		Expect(f.TryPatch(ctx, object, types.JSONPatchType, `[{"op":"test","path":"/data/a","value":"1"},{"op":"copy","from":"/data/a","path":"/data/c"},
			{"op":"move","from":"/data/b","path":"/data/d"},{"op":"replace","path":"/data/a","value":"4"},{"op":"remove","path":"/metadata/annotations/example.com~1x"},{"op":"add","path":"/data/e","value":"5"}]`)).To(Succeed())
		Expect(object.Data).To(Equal(map[string]string{"a": "4", "c": "1", "d": "2", "e": "5"}))
		Expect(object.Annotations).To(BeEmpty())
		for _, patch := range []string{
			`[{"op":"add","path":"/data/f","value":"6"},{"op":"test","path":"/data/a","value":"other"}]`,
			`[{"op":"add","path":"/data/f","value":"6"},{"op":"remove","path":"/data/none"}]`,
			`[{"op":"add","path":"/data/f","value":"6"},{"op":"replace","path":"/none/such","value":"7"}]`,
		} {
			MustRefuse(f.TryPatch(ctx, object, types.JSONPatchType, patch), http.StatusUnprocessableEntity)
		}
		MustRefuse(f.TryPatch(ctx, object, types.JSONPatchType, `{"data":{}}`), http.StatusBadRequest)
		f.Get(ctx, object)
		Expect(object.Data).NotTo(HaveKey("f"), "a patch that fails changes nothing")
	})

	f.It("api/strategic-directives", func(ctx SpecContext) {
		d := Deployment("directed", 0, Idle())
		container := &d.Spec.Template.Spec.Containers[0]
		container.Env = []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}}
		container.Args = []string{"one", "two"}
		d.Finalizers = []string{"example.com/a", "example.com/b"}
		held := d.DeepCopy()
		f.Create(ctx, d)
		DeferCleanup(func(ctx SpecContext) {
			_ = f.TryPatch(ctx, held, types.MergePatchType, `{"metadata":{"finalizers":null}}`) // it may be gone
		}, NodeTimeout(CleanUpTimeout))
		patch := func(text string) {
			GinkgoHelper()
			Expect(f.TryPatch(ctx, d, types.StrategicMergePatchType, text)).To(Succeed(), "patch %s", text)
		}
		env := func() []corev1.EnvVar { return d.Spec.Template.Spec.Containers[0].Env }
		patch(`{"spec":{"template":{"spec":{"containers":[{"name":"main","args":["three"],"env":[{"name":"A","$patch":"delete"},{"name":"C","value":"3"}]}]}}}}`)
		Expect(env()).To(ConsistOf(corev1.EnvVar{Name: "B", Value: "2"}, corev1.EnvVar{Name: "C", Value: "3"}), "an element is deleted by its key")
		Expect(d.Spec.Template.Spec.Containers[0].Args).To(Equal([]string{"three"}), "a list without keys is replaced")
		patch(`{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"$patch":"replace"},{"name":"D","value":"4"}]}]}}}}`)
		Expect(env()).To(Equal([]corev1.EnvVar{{Name: "D", Value: "4"}}), "a list is replaced")
		patch(`{"spec":{"template":{"spec":{"containers":[{"name":"main","$setElementOrder/env":[{"name":"E"},{"name":"D"}],"env":[{"name":"E","value":"5"}]}]}}}}`)
		Expect(env()).To(Equal([]corev1.EnvVar{{Name: "E", Value: "5"}, {Name: "D", Value: "4"}}), "elements are put in order")
		patch(`{"metadata":{"$deleteFromPrimitiveList/finalizers":["example.com/a"]}}`)
		Expect(d.Finalizers).To(Equal([]string{"example.com/b"}), "a value is deleted from a list of values")
		patch(`{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}`)
		Expect(string(d.Spec.Strategy.Type)).To(Equal("Recreate"))
		Expect(d.Spec.Strategy.RollingUpdate).To(BeNil(), "only the retained keys stay")
		patch(`{"metadata":{"labels":{"$patch":"replace","only":"this"}}}`)
		Expect(d.Labels).To(Equal(map[string]string{"only": "this"}))
		Expect(d.Spec.Replicas).To(Equal(ptr.To[int32](0)))
	})

	f.It("api/patch-media-types", func(ctx SpecContext) {
		f.Create(ctx, configMap("patched", map[string]string{"a": "1"}))
		path := "/api/v1/namespaces/" + f.Namespace + "/configmaps/patched"
		for _, kind := range []string{"application/json", "text/plain", "application/x-none-such"} {
			f.Ask(ctx, http.MethodPatch, path, `{"data":{"a":"2"}}`, "Content-Type", kind).Must(http.StatusUnsupportedMediaType)
		}
		f.Ask(ctx, http.MethodPatch, path, `{"data":{"a":"3"}}`, "Content-Type", "application/merge-patch+json; charset=utf-8").Must(http.StatusOK, `"a":"3"`)
		// A patch makes no other object of it.
		f.Ask(ctx, http.MethodPatch, path, `{"metadata":{"name":"other"}}`, "Content-Type", "application/merge-patch+json").Must(http.StatusBadRequest, "the name of the object (other) does not match the name on the URL (patched)")
		f.Ask(ctx, http.MethodPatch, path, `{"metadata":{"uid":"00000000-0000-0000-0000-000000000000"}}`, "Content-Type", "application/merge-patch+json").Must(http.StatusUnprocessableEntity, "metadata.uid", "field is immutable")
		f.Ask(ctx, http.MethodPut, path, `{"metadata":{"name":"patched","uid":"00000000-0000-0000-0000-000000000000"}}`, "Content-Type", "application/json").Must(http.StatusConflict, "Precondition failed: UID in precondition")
	})

	f.It("api/dry-run-everything", func(ctx SpecContext) {
		object := configMap("real", map[string]string{"a": "1"})
		f.Create(ctx, object, Deployment("real", 0, Idle()))
		one := "/api/v1/namespaces/" + f.Namespace + "/configmaps"
		deployment := "/apis/apps/v1/namespaces/" + f.Namespace + "/deployments/real"
		f.Ask(ctx, http.MethodPatch, one+"/real?dryRun=All", `{"data":{"a":"2"}}`, "Content-Type", "application/merge-patch+json").Must(http.StatusOK, `"a":"2"`)
		f.Ask(ctx, http.MethodPatch, one+"/real?dryRun=All&fieldManager=m&force=true", `{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"2"}}`, "Content-Type", applyType).Must(http.StatusOK, `"a":"2"`)
		f.Ask(ctx, http.MethodPatch, deployment+"/scale?dryRun=All", `{"spec":{"replicas":3}}`, "Content-Type", "application/merge-patch+json").Must(http.StatusOK, `"replicas":3`)
		f.Ask(ctx, http.MethodPatch, deployment+"/status?dryRun=All", `{"status":{"conditions":[{"type":"Told","status":"True"}]}}`, "Content-Type", "application/merge-patch+json").Must(http.StatusOK, "Told")
		f.Ask(ctx, http.MethodDelete, one+"/real", `{"apiVersion":"v1","kind":"DeleteOptions","dryRun":["All"]}`, "Content-Type", "application/json").Must(http.StatusOK)
		f.Ask(ctx, http.MethodDelete, one+"?dryRun=All", "").Must(http.StatusOK)
		for _, query := range []string{"?dryRun=true", "?dryRun=None", "?dryRun=All&dryRun=Some"} {
			f.Ask(ctx, http.MethodDelete, one+"/real"+query, "").Must(http.StatusUnprocessableEntity, "dryRun", `supported values: \"All\"`)
			f.Ask(ctx, http.MethodPost, one+query, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"new"}}`, "Content-Type", "application/json").Must(http.StatusUnprocessableEntity, "dryRun")
		}
		before := object.ResourceVersion
		f.Get(ctx, object)
		Expect(object.ResourceVersion).To(Equal(before))
		d := Deployment("real", 0, Idle())
		f.Get(ctx, d)
		Expect(d.Spec.Replicas).To(HaveValue(BeEquivalentTo(0)))
		Expect(d.Status.Conditions).NotTo(ContainElement(HaveField("Type", BeEquivalentTo("Told"))))
		f.Ask(ctx, http.MethodGet, one+"/new", "").Must(http.StatusNotFound)
	})
})
