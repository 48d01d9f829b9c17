package nodes

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("nodes", func() {
	f := New()

	// What installers grant to those who show a bootstrap token is granted to a group of our own here.
	f.It("nodes/bootstrap-certificate", func(ctx SpecContext) {
		group := "system:bootstrappers:" + f.Namespace
		for suffix, role := range map[string]string{"ask": "system:node-bootstrapper", "approve": "system:certificates.k8s.io:certificatesigningrequests:nodeclient"} {
			f.Create(ctx, &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace + "-" + suffix},
				Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.GroupKind, Name: group}},
				RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role}})
		}
		joining := f.As("system:bootstrap:"+f.Namespace, "system:bootstrappers", group, "system:authenticated").CertificatesV1().CertificateSigningRequests()
		name := "system:node:" + f.Namespace
		var r *certificatesv1.CertificateSigningRequest
		f.WaitUntil(ctx, "who may join may ask for a certificate", NamespaceTimeout, func(ctx context.Context) (bool, string) {
			var err error
			if r, err = joining.Create(ctx, nodeRequest(f.Namespace, name), metav1.CreateOptions{}); err != nil {
				return false, err.Error()
			}
			return true, r.Name
		})
		DeferCleanup(func(ctx SpecContext) error {
			return f.API.CertificatesV1().CertificateSigningRequests().Delete(ctx, r.Name, metav1.DeleteOptions{})
		})
		f.WaitUntil(ctx, "the request is approved and the certificate issued", NamespaceTimeout, func(ctx context.Context) (bool, string) {
			got, err := joining.Get(ctx, r.Name, metav1.GetOptions{})
			if err != nil {
				return false, err.Error()
			}
			r = got
			return len(r.Status.Certificate) > 0, fmt.Sprintf("conditions %v, certificate of %d bytes", r.Status.Conditions, len(r.Status.Certificate))
		})
		Expect(r.Status.Conditions).To(ContainElement(And(HaveField("Type", certificatesv1.CertificateApproved), HaveField("Status", corev1.ConditionTrue))))
		block, _ := pem.Decode(r.Status.Certificate)
		Expect(block).NotTo(BeNil())
		certificate, err := x509.ParseCertificate(block.Bytes)
		Expect(err).NotTo(HaveOccurred())
		Expect(certificate.Subject.CommonName).To(Equal(name))
		Expect(certificate.Subject.Organization).To(Equal([]string{"system:nodes"}))
		Expect(certificate.ExtKeyUsage).To(Equal([]x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}))
	})

	f.It("nodes/proxy", func(ctx SpecContext) {
		for _, node := range f.Nodes(ctx) {
			f.Ask(ctx, http.MethodGet, fmt.Sprintf("/api/v1/nodes/%s:%d/proxy/healthz", node.Name, node.Status.DaemonEndpoints.KubeletEndpoint.Port), "").Must(http.StatusOK, "ok")
		}
	})
})

// nodeRequest is the request of a kubelet for the certificate by which it is known to the API server.
func nodeRequest(prefix, node string) *certificatesv1.CertificateSigningRequest {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: node, Organization: []string{"system:nodes"}}}, key)
	Expect(err).NotTo(HaveOccurred())
	return &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{GenerateName: prefix + "-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: certificatesv1.KubeAPIServerClientKubeletSignerName,
			Usages:  []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth},
			Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})}}
}
