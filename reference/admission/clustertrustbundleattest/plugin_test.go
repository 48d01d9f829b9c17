package clustertrustbundleattest

import (
	"context"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func bundle(signer, pem string) *certificatesv1.ClusterTrustBundle {
	return &certificatesv1.ClusterTrustBundle{ObjectMeta: metav1.ObjectMeta{Name: "b"}, Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: signer, TrustBundle: pem}}
}

func TestAttest(t *testing.T) {
	p := New()
	p.SetAuthorizer(authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if a.GetVerb() == "attest" && a.GetName() == "example.com/*" {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	}))
	const refusal = `clustertrustbundles.certificates.k8s.io "b" is forbidden: user not permitted to attest for signerName "other.org/s"`
	for name, c := range map[string]struct {
		old, now *certificatesv1.ClusterTrustBundle
		want     string
	}{
		"of no signer":         {nil, bundle("", "x"), ""},
		"permitted":            {nil, bundle("example.com/s", "x"), ""},
		"not permitted":        {nil, bundle("other.org/s", "x"), refusal},
		"change not permitted": {bundle("other.org/s", "x"), bundle("other.org/s", "y"), refusal},
		"no change":            {bundle("other.org/s", "x"), bundle("other.org/s", "x"), ""},
	} {
		r := admissiontest.Request{Object: c.now, Resource: "clustertrustbundles"}
		if c.old != nil {
			r.Old, r.Operation = c.old, admission.Update
		}
		if got := admissiontest.Message(admissiontest.Run(t, p, r)); got != c.want {
			t.Errorf("%s: got %q, wanted %q", name, got, c.want)
		}
	}
}
