package pods

import (
	"context"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// volumeImages pulls the images of the volumes that the container mounts, and returns them by the volume's name
// (docs: concepts/storage/volumes#image).
func (t *tasks) volumeImages(ctx context.Context, c *v1.Container, sandbox *criv1.PodSandboxConfig) (map[string]*criv1.Image, error) {
	var out map[string]*criv1.Image
	for i := range t.pod.Spec.Volumes {
		v := &t.pod.Spec.Volumes[i]
		if v.Image == nil || !mounts(c, v.Name) {
			continue
		}
		image, err := t.m.images.EnsureVolume(ctx, t.pod, v.Image, sandbox)
		if err != nil {
			return nil, err
		}
		if out == nil {
			out = map[string]*criv1.Image{}
		}
		out[v.Name] = image
	}
	return out, nil
}

func mounts(c *v1.Container, volume string) bool {
	for i := range c.VolumeMounts {
		if c.VolumeMounts[i].Name == volume {
			return true
		}
	}
	return false
}
