package pods

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// gone is the condition that the watched pod is no longer there.
func gone(pods []*corev1.Pod) bool { return len(pods) == 0 }

// terminating says that the pod is being deleted.
func terminating(pod *corev1.Pod) bool { return pod.DeletionTimestamp != nil }

var _ = Describe("deletion", func() {
	f := New()

	f.It("pods/graceful-deletion", func(ctx SpecContext) {
		watched := f.WatchPod(ctx, "polite")
		pod := Server("polite", "--shutdown-delay", "3s")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](120)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "polite")
		log := f.FollowLogs(ctx, "polite", "main")
		f.Delete(ctx, pod)
		seen := watched.MustReach(ctx, "it is terminating", one(terminating))[0]
		deleted := watched.ReachedAt()
		Expect(seen.DeletionGracePeriodSeconds).To(HaveValue(BeEquivalentTo(120)))
		log.WaitLine(ctx, f, "got SIGTERM")
		watched.MustReach(ctx, "it is gone", gone)
		took := watched.ReachedAt().Sub(deleted)
		Expect(took).To(BeNumerically(">=", 2*time.Second), "it is there while its container ends")
		Expect(took).To(BeNumerically("<", 90*time.Second), "it does not wait for the grace period when its container has ended")
	})

	f.It("pods/grace-period-default", func(ctx SpecContext) {
		pod := Pod("patient", "sleep", "1h")
		pod.Spec.TerminationGracePeriodSeconds = nil
		watched := f.WatchPod(ctx, "patient")
		f.Create(ctx, pod)
		Expect(pod.Spec.TerminationGracePeriodSeconds).To(HaveValue(BeEquivalentTo(30)))
		f.WaitPodReady(ctx, "patient")
		f.Delete(ctx, pod)
		seen := watched.MustReach(ctx, "it is terminating", one(terminating))[0]
		Expect(seen.DeletionGracePeriodSeconds).To(HaveValue(BeEquivalentTo(30)))
		watched.MustReach(ctx, "it is gone", gone)
	})

	f.It("pods/killed-after-grace", func(ctx SpecContext) {
		const grace = 6
		watched := f.WatchPod(ctx, "stubborn")
		pod := Server("stubborn", "--ignore-sigterm")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](600)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "stubborn")
		log := f.FollowLogs(ctx, "stubborn", "main")
		f.Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](grace)}) // the deletion's own counts
		watched.MustReach(ctx, "it is terminating", one(terminating))
		deleted := watched.ReachedAt()
		log.WaitLine(ctx, f, "got SIGTERM")
		watched.MustReach(ctx, "it is gone", gone)
		took := watched.ReachedAt().Sub(deleted)
		Expect(took).To(BeNumerically(">=", (grace-1)*time.Second), "it was killed before its time")
		for _, state := range watched.Seen() {
			for _, p := range state {
				if ended := Status(p, "main").State.Terminated; ended != nil {
					Expect(ended.ExitCode).To(BeEquivalentTo(137), "exit code of the killed container")
				}
			}
		}
	})

	f.It("pods/force-deletion", func(ctx SpecContext) {
		pod := Server("stubborn", "--ignore-sigterm")
		pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](20)
		f.Create(ctx, pod)
		f.WaitPodReady(ctx, "stubborn")
		f.Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
		MustBeMissing(f.TryGet(ctx, pod))
		// The name is free at once, and the new pod is not taken for the old.
		again := Server("stubborn")
		f.Create(ctx, again)
		Expect(f.WaitPodReady(ctx, "stubborn").UID).To(Equal(again.UID))
	})
})
