package certificates

import (
	"context"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
)

func request(certificate string, types ...certificatesv1.RequestConditionType) *certificatesv1.CertificateSigningRequest {
	r := &certificatesv1.CertificateSigningRequest{Status: certificatesv1.CertificateSigningRequestStatus{Certificate: []byte(certificate)}}
	for _, t := range types {
		r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{Type: t, Status: corev1.ConditionTrue})
	}
	return r
}

func TestState(t *testing.T) {
	for want, r := range map[string]*certificatesv1.CertificateSigningRequest{
		"Pending":         request(""),
		"Approved":        request("", certificatesv1.CertificateApproved),
		"Approved,Issued": request("pem", certificatesv1.CertificateApproved),
		"Denied":          request("", certificatesv1.CertificateApproved, certificatesv1.CertificateDenied),
		"Approved,Failed": request("", certificatesv1.CertificateApproved, certificatesv1.CertificateFailed),
	} {
		if got := state(r); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// The requestor is who sent the request, not who it says it is.
func TestNameRequestor(t *testing.T) {
	r := &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{Username: "root", Groups: []string{"system:masters"}}}
	ctx := genericapirequest.WithUser(context.Background(), &user.DefaultInfo{Name: "jane", Extra: map[string][]string{"k": {"v"}}})
	nameRequestor(ctx, r)
	if r.Spec.Username != "jane" || r.Spec.Groups != nil || r.Spec.Extra["k"][0] != "v" {
		t.Errorf("got %+v", r.Spec)
	}
}

// /status leaves the decisions alone; /approval changes conditions of every type, but not the certificate.
func TestConditionsOfTheSubresources(t *testing.T) {
	old := request("", certificatesv1.CertificateApproved)
	byStatus := request("pem", certificatesv1.CertificateDenied, certificatesv1.CertificateFailed)
	CertificateSigningRequests.PrepareStatus(context.Background(), byStatus, old)
	if state(byStatus) != "Approved,Failed,Issued" {
		t.Errorf("/status: %s", state(byStatus))
	}
	byApproval := request("pem", certificatesv1.CertificateDenied, "example.com/Reviewed")
	approval.Prepare(context.Background(), byApproval, request(""))
	conditions := byApproval.Status.Conditions
	if state(byApproval) != "Denied" || len(conditions) != 2 || conditions[1].Type != "example.com/Reviewed" || conditions[1].LastUpdateTime.IsZero() {
		t.Errorf("/approval: %s %+v", state(byApproval), conditions)
	}
}
