package pods

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("runtime classes", func() {
	f := New()

	f.It("pods/runtime-class-handler", func(ctx SpecContext) {
		handler := "none-such-" + f.Namespace
		f.CreateForCluster(ctx, &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Handler: handler})
		watched := f.WatchPod(ctx, "lost")
		pod := Pod("lost", "sleep", "1h")
		pod.Spec.RuntimeClassName = &f.Namespace
		f.Create(ctx, pod)
		Expect(f.WaitEvent(ctx, pod, "FailedCreatePodSandBox").Message).To(ContainSubstring(handler))
		watched.MustNever(ctx, "it runs", one(func(p *corev1.Pod) bool { return begun(p, "main") }), Quiet)
	})
})
