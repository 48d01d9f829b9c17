// Package clustertrustbundlepublisher keeps one ClusterTrustBundle of a signer:
// the certificate authorities by which clients know the API server, for pods that
// mount them as a clusterTrustBundle volume.
//
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#signer-linked-cluster-trust-bundles
package clustertrustbundlepublisher

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	certificatesinformers "k8s.io/client-go/informers/certificates/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/cert"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

const (
	// Name is the controller's name in logs.
	Name = "kube-apiserver-serving-clustertrustbundle-publisher-controller"
	// Signer is whose bundle it is: the one that vouches for API servers.
	Signer = "kubernetes.io/kube-apiserver-serving"
)

// Controller publishes one bundle. It has one key, the signer's name.
type Controller struct {
	client  kubernetes.Interface
	bundle  *certificatesv1.ClusterTrustBundle
	bundles cache.SharedIndexInformer
	queue   *controller.Queue
	synced  cache.InformerSynced
}

// New returns the publisher of the certificates in rootCA, PEM, or an error if
// there are none.
func New(client kubernetes.Interface, rootCA []byte) (*Controller, error) {
	certificates, err := cert.ParseCertsPEM(rootCA)
	if err != nil {
		return nil, fmt.Errorf("reading the certificates to publish: %w", err)
	}
	var clean bytes.Buffer
	for _, certificate := range certificates {
		if err := pem.Encode(&clean, &pem.Block{Type: cert.CertificateBlockType, Bytes: certificate.Raw}); err != nil {
			return nil, err
		}
	}
	c := &Controller{client: client, bundle: bundle(clean.String()), queue: controller.NewQueue(Name)}
	// Others' bundles may be many and are none of our business.
	c.bundles = certificatesinformers.NewFilteredClusterTrustBundleInformer(client, 0, cache.Indexers{}, func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.signerName", Signer).String()
	})
	c.synced = controller.Watch(c.bundles, func(_, _ *certificatesv1.ClusterTrustBundle) { c.queue.Add(types.NamespacedName{Name: Signer}) })
	return c, nil
}

// bundle is what is to be there. Its name changes with its content: who has read
// a bundle by its name has read a consistent one.
func bundle(certificates string) *certificatesv1.ClusterTrustBundle {
	sum := sha256.Sum256([]byte(certificates))
	return &certificatesv1.ClusterTrustBundle{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s:%x", strings.ReplaceAll(Signer, "/", ":"), sum[:12])},
		Spec:       certificatesv1.ClusterTrustBundleSpec{SignerName: Signer, TrustBundle: certificates},
	}
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	done := make(chan struct{})
	go func() { defer close(done); c.bundles.RunWithContext(ctx) }()
	c.queue.Add(types.NamespacedName{Name: Signer})
	c.queue.Run(ctx, workers, c.Reconcile, c.synced, c.bundles.HasSynced)
	<-done
}

// Reconcile makes the bundle, or puts it right, and then deletes all others of the signer.
func (c *Controller) Reconcile(ctx context.Context, _ types.NamespacedName) (time.Duration, error) {
	api := c.client.CertificatesV1().ClusterTrustBundles()
	var have []*certificatesv1.ClusterTrustBundle
	if err := cache.ListAll(c.bundles.GetStore(), labels.Everything(), func(obj any) {
		have = append(have, obj.(*certificatesv1.ClusterTrustBundle))
	}); err != nil {
		return 0, err
	}
	ours := slices.IndexFunc(have, func(b *certificatesv1.ClusterTrustBundle) bool { return b.Name == c.bundle.Name })
	var err error
	switch {
	case ours < 0:
		_, err = api.Create(ctx, c.bundle, metav1.CreateOptions{FieldManager: Name})
		if apierrors.IsAlreadyExists(err) {
			err = nil // the cache is late
		}
	case have[ours].Spec != c.bundle.Spec:
		corrected := have[ours].DeepCopy()
		corrected.Spec = c.bundle.Spec
		_, err = api.Update(ctx, corrected, metav1.UpdateOptions{FieldManager: Name})
	}
	if err != nil {
		return 0, err
	}
	var errs []error
	for i, other := range have {
		if i != ours {
			if err := api.Delete(ctx, other.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(other.UID))}); !apierrors.IsNotFound(err) {
				errs = append(errs, err)
			}
		}
	}
	return 0, errors.Join(errs...)
}
