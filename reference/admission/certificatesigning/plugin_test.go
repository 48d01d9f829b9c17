package certificatesigning

import (
	"context"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func TestSigning(t *testing.T) {
	old := &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: "example.com/own"}}
	signed, failed, labelled := old.DeepCopy(), old.DeepCopy(), old.DeepCopy()
	signed.Status.Certificate = []byte("certificate")
	failed.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: "Failed"}}
	labelled.Labels = map[string]string{"a": "b"}
	const refusal = `certificatesigningrequests.certificates.k8s.io "r" is forbidden: user not permitted to sign requests with signerName "example.com/own"`
	for name, c := range map[string]struct {
		now       *certificatesv1.CertificateSigningRequest
		permitted string
		want      string
	}{
		"may":           {signed, "example.com/own", ""},
		"may not":       {signed, "example.com/other", refusal},
		"may not fail":  {failed, "", refusal},
		"other matters": {labelled, "", ""},
	} {
		p := New()
		p.SetAuthorizer(authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			if a.GetVerb() == "sign" && a.GetName() == c.permitted {
				return authorizer.DecisionAllow, "", nil
			}
			return authorizer.DecisionDeny, "", nil
		}))
		err := admissiontest.Run(t, p, admissiontest.Request{Object: c.now, Old: old, Operation: admission.Update, Resource: "certificatesigningrequests", Subresource: "status"})
		if got := admissiontest.Message(err); got != c.want {
			t.Errorf("%s: got %q, wanted %q", name, got, c.want)
		}
	}
}
