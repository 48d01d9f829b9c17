package storage

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
	"github.com/etalon-dev/etalon/fixtures/csi/deploy"
)

// tokensKey is where a driver finds the tokens that it asks for.
const tokensKey = "csi.storage.k8s.io/serviceAccount.tokens"

var _ = Describe("how CSI drivers are asked", func() {
	f := New()

	f.It("storage/csi-attach-not-required", func(ctx SpecContext) {
		d := startDriver(ctx, f, driverWith(func(s *storagev1.CSIDriverSpec) { s.AttachRequired = ptr.To(false) }))
		f.Create(ctx, d.claim("data"))
		d.start(ctx, d.consumer("user", fromClaim("data")))
		Expect(methodsOf(d.calls(ctx, "ControllerPublishVolume", "NodeStageVolume", "NodePublishVolume"))).
			To(Equal([]string{"NodeStageVolume", "NodePublishVolume"}))
		all, err := f.API.StorageV1().VolumeAttachments().List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(all.Items).NotTo(ContainElement(HaveField("Spec.Attacher", d.name)))
	})

	f.It("storage/csi-attach-refused", func(ctx SpecContext) {
		d := startDriver(ctx, f, refusing("ControllerPublishVolume"))
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		f.Create(ctx, pod)
		message := f.WaitEvent(ctx, pod, "FailedAttachVolume").Message
		Expect(message).To(And(HavePrefix("AttachVolume.Attach failed for volume %q : ", d.volumeOf(ctx, "data")),
			HaveSuffix("rpc error: code = InvalidArgument desc = ControllerPublishVolume is refused")))
		Expect(d.calls(ctx, "NodeStageVolume", "NodePublishVolume")).To(BeEmpty(), "a volume that is not attached is not mounted")
	})

	f.It("storage/csi-mount-refused", func(ctx SpecContext) {
		d := startDriver(ctx, f, refusing("NodeStageVolume"))
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		pods := f.WatchPod(ctx, "user")
		f.Create(ctx, pod)
		Expect(f.WaitEvent(ctx, pod, "FailedMount").Message).To(Equal(fmt.Sprintf(
			"MountVolume.MountDevice failed for volume %q : rpc error: code = InvalidArgument desc = NodeStageVolume is refused", d.volumeOf(ctx, "data"))))
		pods.MustReach(ctx, "the container waits for its volume", func(all []*corev1.Pod) bool {
			return len(all) == 1 && len(all[0].Status.ContainerStatuses) == 1 && all[0].Status.ContainerStatuses[0].State.Waiting != nil &&
				all[0].Status.ContainerStatuses[0].State.Waiting.Reason == "ContainerCreating"
		})
		Expect(d.calls(ctx, "NodePublishVolume")).To(BeEmpty(), "what is not staged is not published")
	})

	f.It("storage/csi-access-modes", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		shared, alone := d.claim("shared"), d.claim("alone")
		alone.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
		f.Create(ctx, shared, alone)
		pod := d.consumer("user", fromClaim("shared"))
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "alone", VolumeSource: fromClaim("alone")})
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "alone", MountPath: "/alone"})
		d.start(ctx, pod)
		for _, c := range d.calls(ctx, "NodeStageVolume", "NodePublishVolume") {
			if c.Volume == d.volumeOf(ctx, "alone") {
				Expect(c.Mode).To(Equal("SINGLE_NODE_SINGLE_WRITER"), c.Method)
			} else {
				Expect(c.Mode).To(Equal("SINGLE_NODE_MULTI_WRITER"), c.Method)
			}
		}
	})

	f.It("storage/csi-mount-options", func(ctx SpecContext) {
		d := startDriver(ctx, f, classWith(func(c *storagev1.StorageClass) { c.MountOptions = []string{"sync", "noatime"} }))
		f.Create(ctx, d.claim("data"))
		d.start(ctx, d.consumer("user", fromClaim("data")))
		calls := d.calls(ctx, "NodeStageVolume", "NodePublishVolume")
		Expect(calls).To(HaveLen(2))
		for _, c := range calls {
			Expect(c.Options).To(Equal([]string{"sync", "noatime"}), c.Method)
		}
	})

	f.It("storage/csi-secrets", func(ctx SpecContext) {
		f.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "stage"}, StringData: map[string]string{"for-staging": "x"}},
			&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "publish"}, StringData: map[string]string{"for-publishing": "x"}})
		d := startDriver(ctx, f, classWith(func(c *storagev1.StorageClass) {
			for use, name := range map[string]string{"node-stage": "stage", "node-publish": "publish"} {
				c.Parameters["csi.storage.k8s.io/"+use+"-secret-name"] = name
				c.Parameters["csi.storage.k8s.io/"+use+"-secret-namespace"] = f.Namespace
			}
		}))
		f.Create(ctx, d.claim("data"))
		d.start(ctx, d.consumer("user", fromClaim("data")))
		Expect(d.calls(ctx, "NodeStageVolume")[0].Secrets).To(Equal([]string{"for-staging"}))
		Expect(d.calls(ctx, "NodePublishVolume")[0].Secrets).To(Equal([]string{"for-publishing"}))
	})

	f.It("storage/csi-read-only", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		source := fromClaim("data")
		source.PersistentVolumeClaim.ReadOnly = true
		d.start(ctx, d.consumer("user", source))
		Expect(d.calls(ctx, "NodePublishVolume")[0].Readonly).To(BeTrue(), "the driver is told that the pod only reads")
		Expect(f.Exec(ctx, "user", "", "/tool", "write", "/data/file", "x").Code).NotTo(BeZero(), "the container cannot write")
	})

	f.It("storage/csi-tokens", func(ctx SpecContext) {
		d := startDriver(ctx, f, driverWith(func(s *storagev1.CSIDriverSpec) {
			s.TokenRequests = []storagev1.TokenRequest{{Audience: "vault.example", ExpirationSeconds: ptr.To[int64](900)}}
		}))
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		d.start(ctx, pod)
		given := map[string]struct {
			Token   string      `json:"token"`
			Expires metav1.Time `json:"expirationTimestamp"`
		}{}
		Expect(json.Unmarshal([]byte(d.calls(ctx, "NodePublishVolume")[0].Context[tokensKey]), &given)).To(Succeed())
		Expect(given).To(And(HaveLen(1), HaveKey("vault.example")))
		Expect(given["vault.example"].Expires.Time).To(BeTemporally(">", time.Now()))
		review, err := f.API.AuthenticationV1().TokenReviews().Create(ctx, &authv1.TokenReview{Spec: authv1.TokenReviewSpec{
			Token: given["vault.example"].Token, Audiences: []string{"vault.example"}}}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(review.Status.Authenticated).To(BeTrue(), review.Status.Error)
		Expect(review.Status.User.Username).To(Equal("system:serviceaccount:" + f.Namespace + ":default"))
		Expect(review.Status.User.Extra).To(HaveKeyWithValue("authentication.kubernetes.io/pod-uid", authv1.ExtraValue{string(pod.UID)}))
		Expect(d.calls(ctx, "NodeStageVolume")[0].Context).NotTo(HaveKey(tokensKey), "the volume is staged for all pods")
	})

	f.It("storage/csi-tokens-in-secrets", func(ctx SpecContext) {
		d := startDriver(ctx, f, driverWith(func(s *storagev1.CSIDriverSpec) {
			s.TokenRequests, s.ServiceAccountTokenInSecrets = []storagev1.TokenRequest{{Audience: "vault.example"}}, ptr.To(true)
		}))
		f.Create(ctx, d.claim("data"))
		d.start(ctx, d.consumer("user", fromClaim("data")))
		published := d.calls(ctx, "NodePublishVolume")[0]
		Expect(published.Secrets).To(ContainElement(tokensKey))
		Expect(published.Context).NotTo(HaveKey(tokensKey))
	})

	f.It("storage/csi-republish", func(ctx SpecContext) {
		d := startDriver(ctx, f, driverWith(func(s *storagev1.CSIDriverSpec) { s.RequiresRepublish = ptr.To(true) }))
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		d.start(ctx, pod)
		before := len(d.calls(ctx, "NodePublishVolume"))
		d.touch(ctx, pod)
		Eventually(ctx, func(ctx context.Context) int { return len(d.calls(ctx, "NodePublishVolume")) }).WithTimeout(PodTimeout).WithPolling(200*time.Millisecond).
			Should(BeNumerically(">", before), "the driver is asked again while the pod runs")
		calls := d.calls(ctx, "NodePublishVolume")
		Expect(calls[len(calls)-1].Target).To(Equal(calls[0].Target))
		Expect(d.calls(ctx, "NodeStageVolume", "NodeUnpublishVolume")).To(HaveLen(1), "staged once, not unpublished in between")
	})

	f.It("storage/csi-inline-refused", func(ctx SpecContext) {
		d := startDriver(ctx, f, driverWith(func(s *storagev1.CSIDriverSpec) {
			s.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
		}))
		pod := d.consumer("user", corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: d.name}})
		f.Create(ctx, pod)
		Expect(f.WaitEvent(ctx, pod, "FailedMount").Message).To(ContainSubstring(`volume mode "Ephemeral" not supported by driver ` + d.name))
		Expect(d.calls(ctx)).To(BeEmpty())
	})

	f.It("storage/csi-driver-missing", func(ctx SpecContext) {
		pod := Pod("user", "sleep", "1h")
		pod.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: f.Namespace + ".example"}}}}
		f.CreateForCluster(ctx, &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace + ".example"}, Spec: storagev1.CSIDriverSpec{
			VolumeLifecycleModes: []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecycleEphemeral}}})
		f.Create(ctx, pod)
		Expect(f.WaitEvent(ctx, pod, "FailedMount").Message).To(And(HavePrefix("MountVolume.SetUp failed for volume \"data\" : "),
			ContainSubstring("driver name "+f.Namespace+".example not found in the list of registered CSI drivers")))
	})

	f.It("storage/csi-driver-away", func(ctx SpecContext) {
		d := startDriver(ctx, f)
		f.Create(ctx, d.claim("data"))
		pod := d.consumer("user", fromClaim("data"))
		d.start(ctx, pod)
		d.leave(ctx)
		f.MustExec(ctx, "user", "", "/tool", "write", "/data/file", "x")
		pods := f.WatchPod(ctx, "user")
		f.Delete(ctx, pod)
		pods.MustReach(ctx, "the pod's container has ended", func(all []*corev1.Pod) bool {
			return len(all) == 1 && len(all[0].Status.ContainerStatuses) == 1 && all[0].Status.ContainerStatuses[0].State.Terminated != nil
		})
		pods.MustNever(ctx, "the pod is gone while its volume is mounted", func(all []*corev1.Pod) bool { return len(all) == 0 }, Quiet)
		d.comeBack(ctx)
		pods.MustReach(ctx, "the pod is gone", func(all []*corev1.Pod) bool { return len(all) == 0 })
		Expect(methodsOf(d.calls(ctx, "NodeUnpublishVolume"))).NotTo(BeEmpty())
	})
})

// driverWith, classWith and refusing change what startDriver deploys.
func driverWith(change func(*storagev1.CSIDriverSpec)) func(deploy.Object) {
	return func(o deploy.Object) {
		if d, is := o.(*storagev1.CSIDriver); is {
			change(&d.Spec)
		}
	}
}

func classWith(change func(*storagev1.StorageClass)) func(deploy.Object) {
	return func(o deploy.Object) {
		if c, is := o.(*storagev1.StorageClass); is {
			change(c)
		}
	}
}

// refusing has the driver refuse that call.
func refusing(method string) func(deploy.Object) {
	return classWith(func(c *storagev1.StorageClass) { c.Parameters["refuse"] = method })
}
