package api

import (
	"fmt"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// next reads one event and tells it as "TYPE name value".
func next(ctx SpecContext, w watch.Interface) (string, *corev1.ConfigMap) {
	GinkgoHelper()
	var event watch.Event
	Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(Receive(&event), "the next event")
	object, isObject := event.Object.(*corev1.ConfigMap)
	Expect(isObject).To(BeTrue(), "event %s brings %T", event.Type, event.Object)
	return fmt.Sprintf("%s %s %s", event.Type, object.Name, object.Data["key"]), object
}

var _ = Describe("watches and lists", func() {
	f := New()

	f.It("api/watch-order", func(ctx SpecContext) {
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		before := configMap("before", map[string]string{"key": "0"})
		f.Create(ctx, before)
		list, err := maps.List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		a, b := configMap("a", map[string]string{"key": "1"}), configMap("b", map[string]string{"key": "1"})
		f.Create(ctx, a, b)
		f.Patch(ctx, a, `{"data":{"key":"2"}}`)
		f.Patch(ctx, before, `{"data":{"key":"3"}}`)
		f.Patch(ctx, a, `{"data":{"key":"4"}}`)
		f.Delete(ctx, b)
		f.Delete(ctx, a)
		// It begins in the past: everything since the list is told.
		w, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		for _, want := range []string{"ADDED a 1", "ADDED b 1", "MODIFIED a 2", "MODIFIED before 3", "MODIFIED a 4", "DELETED b 1", "DELETED a 4"} {
			got, object := next(ctx, w)
			Expect(got).To(Equal(want))
			Expect(object.ResourceVersion).NotTo(BeEmpty())
		}
	})

	f.It("api/watch-resume", func(ctx SpecContext) {
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		object := configMap("counter", map[string]string{"key": "0"})
		f.Create(ctx, object)
		const changes = 30
		go func() {
			defer GinkgoRecover()
			mine := configMap("counter", nil)
			for i := 1; i <= changes; i++ {
				f.Patch(ctx, mine, fmt.Sprintf(`{"data":{"key":"%d"}}`, i))
			}
		}()
		version := object.ResourceVersion
		for i := 1; i <= changes; {
			w, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: version, FieldSelector: "metadata.name=counter"})
			Expect(err).NotTo(HaveOccurred())
			for range 4 { // then the connection is lost
				if i > changes {
					break
				}
				got, seen := next(ctx, w)
				Expect(got).To(Equal(fmt.Sprintf("MODIFIED counter %d", i)))
				version = seen.ResourceVersion
				i++
			}
			w.Stop()
		}
	})

	f.It("api/watch-initial-events", func(ctx SpecContext) {
		f.Create(ctx, configMap("a", nil), configMap("b", nil))
		w, err := f.API.CoreV1().ConfigMaps(f.Namespace).Watch(ctx, metav1.ListOptions{
			SendInitialEvents: ptr.To(true), AllowWatchBookmarks: true, ResourceVersionMatch: metav1.ResourceVersionMatchNotOlderThan,
			FieldSelector: "metadata.name!=kube-root-ca.crt",
		})
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		var names []string
		for {
			var event watch.Event
			Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(Receive(&event))
			object := event.Object.(*corev1.ConfigMap)
			if event.Type == watch.Bookmark {
				Expect(object.Annotations).To(HaveKeyWithValue(metav1.InitialEventsAnnotationKey, "true"))
				break
			}
			Expect(event.Type).To(Equal(watch.Added))
			names = append(names, object.Name)
		}
		slices.Sort(names)
		Expect(names).To(Equal([]string{"a", "b"}))
	})

	f.It("api/chunks", func(ctx SpecContext) {
		maps := f.API.CoreV1().ConfigMaps(f.Namespace)
		want := []string{"kube-root-ca.crt"}
		for i := range 12 {
			name := fmt.Sprintf("item-%02d", i)
			f.Create(ctx, configMap(name, nil))
			want = append(want, name)
		}
		var got []string
		var version string
		for token := ""; ; {
			page, err := maps.List(ctx, metav1.ListOptions{Limit: 5, Continue: token})
			Expect(err).NotTo(HaveOccurred())
			Expect(len(page.Items)).To(BeNumerically("<=", 5))
			if version == "" {
				version = page.ResourceVersion
				// What is made now belongs to a later point in time.
				f.Create(ctx, configMap("zz-later", nil))
			}
			Expect(page.ResourceVersion).To(Equal(version), "every chunk is of the same point in time")
			for _, item := range page.Items {
				got = append(got, item.Name)
			}
			if token = page.Continue; token == "" {
				break
			}
		}
		slices.Sort(want)
		Expect(got).To(Equal(want))
	})
})
