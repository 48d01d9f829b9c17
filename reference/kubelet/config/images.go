package config

import (
	"fmt"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/images"
)

// validateImages returns what is wrong with how images come and go.
func validateImages(c *kubeletv1beta1.KubeletConfiguration) []error {
	var out []error
	high, low := *c.ImageGCHighThresholdPercent, *c.ImageGCLowThresholdPercent
	for field, percent := range map[string]int32{"imageGCHighThresholdPercent": high, "imageGCLowThresholdPercent": low} {
		if percent < 0 || percent > 100 {
			out = append(out, fmt.Errorf("%s: %d: must be between 0 and 100", field, percent))
		}
	}
	if low >= high {
		out = append(out, fmt.Errorf("imageGCLowThresholdPercent: %d: must be less than imageGCHighThresholdPercent %d", low, high))
	}
	if c.ImageMinimumGCAge.Duration < 0 {
		out = append(out, fmt.Errorf("imageMinimumGCAge: %v: must not be negative", c.ImageMinimumGCAge.Duration))
	}
	if most := c.ImageMaximumGCAge.Duration; most < 0 || most != 0 && most <= c.ImageMinimumGCAge.Duration {
		out = append(out, fmt.Errorf("imageMaximumGCAge: %v: must be greater than imageMinimumGCAge %v", most, c.ImageMinimumGCAge.Duration))
	}
	if *c.NodeStatusMaxImages < -1 {
		out = append(out, fmt.Errorf("nodeStatusMaxImages: %d: must be -1 or greater", *c.NodeStatusMaxImages))
	}
	if most := c.MaxParallelImagePulls; most != nil && *most < 1 {
		out = append(out, fmt.Errorf("maxParallelImagePulls: %d: must be a positive number", *most))
	} else if most != nil && *most > 1 && *c.SerializeImagePulls {
		out = append(out, fmt.Errorf("maxParallelImagePulls: %d: cannot be larger than 1 unless serializeImagePulls is false", *most))
	}
	switch policy := c.ImagePullCredentialsVerificationPolicy; policy {
	case kubeletv1beta1.NeverVerify, kubeletv1beta1.NeverVerifyPreloadedImages, kubeletv1beta1.AlwaysVerify:
		if len(c.PreloadedImagesVerificationAllowlist) > 0 {
			out = append(out, fmt.Errorf("preloadedImagesVerificationAllowlist: can only be set together with imagePullCredentialsVerificationPolicy %s", kubeletv1beta1.NeverVerifyAllowlistedImages))
		}
	case kubeletv1beta1.NeverVerifyAllowlistedImages:
		for _, image := range c.PreloadedImagesVerificationAllowlist {
			if err := images.CheckAllowed(image); err != nil {
				out = append(out, fmt.Errorf("preloadedImagesVerificationAllowlist: %w", err))
			}
		}
	default:
		out = append(out, fmt.Errorf("imagePullCredentialsVerificationPolicy: %q: must be one of %s, %s, %s, %s", policy, kubeletv1beta1.NeverVerify,
			kubeletv1beta1.NeverVerifyPreloadedImages, kubeletv1beta1.NeverVerifyAllowlistedImages, kubeletv1beta1.AlwaysVerify))
	}
	if *c.RegistryPullQPS < 0 {
		out = append(out, fmt.Errorf("registryPullQPS: %d: must not be a negative number", *c.RegistryPullQPS))
	}
	if c.RegistryBurst < 0 {
		out = append(out, fmt.Errorf("registryBurst: %d: must not be a negative number", c.RegistryBurst))
	}
	return out
}
