package legacytokencleaner

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
)

const (
	// Name is the controller's name in logs.
	Name = "legacy-serviceaccount-token-cleaner-controller"
	// interval between two looks: what is decided here is a matter of days.
	interval = 24 * time.Hour
)

// Controller cleans up. It reads the API when it works, and holds nothing between.
type Controller struct {
	client kubernetes.Interface
	period time.Duration
	now    func() time.Time
}

// New returns the cleaner of tokens that are unused for the period.
func New(client kubernetes.Interface, period time.Duration) *Controller {
	return &Controller{client: client, period: period, now: time.Now}
}

// Run looks once a day until ctx ends.
func (c *Controller) Run(ctx context.Context, _ int) {
	wait.UntilWithContext(ctx, func(ctx context.Context) {
		if err := c.clean(ctx); err != nil {
			klog.FromContext(ctx).Error(err, "Cannot clean up tokens", "controller", Name)
		}
	}, interval)
}

func (c *Controller) clean(ctx context.Context) error {
	tracking, err := c.client.CoreV1().ConfigMaps(serviceaccount.Tracking.Namespace).Get(ctx, serviceaccount.Tracking.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil || !longAgo(tracking.Data[serviceaccount.TrackingSince], c.now().Add(-c.period), false) {
		return err
	}
	accounts, err := c.client.CoreV1().ServiceAccounts("").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for i := range accounts.Items {
		for _, ref := range accounts.Items[i].Secrets {
			if err := c.cleanOne(ctx, &accounts.Items[i], ref.Name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Controller) cleanOne(ctx context.Context, sa *corev1.ServiceAccount, name string) error {
	secrets := c.client.CoreV1().Secrets(sa.Namespace)
	secret, err := secrets.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	if secret.Type != corev1.SecretTypeServiceAccountToken || secret.Annotations[corev1.ServiceAccountNameKey] != sa.Name {
		return nil
	}
	do := plan(secret, c.now(), c.period)
	if do == keep {
		return nil
	}
	if mounted, err := c.mounted(ctx, secret); mounted || err != nil {
		return err
	}
	if do == remove {
		return secrets.Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &secret.UID, ResourceVersion: &secret.ResourceVersion}})
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"uid": secret.UID, "resourceVersion": secret.ResourceVersion,
		"labels": map[string]string{serviceaccount.InvalidSinceLabel: c.now().UTC().Format(time.DateOnly)}}})
	if err != nil {
		return err
	}
	_, err = secrets.Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// mounted tells whether a pod has the Secret as a volume.
func (c *Controller) mounted(ctx context.Context, secret *corev1.Secret) (bool, error) {
	pods, err := c.client.CoreV1().Pods(secret.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return false, err
	}
	for _, pod := range pods.Items {
		for _, v := range pod.Spec.Volumes {
			if v.Secret != nil && v.Secret.SecretName == secret.Name {
				return true, nil
			}
		}
	}
	return false, nil
}
