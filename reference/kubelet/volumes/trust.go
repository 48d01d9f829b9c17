package volumes

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"
)

// Trust finds ClusterTrustBundles.
type Trust interface {
	// Bundle returns the named one.
	Bundle(ctx context.Context, name string) (*certificatesv1.ClusterTrustBundle, error)
	// Bundles returns those of the signer that the selector picks.
	Bundles(ctx context.Context, signer, selector string) ([]certificatesv1.ClusterTrustBundle, error)
}

// APITrust asks the API server.
type APITrust struct{ Client kubernetes.Interface }

// Bundle implements Trust.
func (a APITrust) Bundle(ctx context.Context, name string) (*certificatesv1.ClusterTrustBundle, error) {
	return a.Client.CertificatesV1().ClusterTrustBundles().Get(ctx, name, metav1.GetOptions{})
}

// Bundles implements Trust.
func (a APITrust) Bundles(ctx context.Context, signer, selector string) ([]certificatesv1.ClusterTrustBundle, error) {
	list, err := a.Client.CertificatesV1().ClusterTrustBundles().List(ctx, metav1.ListOptions{
		LabelSelector: selector, FieldSelector: fields.OneTermEqualSelector("spec.signerName", signer).String()})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// bundle is the content of a projected ClusterTrustBundle: the certificates of all that are selected, each once, in an
// order that does not depend on theirs (docs: reference/access-authn-authz/certificate-signing-requests#cluster-trust-bundles).
func (c contents) bundle(ctx context.Context, p *v1.ClusterTrustBundleProjection, mode *int32) (Payload, error) {
	if c.trust == nil {
		return nil, errors.New("ClusterTrustBundles cannot be projected here")
	}
	var texts []string
	switch {
	case p.Name != nil:
		b, err := c.trust.Bundle(ctx, *p.Name)
		if apierrors.IsNotFound(err) && is(p.Optional) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("unable to get ClusterTrustBundle %q: %w", *p.Name, err)
		}
		texts = append(texts, b.Spec.TrustBundle)
	case p.SignerName != nil:
		var found []certificatesv1.ClusterTrustBundle
		if p.LabelSelector != nil {
			selector, err := metav1.LabelSelectorAsSelector(p.LabelSelector)
			if err != nil {
				return nil, err
			}
			if found, err = c.trust.Bundles(ctx, *p.SignerName, selector.String()); err != nil {
				return nil, err
			}
		}
		if len(found) == 0 && !is(p.Optional) {
			return nil, fmt.Errorf("combination of signerName and labelSelector matched zero ClusterTrustBundles (signerName=%q)", *p.SignerName)
		}
		for i := range found {
			texts = append(texts, found[i].Spec.TrustBundle)
		}
	}
	return Payload{p.Path: {Data: unite(texts), Mode: modeOf(nil, mode)}}, nil
}

// unite returns the certificates of all texts, each once, sorted.
func unite(texts []string) []byte {
	var blocks [][]byte
	for _, text := range texts {
		for rest := []byte(text); ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				break
			}
			blocks = append(blocks, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes}))
		}
	}
	slices.SortFunc(blocks, bytes.Compare)
	return bytes.Join(slices.CompactFunc(blocks, bytes.Equal), nil)
}
