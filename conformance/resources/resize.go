package resources

import (
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// shows is the condition that the container's status has these requests and limits.
func shows(container string, requests, limits corev1.ResourceList) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		status := Status(pod, container)
		return status.Resources != nil && covers(status.AllocatedResources, requests) && covers(status.Resources.Requests, requests) && covers(status.Resources.Limits, limits)
	}
}

// covers says whether list has what want names, in those amounts.
func covers(list, want corev1.ResourceList) bool {
	for name, amount := range want {
		if got, has := list[name]; !has || got.Cmp(amount) != 0 {
			return false
		}
	}
	return true
}

// resized is the condition that nothing of a change is left to be done.
func resized(pod *corev1.Pod) bool {
	return PodCondition(pod, corev1.PodResizePending).Status == "" && PodCondition(pod, corev1.PodResizeInProgress).Status == ""
}

func both(conditions ...func(*corev1.Pod) bool) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		for _, so := range conditions {
			if !so(pod) {
				return false
			}
		}
		return true
	}
}

func pending(reason string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		c := PodCondition(pod, corev1.PodResizePending)
		return c.Status == corev1.ConditionTrue && c.Reason == reason && c.Message != ""
	}
}

var _ = Describe("resize", func() {
	f := New()

	// change asks for other resources of a container in a list of the pod's.
	change := func(ctx SpecContext, pod *corev1.Pod, kind, container string, requests, limits corev1.ResourceList) {
		GinkgoHelper()
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{kind: []any{map[string]any{
			"name": container, "resources": corev1.ResourceRequirements{Requests: requests, Limits: limits}}}}})
		Expect(err).NotTo(HaveOccurred())
		Expect(f.TryPatch(ctx, pod, types.StrategicMergePatchType, string(patch), "resize")).To(Succeed())
	}
	// begin creates a pod and waits until it is Ready.
	begin := func(ctx SpecContext, pod *corev1.Pod) (*Observer[*corev1.Pod], *corev1.Pod) {
		GinkgoHelper()
		watched := f.WatchPod(ctx, pod.Name)
		f.Create(ctx, pod)
		return watched, watched.MustReach(ctx, "it is Ready", one(Ready))[0]
	}
	restarts := func(pod *corev1.Pod) int32 { return Status(pod, "main").RestartCount }

	f.It("resources/resize-cpu", func(ctx SpecContext) {
		watched, pod := begin(ctx, sized("p", list("cpu", "10m"), list("cpu", "100m"), "sleep", "1h"))
		change(ctx, pod, "containers", "main", list("cpu", "20m"), list("cpu", "250m"))
		done := watched.MustReach(ctx, "its status shows 20m and 250m", one(both(shows("main", list("cpu", "20m"), list("cpu", "250m")), resized)))[0]
		Expect(cgroup{f, "p", ""}.cores(ctx)).To(BeNumerically("~", 0.25, 0.001))
		Expect(restarts(done)).To(BeZero(), "restarts")
		Expect(done.Status.ObservedGeneration).To(Equal(done.Generation))
	})

	f.It("resources/resize-memory", func(ctx SpecContext) {
		watched, pod := begin(ctx, sized("p", list("memory", "16Mi"), list("memory", "64Mi"), "sleep", "1h"))
		change(ctx, pod, "containers", "main", list("memory", "24Mi"), list("memory", "96Mi"))
		done := watched.MustReach(ctx, "its status shows 24Mi and 96Mi", one(both(shows("main", list("memory", "24Mi"), list("memory", "96Mi")), resized)))[0]
		Expect(cgroup{f, "p", ""}.memory(ctx)).To(BeEquivalentTo(96 << 20))
		Expect(restarts(done)).To(BeZero(), "restarts")
	})

	f.It("resources/resize-down", func(ctx SpecContext) {
		few, many := list("cpu", "50m", "memory", "64Mi"), list("cpu", "100m", "memory", "128Mi")
		watched, pod := begin(ctx, sized("p", many, many, "sleep", "1h"))
		change(ctx, pod, "containers", "main", few, few)
		done := watched.MustReach(ctx, "its status shows 50m and 64Mi", one(both(shows("main", few, few), resized)))[0]
		c := cgroup{f, "p", ""}
		Expect(c.memory(ctx)).To(BeEquivalentTo(64 << 20))
		Expect(c.cores(ctx)).To(BeNumerically("~", 0.05, 0.001))
		Expect(restarts(done)).To(BeZero(), "restarts")
		Expect(done.Status.QOSClass).To(Equal(corev1.PodQOSGuaranteed))
	})

	f.It("resources/resize-restart", func(ctx SpecContext) {
		described := sized("p", list("cpu", "10m", "memory", "16Mi"), list("cpu", "100m", "memory", "64Mi"), "sleep", "1h")
		described.Spec.Containers[0].ResizePolicy = []corev1.ContainerResizePolicy{{ResourceName: corev1.ResourceMemory, RestartPolicy: corev1.RestartContainer}}
		watched, pod := begin(ctx, described)
		change(ctx, pod, "containers", "main", list("cpu", "20m"), list("cpu", "200m"))
		done := watched.MustReach(ctx, "its CPU is changed", one(both(shows("main", list("cpu", "20m"), list("cpu", "200m")), resized)))[0]
		Expect(restarts(done)).To(BeZero(), "restarts after a change of the CPU, which needs none")
		change(ctx, pod, "containers", "main", list("memory", "24Mi"), list("memory", "96Mi"))
		watched.MustReach(ctx, "it was restarted and has its memory", one(both(shows("main", list("memory", "24Mi"), list("memory", "96Mi")), resized, Ready,
			func(p *corev1.Pod) bool { return restarts(p) == 1 })))
		Expect(cgroup{f, "p", ""}.memory(ctx)).To(BeEquivalentTo(96 << 20))
		watched.MustNever(ctx, "it is restarted again", one(func(p *corev1.Pod) bool { return restarts(p) > 1 }), Quiet)
	})

	// wholes is the condition that the pod's status has these resources of the pod as a whole.
	wholes := func(requests, limits corev1.ResourceList) func(*corev1.Pod) bool {
		return func(pod *corev1.Pod) bool {
			s := pod.Status
			return covers(s.AllocatedResources, requests) && s.Resources != nil && covers(s.Resources.Requests, requests) && covers(s.Resources.Limits, limits)
		}
	}

	f.It("resources/resize-pod-level", func(ctx SpecContext) {
		few, some := list("cpu", "10m", "memory", "16Mi"), list("cpu", "100m", "memory", "64Mi")
		described := sized("p", nil, nil, "sleep", "1h")
		described.Spec.Resources = &corev1.ResourceRequirements{Requests: few, Limits: some}
		watched, pod := begin(ctx, described)
		watched.MustReach(ctx, "its status shows what it asks for as a whole", one(wholes(few, some)))
		few, some = list("cpu", "20m", "memory", "24Mi"), list("cpu", "250m", "memory", "96Mi")
		patch, err := json.Marshal(map[string]any{"spec": map[string]any{"resources": corev1.ResourceRequirements{Requests: few, Limits: some}}})
		Expect(err).NotTo(HaveOccurred())
		Expect(f.TryPatch(ctx, pod, types.StrategicMergePatchType, string(patch), "resize")).To(Succeed())
		done := watched.MustReach(ctx, "its status shows 20m and 24Mi, 250m and 96Mi", one(both(wholes(few, some), resized)))[0]
		c := cgroup{f, "p", ""}
		Expect(c.memory(ctx)).To(BeEquivalentTo(96<<20), "what a container without limits may use")
		Expect(c.cores(ctx)).To(BeNumerically("~", 0.25, 0.001))
		Expect(restarts(done)).To(BeZero(), "restarts")
	})

	f.It("resources/resize-infeasible", func(ctx SpecContext) {
		watched, pod := begin(ctx, sized("p", list("cpu", "10m"), nil, "sleep", "1h"))
		change(ctx, pod, "containers", "main", list("cpu", "100k"), nil)
		refused := watched.MustReach(ctx, "the change is Infeasible", one(pending(corev1.PodReasonInfeasible)))[0]
		Expect(shows("main", list("cpu", "10m"), nil)(refused)).To(BeTrue(), "resources in its status: %v", Status(refused, "main").Resources)
		Expect(Ready(refused)).To(BeTrue())
		change(ctx, pod, "containers", "main", list("cpu", "20m"), nil)
		watched.MustReach(ctx, "a change that can be made is made", one(both(shows("main", list("cpu", "20m"), nil), resized)))
	})

	f.It("resources/resize-deferred", func(ctx SpecContext) {
		watched, pod := begin(ctx, sized("p", list("cpu", "10m"), nil, "sleep", "1h"))
		node, err := f.API.CoreV1().Nodes().Get(ctx, pod.Spec.NodeName, metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		others, err := f.API.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node.Name})
		Expect(err).NotTo(HaveOccurred())
		free := node.Status.Allocatable.Cpu().MilliValue()
		for i := range others.Items {
			if p := &others.Items[i]; p.UID != pod.UID && !Ended(p) {
				requests := resourcehelper.PodRequests(p, resourcehelper.PodResourcesOptions{})
				free -= requests.Cpu().MilliValue()
			}
		}
		// Either of the two fits into what the node has left, and both do not.
		part := resource.NewMilliQuantity(free*60/100, resource.DecimalSI).String()
		filler := sized("filler", list("cpu", part), nil, "sleep", "1h")
		filler.Spec.NodeSelector = map[string]string{corev1.LabelHostname: node.Labels[corev1.LabelHostname]}
		f.Create(ctx, filler)
		f.WaitPodReady(ctx, "filler")
		change(ctx, pod, "containers", "main", list("cpu", part), nil)
		deferred := watched.MustReach(ctx, "the change is Deferred", one(pending(corev1.PodReasonDeferred)))[0]
		Expect(shows("main", list("cpu", "10m"), nil)(deferred)).To(BeTrue(), "resources in its status: %v", Status(deferred, "main").Resources)
		f.Delete(ctx, filler)
		watched.MustReach(ctx, "the change is made after the other pod is gone", one(both(shows("main", list("cpu", part), nil), resized)))
	}, Serial)

	f.It("resources/resize-below-usage", func(ctx SpecContext) {
		described := sized("p", list("memory", "16Mi"), list("memory", "256Mi"), "alloc", "96")
		watched, pod := begin(ctx, described)
		f.WaitLog(ctx, "p", "main", "96")
		change(ctx, pod, "containers", "main", list("memory", "16Mi"), list("memory", "32Mi"))
		stuck := watched.MustReach(ctx, "the change is in progress, with an error", one(func(p *corev1.Pod) bool {
			return PodCondition(p, corev1.PodResizeInProgress).Reason == corev1.PodReasonError
		}))[0]
		Expect(PodCondition(stuck, corev1.PodResizeInProgress).Message).To(ContainSubstring("below current usage"))
		Expect(cgroup{f, "p", ""}.memory(ctx)).To(BeEquivalentTo(256<<20), "the limit")
		watched.MustNever(ctx, "its container ends", one(func(p *corev1.Pod) bool { return Terminated(p, "main") != nil }), Quiet)
		change(ctx, pod, "containers", "main", list("memory", "16Mi"), list("memory", "128Mi"))
		watched.MustReach(ctx, "a limit above its use is set", one(both(shows("main", nil, list("memory", "128Mi")), resized)))
	})

	f.It("resources/resize-sidecar", func(ctx SpecContext) {
		described := Pod("p", "sleep", "1h")
		sidecar := Container("beside", "sleep", "1h")
		sidecar.RestartPolicy = new(corev1.ContainerRestartPolicy)
		*sidecar.RestartPolicy = corev1.ContainerRestartPolicyAlways
		sidecar.Resources = corev1.ResourceRequirements{Requests: list("cpu", "10m"), Limits: list("cpu", "100m")}
		described.Spec.InitContainers = []corev1.Container{sidecar}
		watched, pod := begin(ctx, described)
		change(ctx, pod, "initContainers", "beside", list("cpu", "20m"), list("cpu", "250m"))
		done := watched.MustReach(ctx, "the sidecar has 20m and 250m", one(both(shows("beside", list("cpu", "20m"), list("cpu", "250m")), resized)))[0]
		Expect(cgroup{f, "p", "beside"}.cores(ctx)).To(BeNumerically("~", 0.25, 0.001))
		Expect(Status(done, "beside").RestartCount).To(BeZero(), "restarts")
	})

	f.It("resources/resize-events", func(ctx SpecContext) {
		_, pod := begin(ctx, sized("p", list("cpu", "10m"), nil, "sleep", "1h"))
		change(ctx, pod, "containers", "main", list("cpu", "20m"), nil)
		for _, reason := range []string{"ResizeStarted", "ResizeCompleted"} {
			Expect(f.WaitEvent(ctx, pod, reason).Message).To(ContainSubstring("Pod resize "), fmt.Sprint("the event ", reason))
		}
	}, SpecTimeout(3*time.Minute))
})
