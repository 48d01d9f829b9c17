package pods

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("pulling images", func() {
	f := New()

	f.It("pods/image-present", func(ctx SpecContext) {
		f.Create(ctx, Pod("first", "sleep", "1h"))
		first := f.WaitPodReady(ctx, "first")
		second := Pod("second", "sleep", "1h")
		second.Spec.NodeName = first.Spec.NodeName
		second.Spec.Containers[0].ImagePullPolicy = corev1.PullNever
		f.Create(ctx, second)
		f.WaitPodReady(ctx, "second")
		Expect(f.WaitEvent(ctx, second, "Pulled").Message).To(HavePrefix(fmt.Sprintf("Container image %q already present on machine", Image("tool"))))
	})

	f.It("pods/image-invalid-name", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "imageless")
		pod := Pod("imageless", "sleep", "1h")
		pod.Spec.Containers[0].Image = "example.com/UPPER/case:v1"
		f.Create(ctx, pod)
		watched.MustReach(ctx, "its image's name is none", one(waiting("main", "InvalidImageName")))
		f.WaitEvent(ctx, pod, "InspectFailed")
	})

	f.It("pods/image-pull-back-off", func(ctx SpecContext) {
		pod := Pod("imageless", "sleep", "1h")
		pod.Spec.Containers[0].Image = noSuchImage
		f.Create(ctx, pod)
		var again corev1.Event
		f.WaitUntil(ctx, "a second try to pull", SettleTimeout, func(ctx context.Context) (bool, string) {
			events := f.Events(ctx, pod)
			for _, e := range events {
				if again = e; e.Reason == "Pulling" && e.Count > 1 {
					return true, ""
				}
			}
			return false, EventLines(events)
		})
		// The times of events are whole seconds.
		between := again.LastTimestamp.Sub(again.FirstTimestamp.Time) / time.Duration(again.Count-1)
		Expect(between).To(BeNumerically(">=", 9*time.Second), "time between tries")
	})

	f.It("pods/image-pull-secret-missing", func(ctx SpecContext) {
		pod := Pod("secretless", "sleep", "1h")
		pod.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "none-such"}}
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "secretless")
		event := f.WaitEvent(ctx, pod, "FailedToRetrieveImagePullSecret")
		Expect(event.Type).To(Equal(corev1.EventTypeWarning))
		Expect(event.Message).To(ContainSubstring("none-such"))
	})
})
