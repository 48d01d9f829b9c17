package api

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("patch and apply", func() {
	f := New()

	f.It("api/patch-kinds", func(ctx SpecContext) {
		object := configMap("patched", map[string]string{"stays": "here", "goes": "away"})
		f.Create(ctx, object)
		patch := func(kind types.PatchType, text string) { // a patch of that kind must succeed
			GinkgoHelper()
			Expect(f.TryPatch(ctx, object, kind, text)).To(Succeed(), "patch %s", text)
		}
		patch(types.JSONPatchType, `[{"op":"test","path":"/data/goes","value":"away"},{"op":"remove","path":"/data/goes"},{"op":"add","path":"/data/json","value":"1"}]`)
		Expect(object.Data).To(Equal(map[string]string{"stays": "here", "json": "1"}))
		patch(types.MergePatchType, `{"data":{"json":null,"merge":"2"}}`)
		Expect(object.Data).To(Equal(map[string]string{"stays": "here", "merge": "2"}))
		err := f.TryPatch(ctx, object, types.JSONPatchType, `[{"op":"test","path":"/data/stays","value":"elsewhere"},{"op":"remove","path":"/data/stays"}]`)
		MustRefuse(err, http.StatusUnprocessableEntity)
		MustRefuse(f.TryPatch(ctx, object, types.MergePatchType, `{"data":`), http.StatusBadRequest)

		// Only a strategic merge knows that containers are merged by their name.
		d := Deployment("patched", 0, Idle())
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "KEPT", Value: "yes"}}
		f.Create(ctx, d)
		Expect(f.TryPatch(ctx, d, types.StrategicMergePatchType,
			`{"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"ADDED","value":"too"}]},{"name":"more","image":"example.com/more:v1"}]}}}}`)).To(Succeed())
		containers := d.Spec.Template.Spec.Containers
		Expect(containers).To(HaveLen(2))
		for _, container := range containers {
			if container.Name == "main" {
				Expect(container.Image).To(Equal(Image("tool")))
				Expect(container.Env).To(ConsistOf(corev1.EnvVar{Name: "KEPT", Value: "yes"}, corev1.EnvVar{Name: "ADDED", Value: "too"}))
			}
		}
	})

	// apply sends one manager's wishes.
	apply := func(ctx SpecContext, manager string, force bool, text string) (*corev1.ConfigMap, error) {
		return f.API.CoreV1().ConfigMaps(f.Namespace).Patch(ctx, "applied", types.ApplyPatchType,
			[]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"applied"},"data":`+text+`}`),
			metav1.PatchOptions{FieldManager: manager, Force: &force})
	}

	f.It("api/apply", func(ctx SpecContext) {
		created, err := apply(ctx, "one", false, `{"one":"1"}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(created.Data).To(Equal(map[string]string{"one": "1"}))
		merged, err := apply(ctx, "two", false, `{"two":"2"}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(merged.UID).To(Equal(created.UID))
		Expect(merged.Data).To(Equal(map[string]string{"one": "1", "two": "2"}))
		again, err := apply(ctx, "two", false, `{"two":"2"}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(again.ResourceVersion).To(Equal(merged.ResourceVersion), "applying the same again changes nothing")
		managers := []string{}
		for _, entry := range again.ManagedFields {
			managers = append(managers, entry.Manager)
		}
		Expect(managers).To(ConsistOf("one", "two"))
	})

	f.It("api/apply-conflict", func(ctx SpecContext) {
		_, err := apply(ctx, "one", false, `{"key":"1"}`)
		Expect(err).NotTo(HaveOccurred())
		_, err = apply(ctx, "two", false, `{"key":"2"}`)
		MustRefuse(err, http.StatusConflict, `conflict with "one"`, ".data.key")
		same, err := apply(ctx, "two", false, `{"key":"1"}`)
		Expect(err).NotTo(HaveOccurred(), "wishing the same is no conflict")
		Expect(same.Data).To(HaveKeyWithValue("key", "1"))
		forced, err := apply(ctx, "two", true, `{"key":"2"}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(forced.Data).To(HaveKeyWithValue("key", "2"))
		_, err = apply(ctx, "one", false, `{"key":"1"}`)
		MustRefuse(err, http.StatusConflict, `conflict with "two"`)
	})

	f.It("api/apply-removes", func(ctx SpecContext) {
		_, err := apply(ctx, "one", false, `{"mine":"1","shared":"s"}`)
		Expect(err).NotTo(HaveOccurred())
		_, err = apply(ctx, "two", false, `{"shared":"s"}`)
		Expect(err).NotTo(HaveOccurred())
		left, err := apply(ctx, "one", false, `{}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(left.Data).To(Equal(map[string]string{"shared": "s"}), "what the other manager applied too stays")
	})

	f.It("api/field-validation", func(ctx SpecContext) {
		create := func(level, name, fields string) error {
			return f.API.CoreV1().RESTClient().Post().Namespace(f.Namespace).Resource("configmaps").Param("fieldValidation", level).
				Body([]byte(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"`+name+`"},`+fields+`}`)).
				SetHeader("Content-Type", "application/json").Do(ctx).Error()
		}
		MustRefuse(create("Strict", "unknown", `"dta":{"a":"b"}`), http.StatusBadRequest, `unknown field "dta"`)
		MustRefuse(create("Strict", "twice", `"data":{"a":"b"},"data":{"a":"c"}`), http.StatusBadRequest, `duplicate field "data"`)
		MustRefuse(create("Sometimes", "level", `"data":{}`), http.StatusUnprocessableEntity)
		MustBeMissing(f.TryGet(ctx, configMap("unknown", nil)))
		Expect(create("Warn", "warned", `"dta":{"a":"b"}`)).To(Succeed())
		Expect(create("Ignore", "ignored", `"dta":{"a":"b"}`)).To(Succeed())
		f.Get(ctx, configMap("warned", nil))
	})
})
