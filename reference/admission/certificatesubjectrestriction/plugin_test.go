package certificatesubjectrestriction

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func csr(t *testing.T, groups ...string) []byte {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "u", Organization: groups}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestSubjects(t *testing.T) {
	const forbidden = `certificatesigningrequests.certificates.k8s.io "r" is forbidden: `
	for _, c := range []struct {
		signer string
		csr    []byte
		want   string
	}{
		{"kubernetes.io/kube-apiserver-client", csr(t, "developers"), ""},
		{"kubernetes.io/kube-apiserver-client", csr(t, "developers", "system:masters"), forbidden + "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"},
		{"example.com/other", csr(t, "system:masters"), ""},
		{"kubernetes.io/kube-apiserver-client", []byte("nonsense"), forbidden + "failed to parse CSR: PEM block type must be CERTIFICATE REQUEST"},
	} {
		r := &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: c.signer, Request: c.csr}}
		err := admissiontest.Run(t, New(), admissiontest.Request{Object: r, Resource: "certificatesigningrequests"})
		if got := admissiontest.Message(err); got != c.want {
			t.Errorf("%s: got %q, wanted %q", c.signer, got, c.want)
		}
	}
}
