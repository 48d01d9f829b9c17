package configuration

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func newKey() *ecdsa.PrivateKey {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	return key
}

// signingRequest describes a request to a signer, for a client certificate of a user and group.
func signingRequest(f *Framework, key crypto.Signer, signer string, usages ...certificatesv1.KeyUsage) *certificatesv1.CertificateSigningRequest {
	GinkgoHelper()
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "alice-" + f.Namespace, Organization: []string{"crew", "staff"}}}, key)
	Expect(err).NotTo(HaveOccurred())
	return &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{GenerateName: f.Namespace + "-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: signer, Usages: usages, Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})}}
}

// decide adds a condition through the subresource for decisions.
func decide(ctx context.Context, f *Framework, r *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) error {
	decided := r.DeepCopy()
	if err := f.TryGet(ctx, decided); err != nil {
		return err
	}
	decided.Status.Conditions = append(decided.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: kind, Status: corev1.ConditionTrue, Reason: "ByTheSuite", Message: "decided by the conformance suite"})
	_, err := f.API.CertificatesV1().CertificateSigningRequests().UpdateApproval(ctx, decided.Name, decided, metav1.UpdateOptions{})
	return err
}

// condition returns the request's condition of a type; one with status "" when it has none.
func condition(r *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) certificatesv1.CertificateSigningRequestCondition {
	for _, c := range r.Status.Conditions {
		if c.Type == kind {
			return c
		}
	}
	return certificatesv1.CertificateSigningRequestCondition{}
}

func describeRequest(r *certificatesv1.CertificateSigningRequest) string {
	return fmt.Sprintf("conditions %v, certificate of %d bytes", r.Status.Conditions, len(r.Status.Certificate))
}

// waitSigned waits until the request has its certificate.
func waitSigned(ctx context.Context, f *Framework, r *certificatesv1.CertificateSigningRequest) {
	GinkgoHelper()
	f.WaitUntil(ctx, "the certificate is issued", NamespaceTimeout, func(ctx context.Context) (bool, string) {
		err := f.TryGet(ctx, r)
		return err == nil && len(r.Status.Certificate) > 0, describeRequest(r)
	})
}

var _ = Describe("certificates", func() {
	f := New()
	const signer = certificatesv1.KubeAPIServerClientSignerName

	f.It("configuration/client-certificate", func(ctx SpecContext) {
		key := newKey()
		r := signingRequest(f, key, signer, certificatesv1.UsageClientAuth, certificatesv1.UsageDigitalSignature)
		r.Spec.ExpirationSeconds = new(int32(3600))
		f.CreateForCluster(ctx, r)
		Expect(decide(ctx, f, r, certificatesv1.CertificateApproved)).To(Succeed())
		waitSigned(ctx, f, r)
		block, _ := pem.Decode(r.Status.Certificate)
		Expect(block).NotTo(BeNil(), "%s", r.Status.Certificate)
		certificate, err := x509.ParseCertificate(block.Bytes)
		Expect(err).NotTo(HaveOccurred())
		Expect(certificate.Subject.CommonName).To(Equal("alice-" + f.Namespace))
		Expect(certificate.Subject.Organization).To(ConsistOf("crew", "staff"))
		Expect(certificate.ExtKeyUsage).To(Equal([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}))
		Expect(certificate.IsCA).To(BeFalse())
		Expect(certificate.NotAfter).To(BeTemporally("~", time.Now().Add(time.Hour), 15*time.Minute))

		der, err := x509.MarshalPKCS8PrivateKey(key)
		Expect(err).NotTo(HaveOccurred())
		config := rest.AnonymousClientConfig(f.Config)
		config.CertData, config.KeyData = r.Status.Certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
		as, err := kubernetes.NewForConfig(config)
		Expect(err).NotTo(HaveOccurred())
		self, err := as.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(self.Status.UserInfo.Username).To(Equal("alice-" + f.Namespace))
		Expect(self.Status.UserInfo.Groups).To(ConsistOf("crew", "staff", "system:authenticated"))
		_, err = as.CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, `User "alice-`+f.Namespace+`" cannot list resource "pods"`)
	})

	f.It("configuration/certificate-denied", func(ctx SpecContext) {
		undecided, denied := signingRequest(f, newKey(), signer, certificatesv1.UsageClientAuth), signingRequest(f, newKey(), signer, certificatesv1.UsageClientAuth)
		f.CreateForCluster(ctx, undecided, denied)
		Expect(decide(ctx, f, denied, certificatesv1.CertificateDenied)).To(Succeed())
		MustBeInvalid(decide(ctx, f, denied, certificatesv1.CertificateApproved), "status.conditions")
		f.Stays(ctx, "neither the denied nor the undecided request has a certificate", Quiet, func(ctx context.Context) (bool, string) {
			for _, r := range []*certificatesv1.CertificateSigningRequest{undecided, denied} {
				if err := f.TryGet(ctx, r); err != nil || len(r.Status.Certificate) > 0 {
					return false, fmt.Sprintf("%s, error %v", describeRequest(r), err)
				}
			}
			return true, ""
		})
		Expect(condition(denied, certificatesv1.CertificateDenied).Reason).To(Equal("ByTheSuite"))
		Expect(undecided.Status.Conditions).To(BeEmpty())
	})

	f.It("configuration/certificate-usages", func(ctx SpecContext) {
		r := signingRequest(f, newKey(), signer, certificatesv1.UsageServerAuth)
		f.CreateForCluster(ctx, r)
		Expect(decide(ctx, f, r, certificatesv1.CertificateApproved)).To(Succeed())
		f.WaitUntil(ctx, "the signer says that it failed", NamespaceTimeout, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, r)
			return err == nil && condition(r, certificatesv1.CertificateFailed).Status == corev1.ConditionTrue, describeRequest(r)
		})
		Expect(r.Status.Certificate).To(BeEmpty())
		none := signingRequest(f, newKey(), signer)
		MustBeInvalid(f.DryCreate(ctx, none), "spec.usages")
		short := signingRequest(f, newKey(), signer, certificatesv1.UsageClientAuth)
		short.Spec.ExpirationSeconds = new(int32(599))
		MustBeInvalid(f.DryCreate(ctx, short), "spec.expirationSeconds", "may not specify a duration less than 600 seconds (10 minutes)")
		garbage := signingRequest(f, newKey(), signer, certificatesv1.UsageClientAuth)
		garbage.Spec.Request = []byte("not a request")
		MustBeInvalid(f.DryCreate(ctx, garbage), "spec.request")
	})

	f.It("configuration/certificate-requester", func(ctx SpecContext) {
		r := signingRequest(f, newKey(), "etalon.dev/nobody", certificatesv1.UsageClientAuth)
		r.Spec.Username, r.Spec.Groups = "somebody-else", []string{"other"}
		made, err := f.As("bob-"+f.Namespace, "system:masters").CertificatesV1().CertificateSigningRequests().Create(ctx, r, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func(ctx SpecContext) {
			Expect(f.API.CertificatesV1().CertificateSigningRequests().Delete(ctx, made.Name, metav1.DeleteOptions{})).To(Succeed())
		}, NodeTimeout(CleanUpTimeout))
		Expect(made.Spec.Username).To(Equal("bob-"+f.Namespace), "who asked, not who they said")
		Expect(made.Spec.Groups).To(ConsistOf("system:masters", "system:authenticated"))
		// Neither what is asked for nor the decision is changed by updating the request itself.
		before := made.Spec.DeepCopy()
		f.Edit(ctx, made, func() {
			made.Spec.Usages = []certificatesv1.KeyUsage{certificatesv1.UsageServerAuth}
			made.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue}}
			made.Labels = map[string]string{"a": "b"}
		})
		Expect(made.Labels).To(Equal(map[string]string{"a": "b"}))
		Expect(made.Spec).To(Equal(*before))
		Expect(made.Status.Conditions).To(BeEmpty())
	})

	f.It("configuration/certificate-other-signer", func(ctx SpecContext) {
		key := newKey()
		r := signingRequest(f, key, "etalon.dev/suite", certificatesv1.UsageClientAuth)
		f.CreateForCluster(ctx, r)
		Expect(decide(ctx, f, r, certificatesv1.CertificateApproved)).To(Succeed())
		f.Stays(ctx, "nobody else signs for this signer", Quiet, func(ctx context.Context) (bool, string) {
			err := f.TryGet(ctx, r)
			return err == nil && len(r.Status.Certificate) == 0 && condition(r, certificatesv1.CertificateFailed).Status == "", describeRequest(r)
		})
		// We are that signer; status is where it answers.
		issue := func(certificate []byte) error {
			signed := r.DeepCopy()
			signed.Status.Certificate = certificate
			_, err := f.API.CertificatesV1().CertificateSigningRequests().UpdateStatus(ctx, signed, metav1.UpdateOptions{})
			return err
		}
		MustBeInvalid(issue([]byte("no certificate")), "status.certificate")
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}, NotBefore: time.Now(), NotAfter: time.Now().Add(time.Hour)}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		Expect(err).NotTo(HaveOccurred())
		issued := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		Expect(issue(issued)).To(Succeed())
		f.Get(ctx, r)
		Expect(r.Status.Certificate).To(Equal(issued))
		MustBeInvalid(issue(append(issued, issued...)), "status.certificate")
	})

	f.It("configuration/unauthorized", func(ctx SpecContext) {
		key := newKey()
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kubernetes-admin", Organization: []string{"system:masters"}},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		Expect(err).NotTo(HaveOccurred())
		anonymous := rest.AnonymousClientConfig(f.Config)
		get := func(token string, certificate *tls.Certificate) (int, metav1.Status) {
			GinkgoHelper()
			transport, err := rest.TLSConfigFor(anonymous)
			Expect(err).NotTo(HaveOccurred())
			if certificate != nil {
				// Shown even though the server asks for other authorities.
				transport.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return certificate, nil }
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: transport, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, anonymous.Host+"/api/v1/namespaces", nil)
			Expect(err).NotTo(HaveOccurred())
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
			response, err := client.Do(request)
			Expect(err).NotTo(HaveOccurred())
			defer response.Body.Close()
			text, err := io.ReadAll(response.Body)
			Expect(err).NotTo(HaveOccurred())
			var status metav1.Status
			Expect(json.Unmarshal(text, &status)).To(Succeed(), "%s", text)
			return response.StatusCode, status
		}
		for what, attempt := range map[string]func() (int, metav1.Status){
			"an unknown token": func() (int, metav1.Status) { return get("nobody-issued-this", nil) },
			"a foreign certificate": func() (int, metav1.Status) {
				return get("", &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key})
			},
		} {
			code, status := attempt()
			Expect(code).To(Equal(http.StatusUnauthorized), what)
			Expect(status.Kind).To(Equal("Status"), what)
			Expect(status.Status).To(Equal(metav1.StatusFailure), what)
			Expect(status.Reason).To(Equal(metav1.StatusReasonUnauthorized), what)
			Expect(status.Message).To(Equal("Unauthorized"), what)
			Expect(status.Code).To(BeEquivalentTo(http.StatusUnauthorized), what)
		}
	})

	f.It("configuration/anonymous", func(ctx SpecContext) {
		as, err := kubernetes.NewForConfig(rest.AnonymousClientConfig(f.Config))
		Expect(err).NotTo(HaveOccurred())
		_, err = as.CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{})
		MustRefuse(err, http.StatusForbidden, `pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "`+f.Namespace+`"`)
		err = as.Discovery().RESTClient().Get().AbsPath("/").Do(ctx).Error()
		MustRefuse(err, http.StatusForbidden, `forbidden: User "system:anonymous" cannot get path "/"`)
		for _, path := range []string{"/version", "/livez", "/readyz"} {
			Expect(as.Discovery().RESTClient().Get().AbsPath(path).Do(ctx).Error()).To(Succeed(), path)
		}
	})
})
