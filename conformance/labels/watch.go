package labels

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("watches with a selector", func() {
	f := New()

	f.It("labels/select-watch", func(ctx SpecContext) {
		w, err := f.API.CoreV1().ConfigMaps(f.Namespace).Watch(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()

		stranger := labelled("stranger", map[string]string{"app": "db"})
		joins := labelled("joins", nil)
		f.Create(ctx, stranger, joins)
		f.Patch(ctx, joins, `{"metadata":{"labels":{"app":"web"}}}`)
		f.Patch(ctx, stranger, `{"data":{"changed":"unseen"}}`)
		f.Patch(ctx, joins, `{"data":{"changed":"seen"}}`)
		f.Patch(ctx, joins, `{"metadata":{"labels":{"app":"db"}}}`)
		f.Patch(ctx, joins, `{"data":{"changed":"unseen"}}`)
		f.Patch(ctx, joins, `{"metadata":{"labels":{"app":"web"}}}`)
		f.Delete(ctx, joins)

		for i, want := range []watch.EventType{watch.Added, watch.Modified, watch.Deleted, watch.Added, watch.Deleted} {
			var event watch.Event
			Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(Receive(&event), "event %d, %s", i+1, want)
			Expect(event.Type).To(Equal(want), "event %d", i+1)
			Expect(event.Object.(*corev1.ConfigMap).Name).To(Equal("joins"), "event %d", i+1)
		}
		Consistently(ctx, w.ResultChan()).WithTimeout(time.Second).ShouldNot(Receive(), "an event more than there were changes")
	})
})
