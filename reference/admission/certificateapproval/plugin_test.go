package certificateapproval

import (
	"context"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func TestApproval(t *testing.T) {
	old := &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: "example.com/own"}}
	now := old.DeepCopy()
	now.Spec.SignerName = "example.com/easy"
	for _, c := range []struct{ subresource, permitted, want string }{
		{"approval", "example.com/own", ""},
		{"approval", "example.com/*", ""},
		{"approval", "example.com/easy", `certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to approve requests with signerName "example.com/own"`},
		{"status", "", ""},
		{"", "", ""},
	} {
		p := New()
		p.SetAuthorizer(authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			if a.GetVerb() == "approve" && a.GetResource() == "signers" && a.GetAPIGroup() == "certificates.k8s.io" && a.GetName() == c.permitted && a.GetUser().GetName() == "alice" {
				return authorizer.DecisionAllow, "", nil
			}
			return authorizer.DecisionNoOpinion, "", nil
		}))
		err := admissiontest.Run(t, p, admissiontest.Request{Object: now, Old: old, Operation: admission.Update, Resource: "certificatesigningrequests", Subresource: c.subresource})
		if got := admissiontest.Message(err); got != c.want {
			t.Errorf("%s permitted, %q: got %q, wanted %q", c.permitted, c.subresource, got, c.want)
		}
	}
}
