package warnings

import (
	"crypto/tls"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Secret warns of a TLS secret whose key and certificate do not belong together.
func Secret(s, _ *corev1.Secret) []string {
	if s.Type != corev1.SecretTypeTLS {
		return nil
	}
	if _, err := tls.X509KeyPair(s.Data[corev1.TLSCertKey], s.Data[corev1.TLSPrivateKeyKey]); err != nil {
		return []string{err.Error()}
	}
	return nil
}

// enforceMountableSecrets limited a service account's pods to its secrets.
const enforceMountableSecrets = "kubernetes.io/enforce-mountable-secrets"

// ServiceAccount warns of a deprecated annotation where it is new.
func ServiceAccount(s, old *corev1.ServiceAccount) []string {
	if _, ok := s.Annotations[enforceMountableSecrets]; !ok {
		return nil
	}
	if old != nil {
		if _, had := old.Annotations[enforceMountableSecrets]; had {
			return nil
		}
	}
	return []string{fmt.Sprintf("metadata.annotations[%s]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets", enforceMountableSecrets)}
}

// Node warns of fields that mean nothing any more, and of ranges in odd spellings.
func Node(n, _ *corev1.Node) (out []string) {
	if n.Spec.DoNotUseExternalID != "" {
		out = append(out, "spec.externalID: this field is deprecated, and is unused by Kubernetes")
	}
	for i, cidr := range n.Spec.PodCIDRs {
		out = append(out, validation.GetWarningsForCIDR(field.NewPath("spec", "podCIDRs").Index(i), cidr)...)
	}
	return out
}
