package pods

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// noSuchImage names an image of a registry that is not there. Every node refuses the connection
// to itself at once, whereas a name would first be looked up, for minutes where DNS is cut off.
const noSuchImage = "127.0.0.1:1/conformance/none-such:v1"

// waiting is the condition that the container waits for a reason.
func waiting(container, reason string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool { return WaitingReason(pod, container) == reason }
}

var _ = Describe("images", func() {
	f := New()

	f.It("pods/missing-image", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "imageless")
		pod := Pod("imageless", "sleep", "1h")
		pod.Spec.Containers[0].Image = noSuchImage
		f.Create(ctx, pod)
		watched.MustReach(ctx, "its image cannot be pulled", one(waiting("main", "ErrImagePull")))
		watched.MustReach(ctx, "it waits before the next try", one(waiting("main", "ImagePullBackOff")))
		Expect(phases(watched.Seen())).To(Equal([]corev1.PodPhase{corev1.PodPending}))
		f.WaitEvent(ctx, pod, "Failed")
		f.WaitEvent(ctx, pod, "BackOff")
		f.Edit(ctx, pod, func() { pod.Spec.Containers[0].Image = Image("tool") })
		watched.MustReach(ctx, "it is ready", one(Ready))
	})

	f.It("pods/image-never-pulled", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "imageless")
		pod := Pod("imageless", "sleep", "1h")
		pod.Spec.Containers[0].Image = noSuchImage
		pod.Spec.Containers[0].ImagePullPolicy = corev1.PullNever
		f.Create(ctx, pod)
		watched.MustReach(ctx, "its image is not there", one(waiting("main", "ErrImageNeverPull")))
		f.WaitEvent(ctx, pod, "ErrImageNeverPull")
	})

	f.It("pods/image-pull-policy", func(ctx SpecContext) {
		for image, policy := range map[string]corev1.PullPolicy{
			"example.com/app": corev1.PullAlways, "example.com/app:latest": corev1.PullAlways, "example.com:5000/app": corev1.PullAlways,
			"example.com/app:v1": corev1.PullIfNotPresent, "example.com:5000/app:v1": corev1.PullIfNotPresent,
			"example.com/app@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": corev1.PullIfNotPresent,
		} {
			pod := Idle()
			pod.Name, pod.GenerateName = "", "idle-"
			pod.Spec.Containers[0].Image = image
			f.Create(ctx, pod)
			Expect(pod.Spec.Containers[0].ImagePullPolicy).To(Equal(policy), "policy for %s", image)
		}
	})

	f.It("pods/image-change-restarts", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "pair")
		pod := Pod("pair", "sleep", "1h")
		pod.Spec.Containers = append(pod.Spec.Containers, Container("beside", "sleep", "1h"))
		pod.Spec.Containers[0].Image = noSuchImage
		f.Create(ctx, pod)
		watched.MustReach(ctx, "the container with an image runs without the other", one(func(p *corev1.Pod) bool {
			return Status(p, "beside").State.Running != nil && Status(p, "main").State.Waiting != nil
		}))
		f.Edit(ctx, pod, func() { pod.Spec.Containers[0].Image = Image("tool") })
		before := watched.MustReach(ctx, "it is ready", one(Ready))[0]
		f.Edit(ctx, pod, func() { pod.Spec.Containers[0].Image = noSuchImage })
		after := watched.MustReach(ctx, "the changed container has ended and waits for its new image", one(func(p *corev1.Pod) bool {
			return Status(p, "main").State.Running == nil && Status(p, "main").State.Waiting != nil
		}))[0]
		Expect(Status(after, "beside").ContainerID).To(Equal(Status(before, "beside").ContainerID), "the other container runs on")
		Expect(Status(after, "beside").RestartCount).To(BeZero())
	})

	f.It("pods/events", func(ctx SpecContext) {
		pod := Pod("new", "sleep", "1h")
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "new")
		for _, reason := range []string{"Scheduled", "Pulled", "Created", "Started"} {
			event := f.WaitEvent(ctx, pod, reason)
			Expect(event.Type).To(Equal(corev1.EventTypeNormal))
			Expect(event.InvolvedObject.Name).To(Equal("new"))
			Expect(event.Message).NotTo(BeEmpty())
		}
		Expect(f.WaitEvent(ctx, pod, "Scheduled").Message).To(HavePrefix("Successfully assigned " + f.Namespace + "/new to "))
		Expect(f.WaitEvent(ctx, pod, "Started").InvolvedObject.FieldPath).To(Equal("spec.containers{main}"))
	})
})
