package configuration

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// podSigner signs for pods; it is made for one spec.
type podSigner struct {
	name        string
	key         *ecdsa.PrivateKey
	certificate *x509.Certificate
}

func newPodSigner(f *Framework) *podSigner {
	GinkgoHelper()
	key := newKey()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: f.Namespace}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	Expect(err).NotTo(HaveOccurred())
	certificate, err := x509.ParseCertificate(der)
	Expect(err).NotTo(HaveOccurred())
	return &podSigner{name: "conformance.etalon.dev/" + f.Namespace, key: key, certificate: certificate}
}

// asked waits for a request to the signer that nobody has answered.
func (s *podSigner) asked(ctx context.Context, f *Framework) *certificatesv1.PodCertificateRequest {
	GinkgoHelper()
	var found *certificatesv1.PodCertificateRequest
	f.WaitUntil(ctx, "a PodCertificateRequest for "+s.name, PodTimeout, func(ctx context.Context) (bool, string) {
		list, err := f.API.CertificatesV1().PodCertificateRequests(f.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "spec.signerName=" + s.name})
		if err != nil {
			return false, err.Error()
		}
		for i := range list.Items {
			if len(list.Items[i].Status.Conditions) == 0 {
				found = &list.Items[i]
				return true, ""
			}
		}
		return false, "none"
	})
	return found
}

// issue answers with a certificate for a day.
func (s *podSigner) issue(ctx context.Context, f *Framework, r *certificatesv1.PodCertificateRequest) {
	GinkgoHelper()
	request, err := x509.ParseCertificateRequest(r.Spec.StubPKCS10Request)
	Expect(err).NotTo(HaveOccurred())
	Expect(request.CheckSignature()).To(Succeed(), "the request is not signed with the key")
	begin := time.Now().Add(-time.Minute).Truncate(time.Second)
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: r.Spec.PodName}, NotBefore: begin,
		NotAfter: begin.Add(2 * time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, s.certificate, request.PublicKey, s.key)
	Expect(err).NotTo(HaveOccurred())
	r.Status.CertificateChain = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.certificate.Raw}))
	r.Status.NotBefore, r.Status.NotAfter = &metav1.Time{Time: template.NotBefore}, &metav1.Time{Time: template.NotAfter}
	r.Status.BeginRefreshAt = &metav1.Time{Time: begin.Add(time.Hour)}
	s.answer(ctx, f, r, certificatesv1.PodCertificateRequestConditionTypeIssued, "Signed")
}

func (s *podSigner) answer(ctx context.Context, f *Framework, r *certificatesv1.PodCertificateRequest, kind, reason string) {
	GinkgoHelper()
	r.Status.Conditions = []metav1.Condition{{Type: kind, Status: metav1.ConditionTrue, Reason: reason, Message: "by the suite", LastTransitionTime: metav1.Now()}}
	_, err := f.API.CertificatesV1().PodCertificateRequests(f.Namespace).UpdateStatus(ctx, r, metav1.UpdateOptions{})
	Expect(err).NotTo(HaveOccurred())
}

// certified describes a pod with a certificate of the signer below /certificate.
func (s *podSigner) certified(name, keyType string) *corev1.Pod {
	pod := Pod(name, "sleep", "1h")
	pod.Spec.Volumes = []corev1.Volume{{Name: "certificate", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
		Sources: []corev1.VolumeProjection{{PodCertificate: &corev1.PodCertificateProjection{SignerName: s.name, KeyType: keyType,
			CredentialBundlePath: "bundle.pem", KeyPath: "key.pem", CertificateChainPath: "chain.pem",
			UserAnnotations: map[string]string{"conformance.etalon.dev/for": name}}}}}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "certificate", MountPath: "/certificate"}}
	return pod
}

var _ = Describe("certificates of pods", func() {
	f := New()

	f.It("configuration/pod-certificate", func(ctx SpecContext) {
		signer := newPodSigner(f)
		pod := signer.certified("client", "ECDSAP256")
		f.Create(ctx, pod)
		request := signer.asked(ctx, f)
		f.Get(ctx, pod)
		Expect(request.Spec.PodName).To(Equal("client"))
		Expect(request.Spec.PodUID).To(Equal(pod.UID))
		Expect(string(request.Spec.NodeName)).To(Equal(pod.Spec.NodeName))
		Expect(request.Spec.ServiceAccountName).To(Equal("default"))
		Expect(request.Spec.MaxExpirationSeconds).To(HaveValue(BeEquivalentTo(86400)))
		Expect(request.Spec.UnverifiedUserAnnotations).To(Equal(map[string]string{"conformance.etalon.dev/for": "client"}))
		f.Get(ctx, pod)
		Expect(Status(pod, "main").State.Running).To(BeNil(), "the container runs without its certificate")
		signer.issue(ctx, f, request)
		f.WaitPodReady(ctx, "client")
		read := func(file string) string {
			return f.MustExec(ctx, "client", "main", "/tool", "cat", "/certificate/"+file)
		}
		key, chain := read("key.pem"), read("chain.pem")
		pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
		Expect(err).NotTo(HaveOccurred())
		Expect(pair.Certificate).To(HaveLen(2))
		roots := x509.NewCertPool()
		roots.AddCert(signer.certificate)
		_, err = pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
		Expect(err).NotTo(HaveOccurred())
		Expect(read("bundle.pem")).To(Equal(key + "\n" + chain))
		Expect(key).To(HavePrefix("-----BEGIN PRIVATE KEY-----"))
	})

	f.It("configuration/pod-certificate-denied", func(ctx SpecContext) {
		signer := newPodSigner(f)
		pod := signer.certified("client", "ED25519")
		f.Create(ctx, pod)
		signer.answer(ctx, f, signer.asked(ctx, f), certificatesv1.PodCertificateRequestConditionTypeDenied, certificatesv1.PodCertificateRequestConditionUnsupportedKeyType)
		Expect(f.WaitEvent(ctx, pod, "FailedMount").Message).To(ContainSubstring(`volume "certificate"`))
		f.Stays(ctx, "the container does not run", Quiet, func(ctx context.Context) (bool, string) {
			f.Get(ctx, pod)
			return Status(pod, "main").State.Running == nil, "it runs"
		})
	})
})
