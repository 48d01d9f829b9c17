package certificates

import (
	"context"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	certificateslisters "k8s.io/client-go/listers/certificates/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// PodCleanerName is the name of the cleaner of pods' requests.
const PodCleanerName = "podcertificaterequest-cleaner-controller"

// podRequestAge is how long a kubelet's request for a pod is kept: the kubelet
// that has made it either has its answer by then or has asked again.
const podRequestAge = 15 * time.Minute

// PodCleaner deletes old PodCertificateRequests (KEP-4317).
type PodCleaner struct {
	client   kubernetes.Interface
	requests certificateslisters.PodCertificateRequestLister
	queue    *controller.Queue
	synced   cache.InformerSynced
	now      func() time.Time
}

// NewPodCleaner returns the controller.
func NewPodCleaner(client kubernetes.Interface, shared informers.SharedInformerFactory) *PodCleaner {
	requests := shared.Certificates().V1().PodCertificateRequests()
	queue := controller.NewQueue(PodCleanerName)
	return &PodCleaner{client: client, requests: requests.Lister(), queue: queue, now: time.Now,
		synced: controller.WatchKeys[*certificatesv1.PodCertificateRequest](requests.Informer(), queue)}
}

// Run works until ctx ends.
func (c *PodCleaner) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced)
}

// Reconcile deletes the request when its time has come.
func (c *PodCleaner) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	r, err := c.requests.PodCertificateRequests(key.Namespace).Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if left := r.CreationTimestamp.Add(podRequestAge).Sub(c.now()); left > 0 {
		return left, nil
	}
	err = c.client.CertificatesV1().PodCertificateRequests(key.Namespace).
		Delete(ctx, r.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(r.UID))})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	return 0, err
}
