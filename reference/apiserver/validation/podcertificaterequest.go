package validation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of certificates for pods (KEP-4317).
const (
	minPodCertificateSeconds           = 3600
	maxPodCertificateSeconds           = 91 * 86400
	maxKubernetesPodCertificateSeconds = 86400
	maxUIDLength                       = 128
	maxPKCS10Request                   = 10 * 1024
	maxCertificateChain                = 64 * 1024
)

// PodCertificateRequest checks a new PodCertificateRequest.
func PodCertificateRequest(r *certificatesv1.PodCertificateRequest) field.ErrorList {
	s := &r.Spec
	errs := newMeta(&r.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, signerName(specPath.Child("signerName"), s.SignerName)...)
	for _, holder := range []struct {
		field, uidField, name string
		uid                   types.UID
	}{
		{"podName", "podUID", s.PodName, s.PodUID},
		{"serviceAccountName", "serviceAccountUID", s.ServiceAccountName, s.ServiceAccountUID},
		{"nodeName", "nodeUID", string(s.NodeName), s.NodeUID},
	} {
		errs = append(errs, invalids(specPath.Child(holder.field), holder.name, subdomainName(holder.name, false))...)
		uid := specPath.Child(holder.uidField)
		switch {
		case holder.uid == "":
			errs = append(errs, field.Required(uid, ""))
		case len(holder.uid) > maxUIDLength:
			errs = append(errs, field.TooLong(uid, holder.uid, maxUIDLength))
		}
	}
	errs = append(errs, podCertificateLifetime(specPath.Child("maxExpirationSeconds"), s)...)
	errs = append(errs, stubRequest(specPath.Child("stubPKCS10Request"), s.StubPKCS10Request)...)
	annotations := specPath.Child("unverifiedUserAnnotations")
	for _, key := range sortedKeys(s.UnverifiedUserAnnotations) {
		errs = append(errs, domainPrefixed(annotations.Key(key), key)...)
	}
	return errs
}

// PodCertificateRequestUpdate checks a replacement: what is asked for never changes.
func PodCertificateRequestUpdate(r, old *certificatesv1.PodCertificateRequest) field.ErrorList {
	errs := updatedMeta(&r.ObjectMeta, &old.ObjectMeta)
	return append(errs, unchanged(specPath, r.Spec, old.Spec)...)
}

func podCertificateLifetime(p *field.Path, s *certificatesv1.PodCertificateRequestSpec) field.ErrorList {
	if s.MaxExpirationSeconds == nil {
		return field.ErrorList{field.Required(p, "must be set")}
	}
	limit := int32(maxPodCertificateSeconds)
	if strings.HasPrefix(s.SignerName, "kubernetes.io/") {
		limit = maxKubernetesPodCertificateSeconds
	}
	if n := *s.MaxExpirationSeconds; n < minPodCertificateSeconds || n > limit {
		return field.ErrorList{field.Invalid(p, n, fmt.Sprintf("must be in the range [%d, %d]", minPodCertificateSeconds, limit))}
	}
	return nil
}

// stubRequest wants a certificate request that its own key has signed, by a key of a kind that signers know.
func stubRequest(p *field.Path, der []byte) field.ErrorList {
	if len(der) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	if len(der) > maxPKCS10Request {
		return field.ErrorList{field.TooLong(p, "" /* unused */, maxPKCS10Request)}
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return field.ErrorList{field.Invalid(p, omitted, "must be a valid PKCS#10 certificate signing request")}
	}
	if err := request.CheckSignature(); err != nil {
		return field.ErrorList{field.Invalid(p, omitted, fmt.Sprintf("signature verification failed: %v", err))}
	}
	switch key := request.PublicKey.(type) {
	case ed25519.PublicKey:
		return nil
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() || key.Curve == elliptic.P384() || key.Curve == elliptic.P521() {
			return nil
		}
		return field.ErrorList{field.Invalid(p, "curve "+key.Curve.Params().Name, "elliptic public keys must use curve P256, P384, or P521")}
	case *rsa.PublicKey:
		if bits := key.Size() * 8; bits != 3072 && bits != 4096 {
			return field.ErrorList{field.Invalid(p, fmt.Sprintf("%d-bit modulus", bits), "RSA keys must have modulus size 3072 or 4096")}
		}
		return nil
	default:
		return field.ErrorList{field.Invalid(p, omitted, "unknown public key type; supported types are Ed25519, ECDSA, and RSA")}
	}
}

// PodCertificateRequestStatusUpdate checks a signer's answer: issued, denied or failed, once and for all.
func PodCertificateRequestStatusUpdate(r, old *certificatesv1.PodCertificateRequest) field.ErrorList {
	errs := updatedMeta(&r.ObjectMeta, &old.ObjectMeta)
	if decision(old.Status.Conditions) != nil {
		// Decided: nothing of the status changes any more.
		return append(errs, unchanged(statusPath, r.Status, old.Status)...)
	}
	conditions := statusPath.Child("conditions")
	errs = append(errs, metav1validation.ValidateConditions(r.Status.Conditions, conditions)...)
	decisions := 0
	for i, c := range r.Status.Conditions {
		if !decides(c.Type) {
			errs = append(errs, field.NotSupported(conditions.Index(i).Child("type"), c.Type, []string{
				certificatesv1.PodCertificateRequestConditionTypeIssued, certificatesv1.PodCertificateRequestConditionTypeDenied,
				certificatesv1.PodCertificateRequestConditionTypeFailed,
			}))
			continue
		}
		if decisions++; decisions > 1 {
			errs = append(errs, field.Invalid(conditions.Index(i).Child("type"), c.Type, `There may be at most one condition with type "Issued", "Denied", or "Failed"`))
		}
		if c.Status != metav1.ConditionTrue {
			errs = append(errs, field.NotSupported(conditions.Index(i).Child("status"), c.Status, []metav1.ConditionStatus{metav1.ConditionTrue}))
		}
	}
	if d := decision(r.Status.Conditions); d == nil || d.Type != certificatesv1.PodCertificateRequestConditionTypeIssued {
		return append(errs, noCertificate(&r.Status)...)
	}
	return append(errs, issuedCertificate(&r.Spec, &r.Status)...)
}

func decides(conditionType string) bool {
	return conditionType == certificatesv1.PodCertificateRequestConditionTypeIssued ||
		conditionType == certificatesv1.PodCertificateRequestConditionTypeDenied ||
		conditionType == certificatesv1.PodCertificateRequestConditionTypeFailed
}

func decision(conditions []metav1.Condition) *metav1.Condition {
	for i := range conditions {
		if decides(conditions[i].Type) {
			return &conditions[i]
		}
	}
	return nil
}

func noCertificate(s *certificatesv1.PodCertificateRequestStatus) (errs field.ErrorList) {
	const unset = "must be unset unless the request is issued"
	if s.CertificateChain != "" {
		errs = append(errs, field.Invalid(statusPath.Child("certificateChain"), omitted, unset))
	}
	for _, t := range timesOf(s) {
		if t.value != nil {
			errs = append(errs, field.Invalid(statusPath.Child(t.field), t.value, unset))
		}
	}
	return errs
}

type namedTime struct {
	field string
	value *metav1.Time
}

func timesOf(s *certificatesv1.PodCertificateRequestStatus) []namedTime {
	return []namedTime{{"notBefore", s.NotBefore}, {"beginRefreshAt", s.BeginRefreshAt}, {"notAfter", s.NotAfter}}
}

// issuedCertificate wants a chain whose leaf is for the key of the request and agrees with the times of the status.
func issuedCertificate(spec *certificatesv1.PodCertificateRequestSpec, s *certificatesv1.PodCertificateRequestStatus) (errs field.ErrorList) {
	chain := statusPath.Child("certificateChain")
	leaf, fault := leafOf(s.CertificateChain)
	if fault != "" {
		return field.ErrorList{field.Invalid(chain, omitted, fault)}
	}
	if request, err := x509.ParseCertificateRequest(spec.StubPKCS10Request); err == nil && !samePublicKey(leaf.PublicKey, request.PublicKey) {
		errs = append(errs, field.Invalid(chain, omitted, "leaf certificate was not issued to the requested public key"))
	}
	for _, t := range timesOf(s) {
		if t.value == nil {
			errs = append(errs, field.Required(statusPath.Child(t.field), "must be set when the request is issued"))
		}
	}
	if len(errs) > 0 {
		return errs
	}
	if !s.NotBefore.Time.Equal(leaf.NotBefore) {
		errs = append(errs, field.Invalid(statusPath.Child("notBefore"), s.NotBefore, "must be set to the NotBefore time encoded in the leaf certificate"))
	}
	if !s.NotAfter.Time.Equal(leaf.NotAfter) {
		errs = append(errs, field.Invalid(statusPath.Child("notAfter"), s.NotAfter, "must be set to the NotAfter time encoded in the leaf certificate"))
	}
	lifetime := leaf.NotAfter.Sub(leaf.NotBefore)
	if lifetime < minPodCertificateSeconds*time.Second {
		errs = append(errs, field.Invalid(chain, leaf.NotAfter.Sub(leaf.NotBefore), "leaf certificate lifetime must be >= 1 hour"))
	}
	if n := spec.MaxExpirationSeconds; n != nil && lifetime > time.Duration(*n)*time.Second {
		errs = append(errs, field.Invalid(chain, lifetime, fmt.Sprintf("leaf certificate lifetime must be <= spec.maxExpirationSeconds (%v)", *n)))
	}
	if s.BeginRefreshAt.Time.Before(s.NotBefore.Time) || s.BeginRefreshAt.Time.After(s.NotAfter.Time) {
		errs = append(errs, field.Invalid(statusPath.Child("beginRefreshAt"), s.BeginRefreshAt, "must be between notBefore and notAfter"))
	}
	return errs
}

// leafOf returns the first certificate of a chain, or what is wrong with the chain.
func leafOf(chain string) (*x509.Certificate, string) {
	if len(chain) > maxCertificateChain {
		return nil, fmt.Sprintf("may not be more than %d bytes", maxCertificateChain)
	}
	var leaf *x509.Certificate
	for rest := []byte(chain); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, "all blocks must be of type CERTIFICATE"
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, "issued certificate chain contains a block that does not parse as X.509"
		}
		if leaf == nil {
			leaf = cert
		}
	}
	if leaf == nil {
		return nil, "issued certificate chain must contain at least one certificate"
	}
	return leaf, ""
}

// samePublicKey compares keys of crypto/x509, all of which know how to.
func samePublicKey(a, b any) bool {
	key, ok := a.(interface {
		Equal(x crypto.PublicKey) bool
	})
	return ok && key.Equal(b)
}
