package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// ClusterTrustBundles is the clustertrustbundles resource: certificates of authorities for everyone to read.
var ClusterTrustBundles = generic.Resource[*certificatesv1.ClusterTrustBundle]{
	GV: certificatesv1.SchemeGroupVersion, Plural: "clustertrustbundles", Singular: "clustertrustbundle", Cluster: true,
	Object: &certificatesv1.ClusterTrustBundle{}, List: &certificatesv1.ClusterTrustBundleList{},
	Validate:       validation.ClusterTrustBundle,
	ValidateUpdate: validation.ClusterTrustBundleUpdate,
	RequireVersion: true,
	Fields: func(b *certificatesv1.ClusterTrustBundle) fields.Set {
		return fields.Set{"spec.signerName": b.Spec.SignerName}
	},
	Columns: []generic.Column[*certificatesv1.ClusterTrustBundle]{
		generic.Name[*certificatesv1.ClusterTrustBundle](),
		{Name: "SignerName", Doc: certificatesv1.ClusterTrustBundleSpec{}.SwaggerDoc()["signerName"],
			Cell: func(b *certificatesv1.ClusterTrustBundle) any { return generic.Or(b.Spec.SignerName, generic.None) }},
	},
}

var podRequestDoc = certificatesv1.PodCertificateRequestSpec{}.SwaggerDoc()

// PodCertificateRequests is the podcertificaterequests resource: kubelets ask for certificates for pods.
var PodCertificateRequests = generic.Resource[*certificatesv1.PodCertificateRequest]{
	GV: certificatesv1.SchemeGroupVersion, Plural: "podcertificaterequests", Singular: "podcertificaterequest",
	Object: &certificatesv1.PodCertificateRequest{}, List: &certificatesv1.PodCertificateRequestList{},
	Spec:            func(r *certificatesv1.PodCertificateRequest) any { return &r.Spec },
	Status:          func(r *certificatesv1.PodCertificateRequest) any { return &r.Status },
	StatusKeepsMeta: true,
	Validate:        validation.PodCertificateRequest,
	ValidateUpdate:  validation.PodCertificateRequestUpdate,
	ValidateStatus:  validation.PodCertificateRequestStatusUpdate,
	Fields: func(r *certificatesv1.PodCertificateRequest) fields.Set {
		return fields.Set{"spec.signerName": r.Spec.SignerName, "spec.podName": r.Spec.PodName, "spec.nodeName": string(r.Spec.NodeName)}
	},
	Columns: []generic.Column[*certificatesv1.PodCertificateRequest]{
		generic.Name[*certificatesv1.PodCertificateRequest](),
		{Name: "PodName", Doc: podRequestDoc["podName"], Cell: func(r *certificatesv1.PodCertificateRequest) any { return r.Spec.PodName }},
		{Name: "ServiceAccountName", Doc: podRequestDoc["serviceAccountName"],
			Cell: func(r *certificatesv1.PodCertificateRequest) any { return r.Spec.ServiceAccountName }},
		{Name: "NodeName", Doc: podRequestDoc["nodeName"], Cell: func(r *certificatesv1.PodCertificateRequest) any { return string(r.Spec.NodeName) }},
		{Name: "SignerName", Doc: podRequestDoc["signerName"], Cell: func(r *certificatesv1.PodCertificateRequest) any { return r.Spec.SignerName }},
		{Name: "State", Doc: "Is the request Pending, Issued, Denied, or Failed?", Cell: func(r *certificatesv1.PodCertificateRequest) any { return podRequestState(r) }},
	},
}

func podRequestState(r *certificatesv1.PodCertificateRequest) string {
	for _, c := range r.Status.Conditions {
		switch c.Type {
		case certificatesv1.PodCertificateRequestConditionTypeIssued, certificatesv1.PodCertificateRequestConditionTypeDenied,
			certificatesv1.PodCertificateRequestConditionTypeFailed:
			return c.Type
		}
	}
	return "Pending"
}
