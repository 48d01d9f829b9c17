package defaults

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func registerCertificates(s *runtime.Scheme) {
	addWithList(s, setPodCertificateRequest, func(l *certificatesv1.PodCertificateRequestList) []certificatesv1.PodCertificateRequest {
		return l.Items
	})
}

func setPodCertificateRequest(r *certificatesv1.PodCertificateRequest) {
	orPointTo(&r.Spec.MaxExpirationSeconds, podCertificateSeconds)
}
