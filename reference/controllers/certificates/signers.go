// Package certificates approves, signs and clears away CertificateSigningRequests of the signers that
// every cluster has.
//
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
)

// signers are those that are signed for, with what each of them permits.
var signers = map[string]func(r *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error{
	certificatesv1.KubeAPIServerClientSignerName:        permitClient,
	certificatesv1.KubeAPIServerClientKubeletSignerName: permitKubeletClient,
	certificatesv1.KubeletServingSignerName:             permitKubeletServing,
	"kubernetes.io/legacy-unknown":                      func(*x509.CertificateRequest, []certificatesv1.KeyUsage) error { return nil },
}

// parse reads the request and checks that who made it holds its key.
func parse(pemBytes []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(pemBytes)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	r, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	return r, r.CheckSignature()
}

// permitClient: any subject; client auth, and nothing that clients do not need.
func permitClient(_ *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	allowed := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment, certificatesv1.UsageClientAuth}
	more := func(u certificatesv1.KeyUsage) bool { return !slices.Contains(allowed, u) }
	if !slices.Contains(usages, certificatesv1.UsageClientAuth) || slices.ContainsFunc(usages, more) {
		return fmt.Errorf("invalid usages for client certificate: %v", usages)
	}
	return nil
}

func permitKubeletClient(r *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	switch {
	case !slices.Equal(r.Subject.Organization, []string{"system:nodes"}):
		return errors.New("subject organization is not system:nodes")
	case len(r.DNSNames) > 0:
		return errors.New("DNS subjectAltNames are not allowed")
	case len(r.EmailAddresses) > 0:
		return errors.New("Email subjectAltNames are not allowed") //nolint:staticcheck // the text that users know
	case len(r.IPAddresses) > 0:
		return errors.New("IP subjectAltNames are not allowed")
	case len(r.URIs) > 0:
		return errors.New("URI subjectAltNames are not allowed")
	case !strings.HasPrefix(r.Subject.CommonName, "system:node:"):
		return errors.New("subject common name does not begin with system:node:")
	}
	return exactly(usages, certificatesv1.UsageClientAuth)
}

func permitKubeletServing(r *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	switch {
	case !slices.Equal(r.Subject.Organization, []string{"system:nodes"}):
		return errors.New("subject organization is not system:nodes")
	case len(r.DNSNames) == 0 && len(r.IPAddresses) == 0:
		return errors.New("DNS or IP subjectAltName is required")
	case len(r.EmailAddresses) > 0:
		return errors.New("Email subjectAltNames are not allowed") //nolint:staticcheck // the text that users know
	case len(r.URIs) > 0:
		return errors.New("URI subjectAltNames are not allowed")
	case !strings.HasPrefix(r.Subject.CommonName, "system:node:"):
		return errors.New("subject common name does not begin with system:node:")
	}
	return exactly(usages, certificatesv1.UsageServerAuth)
}

// exactly asks for a usage and digital signature; key encipherment is what RSA keys add.
func exactly(usages []certificatesv1.KeyUsage, extended certificatesv1.KeyUsage) error {
	got := slices.Sorted(slices.Values(usages))
	least := slices.Sorted(slices.Values([]certificatesv1.KeyUsage{extended, certificatesv1.UsageDigitalSignature}))
	most := slices.Sorted(slices.Values(append(slices.Clone(least), certificatesv1.UsageKeyEncipherment)))
	if !slices.Equal(got, least) && !slices.Equal(got, most) {
		return fmt.Errorf("usages did not match %v", most)
	}
	return nil
}

// has tells whether the request is in a condition.
func has(r *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) bool {
	return slices.ContainsFunc(r.Status.Conditions, func(c certificatesv1.CertificateSigningRequestCondition) bool {
		return c.Type == t && (c.Status == corev1.ConditionTrue || c.Status == "")
	})
}
