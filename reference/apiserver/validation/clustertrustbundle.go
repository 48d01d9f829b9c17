package validation

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const omitted = "<value omitted>"

// ClusterTrustBundle checks a new ClusterTrustBundle. The bundle of a signer is named after it.
func ClusterTrustBundle(b *certificatesv1.ClusterTrustBundle) field.ErrorList {
	return append(bundleBasics(b), trustBundle(specPath.Child("trustBundle"), b.Spec.TrustBundle)...)
}

func bundleBasics(b *certificatesv1.ClusterTrustBundle) field.ErrorList {
	errs := newMeta(&b.ObjectMeta, clusterScoped, bundleName(b.Spec.SignerName))
	if b.Spec.SignerName != "" {
		errs = append(errs, signerName(specPath.Child("signerName"), b.Spec.SignerName)...)
	}
	return errs
}

// ClusterTrustBundleUpdate checks a replacement: the signer never changes. Certificates that did not change
// are not parsed again, by what may have become stricter.
func ClusterTrustBundleUpdate(b, old *certificatesv1.ClusterTrustBundle) field.ErrorList {
	errs := bundleBasics(b)
	if b.Spec.TrustBundle != old.Spec.TrustBundle {
		errs = append(errs, trustBundle(specPath.Child("trustBundle"), b.Spec.TrustBundle)...)
	}
	errs = append(errs, updatedMeta(&b.ObjectMeta, &old.ObjectMeta)...)
	return append(errs, unchanged(specPath.Child("signerName"), b.Spec.SignerName, old.Spec.SignerName)...)
}

// bundleName wants example.com:signer:name for bundles of signer example.com/signer, and no colon in others.
func bundleName(signer string) apivalidation.ValidateNameFunc {
	return func(name string, prefix bool) []string {
		if signer == "" {
			if strings.Contains(name, ":") {
				return []string{"ClusterTrustBundle without signer name must not have \":\" in its name"}
			}
			return subdomainName(name, prefix)
		}
		start := strings.ReplaceAll(signer, "/", ":") + ":"
		rest, ok := strings.CutPrefix(name, start)
		if !ok {
			return []string{fmt.Sprintf("ClusterTrustBundle for signerName %s must be named with prefix %s", signer, start)}
		}
		return subdomainName(rest, prefix)
	}
}

// trustBundle wants one or more different certificates of authorities.
func trustBundle(p *field.Path, bundle string) (errs field.ErrorList) {
	if bundle == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	if len(bundle) > corev1.MaxSecretSize {
		return field.ErrorList{field.TooLong(p, "" /* unused */, corev1.MaxSecretSize)}
	}
	seen := map[string][]int{}
	var order []string
	rest := []byte(bundle)
	for i := 0; ; i++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if fault := authorityFault(block); fault != "" {
			errs = append(errs, field.Invalid(p, omitted, fmt.Sprintf("entry %d %s", i, fault)))
		}
		der := string(block.Bytes)
		if seen[der] == nil {
			order = append(order, der)
		}
		seen[der] = append(seen[der], i)
	}
	if len(order) == 0 {
		return append(errs, field.Invalid(p, omitted, "at least one trust anchor must be provided"))
	}
	for _, der := range order {
		if indices := seen[der]; len(indices) > 1 {
			errs = append(errs, field.Invalid(p, omitted, fmt.Sprintf("duplicate trust anchor (indices %v)", indices)))
		}
	}
	return errs
}

func authorityFault(block *pem.Block) string {
	if block.Type != "CERTIFICATE" {
		return "has bad block type: " + block.Type
	}
	if len(block.Headers) > 0 {
		return "has PEM block headers"
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return fmt.Sprintf("does not parse as X.509: %v", err)
	}
	if !cert.BasicConstraintsValid || !cert.IsCA {
		return "does not have the CA bit set"
	}
	return ""
}
