package certificates

import (
	"context"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	certificateslisters "k8s.io/client-go/listers/certificates/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// The names that --controllers knows these by.
const (
	SigningName   = "certificatesigningrequest-signing-controller"
	ApprovingName = "certificatesigningrequest-approving-controller"
	CleanerName   = "certificatesigningrequest-cleaner-controller"
)

// base is what the three controllers share. Their keys are requests.
type base struct {
	client   kubernetes.Interface
	requests certificateslisters.CertificateSigningRequestLister
	queue    *controller.Queue
	synced   cache.InformerSynced
}

func newBase(name string, client kubernetes.Interface, shared informers.SharedInformerFactory) base {
	requests := shared.Certificates().V1().CertificateSigningRequests()
	queue := controller.NewQueue(name)
	return base{client, requests.Lister(), queue, controller.WatchKeys[*certificatesv1.CertificateSigningRequest](requests.Informer(), queue)}
}

// Signing signs what is approved.
type Signing struct {
	base
	authority *Authority
}

// NewSigning returns the controller that has the authority sign.
func NewSigning(client kubernetes.Interface, shared informers.SharedInformerFactory, authority *Authority) *Signing {
	return &Signing{newBase(SigningName, client, shared), authority}
}

// Run works until ctx ends.
func (s *Signing) Run(ctx context.Context, workers int) {
	s.queue.Run(ctx, workers, s.Reconcile, s.synced)
}

// Reconcile signs the request, or says in the condition Failed why its signer does not permit it.
func (s *Signing) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	r, err := s.requests.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	permit, ours := signers[r.Spec.SignerName]
	if !ours || len(r.Status.Certificate) > 0 || !has(r, certificatesv1.CertificateApproved) ||
		has(r, certificatesv1.CertificateDenied) || has(r, certificatesv1.CertificateFailed) {
		return 0, nil
	}
	parsed, err := parse(r.Spec.Request)
	if err != nil {
		return 0, err
	}
	r = r.DeepCopy()
	if err := permit(parsed, r.Spec.Usages); err != nil {
		r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue, Reason: "SignerValidationFailure", Message: err.Error(), LastUpdateTime: metav1.Now(),
		})
	} else if r.Status.Certificate, err = s.authority.sign(parsed, r.Spec.Usages, r.Spec.ExpirationSeconds); err != nil {
		return 0, err
	}
	_, err = s.client.CertificatesV1().CertificateSigningRequests().UpdateStatus(ctx, r, metav1.UpdateOptions{})
	return 0, err
}
