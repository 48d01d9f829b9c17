package spec

import (
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// ImageMounts are the container's mounts of volumes that are images, which are found by the volume's name. What an
// image has cannot be changed by those who mount it.
func ImageMounts(c *v1.Container, images map[string]*criv1.Image) []*criv1.Mount {
	var out []*criv1.Mount
	for _, m := range c.VolumeMounts {
		image, ok := images[m.Name]
		if !ok {
			continue
		}
		to := m.MountPath
		if !filepath.IsAbs(to) {
			to = filepath.Join("/", to)
		}
		out = append(out, &criv1.Mount{
			ContainerPath: to, Readonly: true, ImageSubPath: m.SubPath,
			Image: &criv1.ImageSpec{Image: image.GetId(), UserSpecifiedImage: image.GetSpec().GetUserSpecifiedImage()},
		})
	}
	return out
}
