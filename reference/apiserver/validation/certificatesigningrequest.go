package validation

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	minCertificateSeconds = 600
	legacySigner          = "kubernetes.io/legacy-unknown" // for what certificates.k8s.io/v1beta1 could not say
)

var keyUsages = sets.New(certificatesv1.UsageSigning, certificatesv1.UsageDigitalSignature, certificatesv1.UsageContentCommitment,
	certificatesv1.UsageKeyEncipherment, certificatesv1.UsageKeyAgreement, certificatesv1.UsageDataEncipherment, certificatesv1.UsageCertSign,
	certificatesv1.UsageCRLSign, certificatesv1.UsageEncipherOnly, certificatesv1.UsageDecipherOnly, certificatesv1.UsageAny,
	certificatesv1.UsageServerAuth, certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning, certificatesv1.UsageEmailProtection,
	certificatesv1.UsageSMIME, certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel, certificatesv1.UsageIPsecUser,
	certificatesv1.UsageTimestamping, certificatesv1.UsageOCSPSigning, certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC)

// anyCSRName: the name of a request means nothing, so that any will do.
func anyCSRName(string, bool) []string { return nil }

// CertificateSigningRequest checks a new CertificateSigningRequest.
func CertificateSigningRequest(c *certificatesv1.CertificateSigningRequest) field.ErrorList {
	s := &c.Spec
	errs := newMeta(&c.ObjectMeta, clusterScoped, anyCSRName)
	errs = append(errs, pemRequest(specPath.Child("request"), s.Request)...)
	usages := specPath.Child("usages")
	if len(s.Usages) == 0 {
		errs = append(errs, field.Required(usages, ""))
	}
	seen := sets.New[certificatesv1.KeyUsage]()
	for i, u := range s.Usages {
		if !keyUsages.Has(u) {
			errs = append(errs, field.NotSupported(usages.Index(i), u, sets.List(keyUsages)))
		}
		if seen.Has(u) {
			errs = append(errs, field.Duplicate(usages.Index(i), u))
		}
		seen.Insert(u)
	}
	if s.SignerName == legacySigner {
		errs = append(errs, field.Invalid(specPath.Child("signerName"), s.SignerName, "the legacy signerName is not allowed via this API version"))
	} else {
		errs = append(errs, signerName(specPath.Child("signerName"), s.SignerName)...)
	}
	if e := s.ExpirationSeconds; e != nil && *e < minCertificateSeconds {
		errs = append(errs, field.Invalid(specPath.Child("expirationSeconds"), *e, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	return append(errs, csrConditions(c)...)
}

func pemRequest(p *field.Path, request []byte) field.ErrorList {
	block, _ := pem.Decode(request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return field.ErrorList{field.Invalid(p, request, "PEM block type must be CERTIFICATE REQUEST")}
	}
	if _, err := x509.ParseCertificateRequest(block.Bytes); err != nil {
		return field.ErrorList{field.Invalid(p, request, err.Error())}
	}
	return nil
}

// signerName wants domain/path, such as kubernetes.io/kube-apiserver-client.
func signerName(p *field.Path, name string) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	domain, path, ok := strings.Cut(name, "/")
	if !ok || strings.Contains(path, "/") {
		return field.ErrorList{field.Invalid(p, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	if len(domain) > validation.DNS1123SubdomainMaxLength {
		errs = append(errs, field.TooLong(p, domain, validation.DNS1123SubdomainMaxLength))
	}
	errs = append(errs, firstBadLabel(p, domain, validation.IsDNS1123Label)...)
	if !strings.Contains(domain, ".") {
		errs = append(errs, field.Invalid(p, domain, "should be a domain with at least two segments separated by dots"))
	}
	errs = append(errs, firstBadLabel(p, path, validation.IsDNS1123Subdomain)...)
	if len(name) > maxSignerName {
		errs = append(errs, field.TooLong(p, name, maxSignerName))
	}
	return errs
}

// maxSignerName is a domain, a slash, and a path that has room for namespace and name of an object.
const maxSignerName = validation.DNS1123SubdomainMaxLength + 1 + validation.DNS1123SubdomainMaxLength + validation.DNS1123LabelMaxLength + 1

// firstBadLabel says what is wrong with the first label of a dotted name that is wrong.
func firstBadLabel(p *field.Path, name string, check func(string) []string) (errs field.ErrorList) {
	for _, label := range strings.Split(name, ".") {
		for _, m := range check(label) {
			errs = append(errs, field.Invalid(p, name, fmt.Sprintf("validating label %q: %s", label, m)))
		}
		if len(errs) > 0 {
			return errs
		}
	}
	return nil
}

// csrCertificate wants PEM blocks of certificates, and of nothing else.
func csrCertificate(p *field.Path, text []byte) field.ErrorList {
	refuse := func(detail string) field.ErrorList {
		return field.ErrorList{field.Invalid(p, "<certificate data>", detail)}
	}
	if len(text) == 0 {
		return nil
	}
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" {
			return refuse(fmt.Sprintf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type))
		}
		if len(block.Headers) > 0 {
			return refuse("no PEM block headers are permitted")
		}
		certificates, err := x509.ParseCertificates(block.Bytes)
		if err != nil {
			return refuse(err.Error())
		}
		if len(certificates) == 0 {
			return refuse("found CERTIFICATE PEM block containing 0 certificates")
		}
	}
	if blocks == 0 {
		return refuse("must contain at least one CERTIFICATE PEM block")
	}
	return nil
}

func csrConditions(c *certificatesv1.CertificateSigningRequest) (errs field.ErrorList) {
	p := statusPath.Child("conditions")
	seen := sets.New[certificatesv1.RequestConditionType]()
	for i, cond := range c.Status.Conditions {
		at := p.Index(i)
		errs = append(errs, required(at.Child("type"), string(cond.Type))...)
		switch cond.Type {
		case certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed:
			errs = append(errs, oneOf(at.Child("status"), cond.Status, corev1.ConditionTrue)...)
		default:
			errs = append(errs, oneOf(at.Child("status"), cond.Status, corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)...)
		}
		if seen.Has(cond.Type) {
			errs = append(errs, field.Duplicate(at.Child("type"), cond.Type))
		}
		seen.Insert(cond.Type)
	}
	if seen.HasAll(certificatesv1.CertificateApproved, certificatesv1.CertificateDenied) {
		errs = append(errs, field.Invalid(p, certificatesv1.CertificateDenied, "Approved and Denied conditions are mutually exclusive"))
	}
	return errs
}

// CertificateSigningRequestUpdate checks a replacement; the spec is immutable.
func CertificateSigningRequestUpdate(c, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), CertificateSigningRequest(c)...)
	if !equal(c.Spec, old.Spec) {
		errs = append(errs, field.Invalid(specPath, c.Spec, immutable))
	}
	if !equal(c.Status.Certificate, old.Status.Certificate) {
		errs = append(errs, field.Forbidden(statusPath.Child("certificate"), "updates may not set certificate content"))
	}
	return append(errs, sameDecision(c, old)...)
}

// sameDecision: whether a request is approved is decided through its approval subresource.
func sameDecision(c, old *certificatesv1.CertificateSigningRequest) (errs field.ErrorList) {
	for _, t := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed} {
		if !equal(conditionsOf(c, t), conditionsOf(old, t)) {
			errs = append(errs, field.Forbidden(statusPath.Child("conditions"), fmt.Sprintf("updates may not add, remove, or modify a condition of type %q", t)))
		}
	}
	return errs
}

func conditionsOf(c *certificatesv1.CertificateSigningRequest, t certificatesv1.RequestConditionType) (list []certificatesv1.CertificateSigningRequestCondition) {
	for _, cond := range c.Status.Conditions {
		if cond.Type == t {
			list = append(list, cond)
		}
	}
	return list
}

// CertificateSigningRequestStatusUpdate checks a write to the status: a certificate is issued once.
func CertificateSigningRequestStatusUpdate(c, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), csrConditions(c)...)
	if len(old.Status.Certificate) > 0 && !equal(c.Status.Certificate, old.Status.Certificate) {
		errs = append(errs, field.Forbidden(statusPath.Child("certificate"), "updates may not modify existing certificate content"))
	}
	if !equal(c.Status.Certificate, old.Status.Certificate) {
		errs = append(errs, csrCertificate(statusPath.Child("certificate"), c.Status.Certificate)...)
	}
	for _, t := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied} {
		if !equal(conditionsOf(c, t), conditionsOf(old, t)) {
			errs = append(errs, field.Forbidden(statusPath.Child("conditions"), fmt.Sprintf("updates may not add a condition of type %q", t)))
		}
	}
	return errs
}

// CertificateSigningRequestApprovalUpdate checks a write to certificatesigningrequests/approval.
func CertificateSigningRequestApprovalUpdate(c, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), csrConditions(c)...)
	if !equal(c.Status.Certificate, old.Status.Certificate) {
		errs = append(errs, field.Forbidden(statusPath.Child("certificate"), "updates may not set certificate content"))
	}
	for _, t := range []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed} {
		if len(conditionsOf(old, t)) > 0 && len(conditionsOf(c, t)) == 0 {
			errs = append(errs, field.Forbidden(statusPath.Child("conditions"), fmt.Sprintf("updates may not remove a condition of type %q", t)))
		}
	}
	return errs
}
