// Package certificates declares the resources of the certificates.k8s.io group, v1.
package certificates

import (
	"context"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/duration"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

var specDoc = certificatesv1.CertificateSigningRequestSpec{}.SwaggerDoc()

// CertificateSigningRequests is the certificatesigningrequests resource. What is asked for never
// changes; approval and certificate come through its two subresources.
var CertificateSigningRequests = generic.Resource[*certificatesv1.CertificateSigningRequest]{
	GV: certificatesv1.SchemeGroupVersion, Plural: "certificatesigningrequests", Singular: "certificatesigningrequest", Short: []string{"csr"}, Cluster: true,
	Object: &certificatesv1.CertificateSigningRequest{}, List: &certificatesv1.CertificateSigningRequestList{},
	Spec:          func(r *certificatesv1.CertificateSigningRequest) any { return &r.Spec },
	Status:        func(r *certificatesv1.CertificateSigningRequest) any { return &r.Status },
	PrepareCreate: nameRequestor,
	PrepareUpdate: func(_ context.Context, r, old *certificatesv1.CertificateSigningRequest) { r.Spec = old.Spec },
	PrepareStatus: func(_ context.Context, r, old *certificatesv1.CertificateSigningRequest) {
		keepDecisions(r, old)
		stampConditions(r, old, metav1.Now())
	},
	Validate:       validation.CertificateSigningRequest,
	ValidateUpdate: validation.CertificateSigningRequestUpdate,
	ValidateStatus: validation.CertificateSigningRequestStatusUpdate,
	Fields: func(r *certificatesv1.CertificateSigningRequest) fields.Set {
		return fields.Set{"spec.signerName": r.Spec.SignerName}
	},
	Columns: []generic.Column[*certificatesv1.CertificateSigningRequest]{
		generic.Name[*certificatesv1.CertificateSigningRequest](),
		generic.Age[*certificatesv1.CertificateSigningRequest](),
		{Name: "SignerName", Doc: specDoc["signerName"], Cell: func(r *certificatesv1.CertificateSigningRequest) any {
			return generic.Or(r.Spec.SignerName, generic.None)
		}},
		{Name: "Requestor", Doc: specDoc["request"], Cell: func(r *certificatesv1.CertificateSigningRequest) any { return r.Spec.Username }},
		{Name: "RequestedDuration", Doc: specDoc["expirationSeconds"], Cell: func(r *certificatesv1.CertificateSigningRequest) any {
			if r.Spec.ExpirationSeconds == nil {
				return generic.None
			}
			return duration.HumanDuration(time.Duration(*r.Spec.ExpirationSeconds) * time.Second)
		}},
		{Name: "Condition", Doc: certificatesv1.CertificateSigningRequestStatus{}.SwaggerDoc()["conditions"],
			Cell: func(r *certificatesv1.CertificateSigningRequest) any { return state(r) }},
	},
}

// approval lets a write change the conditions, of any type, and nothing else.
var approval = generic.Update[*certificatesv1.CertificateSigningRequest]{
	Prepare: func(_ context.Context, r, old *certificatesv1.CertificateSigningRequest) {
		r.Spec = old.Spec
		r.Status.Certificate = old.Status.Certificate
		stampConditions(r, old, metav1.Now())
	},
	Validate: validation.CertificateSigningRequestApprovalUpdate,
	Resets:   []string{"spec", "status.certificate"},
}

// nameRequestor records who asks, whatever the request says.
func nameRequestor(ctx context.Context, r *certificatesv1.CertificateSigningRequest) {
	r.Spec.Username, r.Spec.UID, r.Spec.Groups, r.Spec.Extra = "", "", nil, nil
	user, ok := genericapirequest.UserFrom(ctx)
	if !ok {
		return
	}
	r.Spec.Username, r.Spec.UID, r.Spec.Groups = user.GetName(), user.GetUID(), user.GetGroups()
	for key, values := range user.GetExtra() {
		if r.Spec.Extra == nil {
			r.Spec.Extra = map[string]certificatesv1.ExtraValue{}
		}
		r.Spec.Extra[key] = values
	}
}

func isDecision(t certificatesv1.RequestConditionType) bool {
	return t == certificatesv1.CertificateApproved || t == certificatesv1.CertificateDenied
}

// keepDecisions puts back the conditions Approved and Denied, which /status may not change.
func keepDecisions(r, old *certificatesv1.CertificateSigningRequest) {
	var kept []certificatesv1.CertificateSigningRequestCondition
	for _, c := range old.Status.Conditions {
		if isDecision(c.Type) {
			kept = append(kept, c)
		}
	}
	for _, c := range r.Status.Conditions {
		if !isDecision(c.Type) {
			kept = append(kept, c)
		}
	}
	r.Status.Conditions = kept
}

// stampConditions fills in the times and states that a client may leave out.
func stampConditions(r, old *certificatesv1.CertificateSigningRequest, now metav1.Time) {
	for i := range r.Status.Conditions {
		c := &r.Status.Conditions[i]
		if c.Status == "" {
			c.Status = corev1.ConditionTrue
		}
		if c.LastUpdateTime.IsZero() {
			c.LastUpdateTime = now
		}
		if !c.LastTransitionTime.IsZero() {
			continue
		}
		c.LastTransitionTime = now
		for _, was := range old.Status.Conditions {
			if was.Type == c.Type && was.Status == c.Status && !was.LastTransitionTime.IsZero() {
				c.LastTransitionTime = was.LastTransitionTime
			}
		}
	}
}

// state lists what has become of the request.
func state(r *certificatesv1.CertificateSigningRequest) string {
	decision := "Pending"
	var failed []string
	for _, c := range r.Status.Conditions {
		switch c.Type {
		case certificatesv1.CertificateApproved:
			if decision != "Denied" {
				decision = "Approved"
			}
		case certificatesv1.CertificateDenied:
			decision = "Denied"
		case certificatesv1.CertificateFailed:
			failed = []string{"Failed"}
		}
	}
	parts := append([]string{decision}, failed...)
	if len(r.Status.Certificate) > 0 {
		parts = append(parts, "Issued")
	}
	return strings.Join(parts, ",")
}
