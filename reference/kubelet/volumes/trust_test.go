package volumes

import (
	"bytes"
	"context"
	"encoding/pem"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
)

func certificate(text string) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte(text)}))
}

// bundles are of one signer.
type bundles map[string]string

func (b bundles) Bundle(_ context.Context, name string) (*certificatesv1.ClusterTrustBundle, error) {
	text, ok := b[name]
	if !ok {
		return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "clustertrustbundles"}, name)
	}
	return &certificatesv1.ClusterTrustBundle{Spec: certificatesv1.ClusterTrustBundleSpec{TrustBundle: text}}, nil
}

func (b bundles) Bundles(_ context.Context, signer, _ string) (out []certificatesv1.ClusterTrustBundle, _ error) {
	for name := range b {
		if one, _ := b.Bundle(context.Background(), name); signer == "s" {
			out = append(out, *one)
		}
	}
	return out, nil
}

func TestTrustBundlesAreUnited(t *testing.T) {
	c := contents{trust: bundles{"one": "# a comment\n" + certificate("b") + certificate("a"), "two": certificate("a") + certificate("c")}}
	all := &metav1.LabelSelector{}
	for name, test := range map[string]struct {
		p    v1.ClusterTrustBundleProjection
		want string
		ok   bool
	}{
		"by name":          {v1.ClusterTrustBundleProjection{Name: ptr.To("one")}, certificate("a") + certificate("b"), true},
		"missing":          {v1.ClusterTrustBundleProjection{Name: ptr.To("three")}, "", false},
		"optional":         {v1.ClusterTrustBundleProjection{Name: ptr.To("three"), Optional: ptr.To(true)}, "", true},
		"by signer":        {v1.ClusterTrustBundleProjection{SignerName: ptr.To("s"), LabelSelector: all}, certificate("a") + certificate("b") + certificate("c"), true},
		"without selector": {v1.ClusterTrustBundleProjection{SignerName: ptr.To("s")}, "", false},
		"no such signer":   {v1.ClusterTrustBundleProjection{SignerName: ptr.To("t"), LabelSelector: all}, "", false},
	} {
		test.p.Path = "ca.pem"
		for range 3 {
			got, err := c.bundle(t.Context(), &test.p, nil)
			if (err == nil) != test.ok || !bytes.Equal(got["ca.pem"].Data, []byte(test.want)) {
				t.Errorf("%s: got %q, %v; want %q", name, got["ca.pem"].Data, err, test.want)
			}
		}
	}
}
