package kubelet

import (
	"context"
	"fmt"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/images"
	"github.com/etalon-dev/etalon/reference/kubelet/objects"
	"github.com/etalon-dev/etalon/reference/kubelet/pods"
	"github.com/etalon-dev/etalon/reference/kubelet/pressure"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// pulling says how images are pulled.
func pulling(ctx context.Context, o Options, rt *runtime.Client, accounts images.Accounts) (images.Config, error) {
	c := images.Config{
		QPS: float32(*o.Kubelet.RegistryPullQPS), Burst: int(o.Kubelet.RegistryBurst),
		Node: images.Files(filepath.Join(o.RootDir, "config.json"), "/root/.docker/config.json", "/root/.dockercfg"),
	}
	if o.CredentialProviderConfig != "" {
		providers, err := images.LoadProviders(o.CredentialProviderConfig, o.CredentialProviderDir)
		if err != nil {
			return c, fmt.Errorf("--image-credential-provider-config: %w", err)
		}
		providers.Accounts = accounts
		c.Node = images.Both(c.Node, providers)
	}
	var err error
	c.Records, err = images.OpenRecords(ctx, filepath.Join(o.RootDir, "image_manager"), images.Verification{
		Policy: o.Kubelet.ImagePullCredentialsVerificationPolicy, Allowlist: o.Kubelet.PreloadedImagesVerificationAllowlist,
	}, rt.Images)
	if err != nil {
		return c, err
	}
	switch {
	case *o.Kubelet.SerializeImagePulls:
		c.Parallel = 1
	case o.Kubelet.MaxParallelImagePulls != nil:
		c.Parallel = int(*o.Kubelet.MaxParallelImagePulls)
	}
	return c, nil
}

// accounts asks the API server for the ServiceAccounts of pods.
type accounts struct {
	client kubernetes.Interface
	tokens volumes.Tokens
}

func (a accounts) Account(ctx context.Context, namespace, name string) (*v1.ServiceAccount, error) {
	return objects.Patiently(ctx, func() (*v1.ServiceAccount, error) {
		return a.client.CoreV1().ServiceAccounts(namespace).Get(ctx, name, metav1.GetOptions{})
	})
}

func (a accounts) Token(ctx context.Context, pod *v1.Pod, audience string) (string, error) {
	return a.tokens.Token(ctx, pod, &v1.ServiceAccountTokenProjection{Audience: audience})
}

// collector removes images that no container of the runtime has and no pod of the node wants.
func collector(o Options, rt *runtime.Client, manager *pods.Manager, records *images.Records, recorder record.EventRecorder, node *v1.ObjectReference) *images.Collector {
	c := o.Kubelet
	return &images.Collector{
		Policy: images.Policy{High: int64(*c.ImageGCHighThresholdPercent), Low: int64(*c.ImageGCLowThresholdPercent),
			MinAge: c.ImageMinimumGCAge.Duration, MaxAge: c.ImageMaximumGCAge.Duration},
		Service: rt.Images, Recorder: recorder, Node: node, Records: records,
		Needed: func(ctx context.Context) (map[string]bool, error) {
			list, err := rt.ListContainers(ctx, nil)
			if err != nil {
				return nil, err
			}
			needed := map[string]bool{}
			for _, container := range list {
				needed[container.ImageRef], needed[container.ImageId], needed[container.GetImage().GetImage()] = true, true, true
			}
			for _, pod := range manager.Active() {
				images.Wanted(pod, needed)
			}
			return needed, nil
		},
	}
}

// reclaim deletes what nobody needs from the file system that is short: dead containers, unused images.
func reclaim(ctx context.Context, s eviction.Signal, m *pressure.Manager, manager *pods.Manager, c *images.Collector) {
	if m.Places.Separate() && (s == eviction.NodeFsAvailable || s == eviction.NodeFsInodesFree) {
		return
	}
	manager.RemoveDead(ctx)
	if err := c.FreeUnused(ctx); err != nil && ctx.Err() == nil {
		klog.FromContext(ctx).Error(err, "Cannot remove unused images")
	}
}
