package certificates

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// How long requests are kept: until someone has fetched what was decided, or for a day to decide.
const (
	decidedAge = time.Hour
	waitingAge = 24 * time.Hour
)

// Cleaner deletes requests that are done or have been waiting for too long.
type Cleaner struct {
	base
	now func() time.Time
}

// NewCleaner returns the controller.
func NewCleaner(client kubernetes.Interface, shared informers.SharedInformerFactory) *Cleaner {
	return &Cleaner{newBase(CleanerName, client, shared), time.Now}
}

// Run works until ctx ends.
func (c *Cleaner) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced)
}

// Reconcile deletes the request when its time has come.
func (c *Cleaner) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	r, err := c.requests.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if left := deadline(r).Sub(c.now()); left > 0 {
		return left, nil
	}
	err = c.client.CertificatesV1().CertificateSigningRequests().Delete(ctx, r.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(r.UID))})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	return 0, err
}

// deadline is when a request is to go: an hour after it was signed, denied or failed, a day after it
// was made or approved and nothing came of it, and at once when its certificate has expired.
func deadline(r *certificatesv1.CertificateSigningRequest) time.Time {
	signed := len(r.Status.Certificate) > 0
	at := r.CreationTimestamp.Add(waitingAge)
	for i, c := range r.Status.Conditions {
		age := decidedAge
		if c.Type == certificatesv1.CertificateApproved && !signed {
			age = waitingAge
		}
		if due := c.LastUpdateTime.Add(age); i == 0 || due.Before(at) {
			at = due
		}
	}
	if block, _ := pem.Decode(r.Status.Certificate); block != nil {
		if cert, err := x509.ParseCertificate(block.Bytes); err == nil && cert.NotAfter.Before(at) {
			at = cert.NotAfter
		}
	}
	return at
}
