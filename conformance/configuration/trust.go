package configuration

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// anchor is the certificate of a new authority, in PEM.
func anchor(name string) string {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	Expect(err).NotTo(HaveOccurred())
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// trusts gives the pod a file /trust/ca.pem of ClusterTrustBundles.
func trusts(pod *corev1.Pod, bundle corev1.ClusterTrustBundleProjection) *corev1.Pod {
	bundle.Path = "ca.pem"
	mount(pod, "/trust", corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{ClusterTrustBundle: &bundle}}}})
	return pod
}

var _ = Describe("trust bundles", func() {
	f := New()
	trust := func(name, signer string, anchors ...string) *certificatesv1.ClusterTrustBundle {
		return &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"of": f.Namespace}},
			Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: signer, TrustBundle: strings.Join(anchors, "")}}
	}
	waitFile := func(ctx context.Context, pod string, anchors ...string) {
		GinkgoHelper()
		f.WaitUntil(ctx, "the pod's file has exactly the anchors that are to be trusted", VolumeSyncTimeout, func(ctx context.Context) (bool, string) {
			// A changed pod is looked at before the kubelet's sync period is over.
			f.Patch(ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: pod}}, `{"metadata":{"annotations":{"look":"`+time.Now().String()+`"}}}`)
			out, err := f.TryExec(ctx, pod, "", nil, "/tool", "cat", "/trust/ca.pem")
			for _, one := range anchors {
				if strings.Count(out.Stdout, one) != 1 {
					return false, out.Stdout
				}
			}
			return err == nil && strings.Count(out.Stdout, "BEGIN") == len(anchors), out.Stdout
		})
	}

	f.It("configuration/trust-bundle", func(ctx SpecContext) {
		one, two := anchor("one"), anchor("two")
		bundle := trust(f.Namespace, "", one)
		f.CreateForCluster(ctx, bundle)
		f.Create(ctx, trusts(Pod("by-name", "sleep", "1h"), corev1.ClusterTrustBundleProjection{Name: ptr.To(f.Namespace)}))
		f.WaitPodReady(ctx, "by-name")
		waitFile(ctx, "by-name", one)
		f.Edit(ctx, bundle, func() { bundle.Spec.TrustBundle = one + two })
		waitFile(ctx, "by-name", one, two)
	})

	f.It("configuration/trust-bundles-of-signer", func(ctx SpecContext) {
		signer := f.Namespace + ".example/signer"
		prefix := f.Namespace + ".example:signer:"
		one, two, other := anchor("one"), anchor("two"), anchor("other")
		unlike := trust(prefix+"unlike", signer, other)
		unlike.Labels = nil
		f.CreateForCluster(ctx, trust(prefix+"first", signer, one), trust(prefix+"second", signer, one, two), unlike)
		f.Create(ctx, trusts(Pod("by-signer", "sleep", "1h"), corev1.ClusterTrustBundleProjection{SignerName: &signer,
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"of": f.Namespace}}}))
		f.WaitPodReady(ctx, "by-signer")
		waitFile(ctx, "by-signer", one, two)
	})

	f.It("configuration/trust-bundle-missing", func(ctx SpecContext) {
		pods := f.WatchPod(ctx, "waits")
		f.Create(ctx, trusts(Pod("waits", "sleep", "1h"), corev1.ClusterTrustBundleProjection{Name: ptr.To(f.Namespace)}),
			trusts(Pod("does-not-mind", "sleep", "1h"), corev1.ClusterTrustBundleProjection{Name: ptr.To(f.Namespace), Optional: ptr.To(true)}))
		f.WaitPodReady(ctx, "does-not-mind")
		pods.MustNever(ctx, "a container of the pod that waits runs", func(all []*corev1.Pod) bool {
			return len(all) == 1 && Status(all[0], "main").State.Running != nil
		}, Quiet)
		f.CreateForCluster(ctx, trust(f.Namespace, "", anchor("late")))
		f.WaitPodReady(ctx, "waits")
	})
})
