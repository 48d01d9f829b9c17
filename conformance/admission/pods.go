package admission

import (
	"context"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// ofClass is a pod of the RuntimeClass.
func ofClass(name string) *corev1.Pod {
	pod := Pod("p")
	pod.Spec.RuntimeClassName = &name
	return pod
}

var _ = Describe("what admission adds to pods", func() {
	f := New()
	create := func(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, error) {
		return f.API.CoreV1().Pods(f.Namespace).Create(ctx, pod, dryRun)
	}

	f.It("admission/runtime-class-unknown", func(ctx SpecContext) {
		_, err := create(ctx, ofClass("none-such-"+f.Namespace))
		MustRefuse(err, http.StatusForbidden, `pods "p" is forbidden: pod rejected: RuntimeClass "none-such-`+f.Namespace+`" not found`)
	})

	f.It("admission/runtime-class-overhead", func(ctx SpecContext) {
		fixed := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("120Mi")}
		f.CreateForCluster(ctx, &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Handler: "sandbox", Overhead: &nodev1.Overhead{PodFixed: fixed}})
		got, err := create(ctx, ofClass(f.Namespace))
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Spec.Overhead.Cpu().String()).To(Equal("250m"))
		Expect(got.Spec.Overhead.Memory().String()).To(Equal("120Mi"))
		greedy := ofClass(f.Namespace)
		greedy.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}
		_, err = create(ctx, greedy)
		MustRefuse(err, http.StatusForbidden, "Pod's Overhead doesn't match RuntimeClass's defined Overhead")
	})

	f.It("admission/runtime-class-scheduling", func(ctx SpecContext) {
		toleration := corev1.Toleration{Key: "example.com/sandbox", Operator: corev1.TolerationOpExists}
		f.CreateForCluster(ctx, &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Handler: "sandbox",
			Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"example.com/sandbox": "yes"}, Tolerations: []corev1.Toleration{toleration}}})
		pod := ofClass(f.Namespace)
		pod.Spec.NodeSelector = map[string]string{"disk": "ssd"}
		got, err := create(ctx, pod)
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Spec.NodeSelector).To(Equal(map[string]string{"disk": "ssd", "example.com/sandbox": "yes"}))
		Expect(got.Spec.Tolerations).To(ContainElement(toleration))
		pod.Spec.NodeSelector["example.com/sandbox"] = "no"
		_, err = create(ctx, pod)
		MustRefuse(err, http.StatusForbidden, "conflict: runtimeClass.scheduling.nodeSelector[example.com/sandbox] = yes; pod.spec.nodeSelector[example.com/sandbox] = no")
	})

	f.It("admission/priority-class", func(ctx SpecContext) {
		f.CreateForCluster(ctx, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Value: 1234, PreemptionPolicy: ptr.To(corev1.PreemptNever)})
		pod := Pod("p")
		pod.Spec.PriorityClassName = f.Namespace
		got, err := create(ctx, pod)
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Spec.Priority).To(HaveValue(BeEquivalentTo(1234)))
		Expect(got.Spec.PreemptionPolicy).To(HaveValue(Equal(corev1.PreemptNever)))
		pod.Spec.Priority = ptr.To(int32(9))
		_, err = create(ctx, pod)
		MustRefuse(err, http.StatusForbidden, "the integer value of priority (9) must not be provided in pod spec; priority admission controller computed 1234 from the given PriorityClass name")
	})

	f.It("admission/priority-class-unknown", func(ctx SpecContext) {
		pod := Pod("p")
		pod.Spec.PriorityClassName = "none-such-" + f.Namespace
		_, err := create(ctx, pod)
		MustRefuse(err, http.StatusForbidden, "no PriorityClass with name none-such-"+f.Namespace+" was found")
	})

	f.It("admission/default-tolerations", func(ctx SpecContext) {
		own := corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(7))}
		pod := Pod("p")
		pod.Spec.Tolerations = []corev1.Toleration{own}
		got, err := create(ctx, pod)
		Expect(err).NotTo(HaveOccurred())
		Expect(got.Spec.Tolerations).To(ConsistOf(own, corev1.Toleration{Key: corev1.TaintNodeUnreachable, Operator: corev1.TolerationOpExists,
			Effect: corev1.TaintEffectNoExecute, TolerationSeconds: ptr.To(int64(300))}))
	})
})
