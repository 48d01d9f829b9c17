package framework

import (
	"context"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/utils/ptr"
)

// MustServe shows that the node does its work whatever is done to it: a new pod there becomes Ready, runs a command,
// has a log, and goes when it is deleted.
func (f *Framework) MustServe(ctx context.Context, node string) {
	GinkgoHelper()
	pod := Server("neighbour-" + utilrand.String(5))
	pod.Spec.NodeName = node
	f.Create(ctx, pod)
	f.WaitPodReady(ctx, pod.Name)
	Expect(strings.TrimSpace(f.MustExec(ctx, pod.Name, "", "/tool", "hostname"))).To(Equal(pod.Name), "what a command in another pod of the node says")
	f.WaitLog(ctx, pod.Name, "", "serving as "+pod.Name)
	f.Delete(ctx, pod, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](1)})
	f.WaitGone(ctx, pod)
}
