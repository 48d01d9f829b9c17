package validation_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestCertificateSigningRequest(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		t.Fatal(err)
	}
	request := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	valid := func() *certificatesv1.CertificateSigningRequest {
		c := &certificatesv1.CertificateSigningRequest{}
		c.Name, c.ResourceVersion = "c", "1"
		c.Spec = certificatesv1.CertificateSigningRequestSpec{Request: request, SignerName: "example.com/s", Usages: []certificatesv1.KeyUsage{"client auth"}}
		return c
	}
	for _, r := range []row[certificatesv1.CertificateSigningRequest]{
		{"valid", func(*certificatesv1.CertificateSigningRequest) {}, ``},
		{"usages", func(c *certificatesv1.CertificateSigningRequest) { c.Spec.Usages = nil }, `spec.usages: Required value`},
		{"signer", func(c *certificatesv1.CertificateSigningRequest) { c.Spec.SignerName = "s" },
			`spec.signerName: Invalid value: "s": must be a fully qualified domain and path of the form 'example.com/signer-name'`},
		{"legacy signer", func(c *certificatesv1.CertificateSigningRequest) { c.Spec.SignerName = "kubernetes.io/legacy-unknown" },
			`spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version`},
		{"signer's domain", func(c *certificatesv1.CertificateSigningRequest) { c.Spec.SignerName = "a..b/s" },
			`spec.signerName: Invalid value: "a..b": validating label "": a lowercase RFC 1123 label must consist…`},
		{"request", func(c *certificatesv1.CertificateSigningRequest) { c.Spec.Request = nil },
			`spec.request: Invalid value: null: PEM block type must be CERTIFICATE REQUEST`},
		{"duration", func(c *certificatesv1.CertificateSigningRequest) { c.Spec.ExpirationSeconds = ptr[int32](599) },
			`spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)`},
	} {
		t.Run(r.name, func(t *testing.T) {
			c := valid()
			r.change(c)
			expect(t, validation.CertificateSigningRequest(c), r.want)
		})
	}

	approved := valid()
	approved.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue}}
	expect(t, validation.CertificateSigningRequestApprovalUpdate(approved, valid()), ``)
	expect(t, validation.CertificateSigningRequestUpdate(approved, valid()),
		`status.conditions: Forbidden: updates may not add, remove, or modify a condition of type "Approved"`)

	for text, want := range map[string]string{
		"a":             "must contain at least one CERTIFICATE PEM block",
		string(request): `only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE REQUEST"`,
	} {
		issued := valid()
		issued.Status.Certificate = []byte(text)
		expect(t, validation.CertificateSigningRequestStatusUpdate(issued, valid()), `status.certificate: Invalid value: "<certificate data>": `+want)
		expect(t, validation.CertificateSigningRequestStatusUpdate(issued, issued), ``)
	}
}
