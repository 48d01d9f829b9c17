package replication

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the scale subresource", func() {
	f := New()

	f.It("replication/scale-subresource", func(ctx SpecContext) {
		f.Create(ctx, both("web", 1)...)
		get := metav1.GetOptions{}
		put := metav1.UpdateOptions{}

		sets := f.API.AppsV1().ReplicaSets(f.Namespace)
		scale, err := sets.GetScale(ctx, "web-rs", get)
		Expect(err).NotTo(HaveOccurred())
		Expect(scale.Spec.Replicas).To(BeEquivalentTo(1))
		Expect(scale.Status.Selector).To(Equal("app=web-rs"))
		scale.Spec.Replicas, scale.ResourceVersion = 3, "" // whatever the controller has written meanwhile
		_, err = sets.UpdateScale(ctx, "web-rs", scale, put)
		Expect(err).NotTo(HaveOccurred())

		controllers := f.API.CoreV1().ReplicationControllers(f.Namespace)
		scale, err = controllers.GetScale(ctx, "web-rc", get)
		Expect(err).NotTo(HaveOccurred())
		Expect(scale.Status.Selector).To(Equal("app=web-rc"))
		_, err = controllers.Patch(ctx, "web-rc", types.MergePatchType, []byte(`{"spec":{"replicas":3}}`), metav1.PatchOptions{}, "scale")
		Expect(err).NotTo(HaveOccurred())

		f.WatchPods(ctx, "app=web-rs").MustReach(ctx, "the ReplicaSet has 3 pods", Exactly(3, Active))
		f.WatchPods(ctx, "app=web-rc").MustReach(ctx, "the ReplicationController has 3 pods", Exactly(3, Active))
		Eventually(ctx, func() (int32, error) {
			scale, err := sets.GetScale(ctx, "web-rs", get)
			return scale.Status.Replicas, err
		}).WithTimeout(SettleTimeout).Should(BeEquivalentTo(3), "status.replicas of the scale")

		_, err = sets.UpdateScale(ctx, "web-rs", &autoscalingv1.Scale{
			ObjectMeta: metav1.ObjectMeta{Name: "web-rs", Namespace: f.Namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: -1}}, put)
		MustBeInvalid(err, "spec.replicas")
	})
})
