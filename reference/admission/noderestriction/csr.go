package noderestriction

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apiserver/pkg/admission"
)

// signingRequest: a node asks for serving certificates, and for new client certificates, in its own name.
func (w write) signingRequest() error {
	if w.GetOperation() != admission.Create || w.GetSubresource() != "" {
		return nil
	}
	r, ok := w.GetObject().(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return w.unexpectedType()
	}
	if r.Spec.SignerName != certificatesv1.KubeletServingSignerName && r.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName {
		return nil
	}
	block, _ := pem.Decode(r.Spec.Request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return fmt.Errorf("unable to parse csr: PEM block type must be CERTIFICATE REQUEST")
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return fmt.Errorf("unable to parse csr: %w", err)
	}
	if user := w.GetUserInfo().GetName(); parsed.Subject.CommonName != user {
		return fmt.Errorf("can only create a node CSR with CN=%s", user)
	}
	return nil
}
