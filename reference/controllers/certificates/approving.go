package certificates

import (
	"context"
	"crypto/x509"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
)

// askAgain is how soon to ask again whether a node may have its certificate: the role that allows it
// may come later.
const askAgain = 30 * time.Second

// Approving approves the client certificates of kubelets that may have them.
// https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/#approval-controller
type Approving struct{ base }

// NewApproving returns the controller.
func NewApproving(client kubernetes.Interface, shared informers.SharedInformerFactory) *Approving {
	return &Approving{newBase(ApprovingName, client, shared)}
}

// Run works until ctx ends.
func (a *Approving) Run(ctx context.Context, workers int) {
	a.queue.Run(ctx, workers, a.Reconcile, a.synced)
}

// subresource is a permission to have a certificate, and what approval by it says.
type subresource struct{ name, message string }

// recognize tells by which permissions a request may be approved.
func recognize(r *certificatesv1.CertificateSigningRequest, parsed *x509.CertificateRequest) []subresource {
	if r.Spec.SignerName != certificatesv1.KubeAPIServerClientKubeletSignerName || permitKubeletClient(parsed, r.Spec.Usages) != nil {
		return nil
	}
	node := subresource{"nodeclient", "Auto approving kubelet client certificate after SubjectAccessReview."}
	if r.Spec.Username != parsed.Subject.CommonName {
		return []subresource{node}
	}
	return []subresource{{"selfnodeclient", "Auto approving self kubelet client certificate after SubjectAccessReview."}, node}
}

// Reconcile approves the request if whoever made it may have it. It never denies one: an administrator
// may still approve.
func (a *Approving) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	r, err := a.requests.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil || len(r.Status.Certificate) > 0 || has(r, certificatesv1.CertificateApproved) || has(r, certificatesv1.CertificateDenied) {
		return 0, err
	}
	parsed, err := parse(r.Spec.Request)
	if err != nil {
		return 0, err
	}
	ways := recognize(r, parsed)
	for _, way := range ways {
		allowed, err := a.allowed(ctx, r, way.name)
		if err != nil {
			return 0, err
		}
		if !allowed {
			continue
		}
		r = r.DeepCopy()
		r.Status.Conditions = append(r.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
			Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "AutoApproved", Message: way.message,
		})
		_, err = a.client.CertificatesV1().CertificateSigningRequests().UpdateApproval(ctx, r.Name, r, metav1.UpdateOptions{})
		return 0, err
	}
	if len(ways) > 0 {
		return askAgain, nil
	}
	return 0, nil
}

func (a *Approving) allowed(ctx context.Context, r *certificatesv1.CertificateSigningRequest, subresource string) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: r.Spec.Username, UID: r.Spec.UID, Groups: r.Spec.Groups, Extra: map[string]authorizationv1.ExtraValue{},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: certificatesv1.GroupName, Resource: "certificatesigningrequests", Subresource: subresource, Verb: "create", Version: "*",
		},
	}}
	for k, v := range r.Spec.Extra {
		review.Spec.Extra[k] = authorizationv1.ExtraValue(v)
	}
	answer, err := a.client.AuthorizationV1().SubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return false, err
	}
	return answer.Status.Allowed, nil
}
