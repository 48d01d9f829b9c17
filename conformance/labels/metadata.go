// Package labels judges the area "labels": labels, selectors and annotations.
package labels

import (
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// labelled describes an object with labels; nothing else of it matters.
func labelled(name string, labels map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

var _ = Describe("labels and annotations", func() {
	f := New()

	f.It("labels/add-change-remove", func(ctx SpecContext) {
		meta := metav1.ObjectMeta{Name: "marked", Labels: map[string]string{"stays": "here"}}
		pod := Idle()
		pod.ObjectMeta = meta
		for _, object := range []Object{
			pod, &corev1.ConfigMap{ObjectMeta: meta}, &corev1.ServiceAccount{ObjectMeta: meta},
			&corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}},
		} {
			f.Create(ctx, object)
			for _, step := range []struct {
				patch string
				want  map[string]string
			}{
				{`{"metadata":{"labels":{"app":"one","empty":""}}}`, map[string]string{"stays": "here", "app": "one", "empty": ""}},
				{`{"metadata":{"labels":{"app":"two"}}}`, map[string]string{"stays": "here", "app": "two", "empty": ""}},
				{`{"metadata":{"labels":{"app":null,"empty":null}}}`, map[string]string{"stays": "here"}},
			} {
				f.Patch(ctx, object, step.patch)
				f.Get(ctx, object)
				Expect(object.GetLabels()).To(Equal(step.want), "labels of the %T after %s", object, step.patch)
			}
		}
	})

	f.It("labels/form", func(ctx SpecContext) {
		for key, value := range map[string]string{
			"with space": "v", "-dash": "v", "a/b/c": "v", "UPPER.example/x": "v", "/name": "v", "": "v",
			strings.Repeat("k", 64): "v", "value": "with space", "dash-last": "v-", "long": strings.Repeat("v", 64),
		} {
			err := f.TryCreate(ctx, labelled("malformed", map[string]string{key: value}))
			MustBeInvalid(err, "metadata.labels", "Invalid value")
		}
		f.Create(ctx, labelled("well-formed", map[string]string{
			"example.com/Name_1.2-3": "Value_1.2-3", strings.Repeat("k", 63): strings.Repeat("v", 63), "empty": "",
		}))
	})

	f.It("labels/annotations-stored", func(ctx SpecContext) {
		annotations := map[string]string{"example.com/note": "spaces, {\"json\": [1]}\nlines 和 ünïcode", "empty": ""}
		object := labelled("noted", nil)
		object.Annotations = annotations
		f.Create(ctx, object)
		f.Get(ctx, object)
		Expect(object.Annotations).To(Equal(annotations))
		f.Patch(ctx, object, `{"metadata":{"annotations":{"empty":null,"more":"text"}}}`)
		f.Get(ctx, object)
		Expect(object.Annotations).To(Equal(map[string]string{"example.com/note": annotations["example.com/note"], "more": "text"}))
	})

	f.It("labels/annotations-not-selectable", func(ctx SpecContext) {
		noted := labelled("noted", nil)
		noted.Annotations = map[string]string{"app": "one"}
		f.Create(ctx, noted, labelled("labelled", map[string]string{"app": "one"}))
		Expect(selected(ctx, f, "app=one")).To(Equal([]string{"labelled"}))
		Expect(selected(ctx, f, "app")).To(Equal([]string{"labelled"}))
	})

	f.It("labels/annotations-size", func(ctx SpecContext) {
		const limit = 256 << 10
		fits := labelled("fits", nil)
		fits.Annotations = map[string]string{"a": strings.Repeat("x", limit-1)} // the key counts too
		f.Create(ctx, fits)
		tooLong := labelled("too-long", nil)
		tooLong.Annotations = map[string]string{"a": strings.Repeat("x", limit)}
		MustBeInvalid(f.TryCreate(ctx, tooLong), "metadata.annotations", "Too long")
		MustRefuse(f.TryGet(ctx, tooLong), http.StatusNotFound)
	})
})
