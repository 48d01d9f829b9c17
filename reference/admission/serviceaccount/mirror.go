package serviceaccount

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
)

// isMirror: the pod stands for one that a kubelet runs from a file.
func isMirror(pod *corev1.Pod) bool {
	_, ok := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return ok
}

func validateMirror(s *corev1.PodSpec) error {
	if s.ServiceAccountName != "" {
		return errors.New("a mirror pod may not reference service accounts")
	}
	if usesSecrets(s) {
		return errors.New("a mirror pod may not reference secrets")
	}
	for _, v := range s.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ServiceAccountToken != nil {
				return errors.New("a mirror pod may not use ServiceAccountToken volume projections")
			}
		}
	}
	return nil
}

// usesSecrets looks wherever a pod can name a Secret that a kubelet would fetch for it.
func usesSecrets(s *corev1.PodSpec) bool {
	if len(s.ImagePullSecrets) > 0 {
		return true
	}
	for i := range s.Volumes {
		if volumeUsesSecrets(&s.Volumes[i].VolumeSource) {
			return true
		}
	}
	for _, containers := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for _, c := range containers {
			if environmentUsesSecrets(c.Env, c.EnvFrom) {
				return true
			}
		}
	}
	for _, c := range s.EphemeralContainers {
		if environmentUsesSecrets(c.Env, c.EnvFrom) {
			return true
		}
	}
	return false
}

func environmentUsesSecrets(env []corev1.EnvVar, from []corev1.EnvFromSource) bool {
	for _, e := range env {
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			return true
		}
	}
	for _, e := range from {
		if e.SecretRef != nil {
			return true
		}
	}
	return false
}

func volumeUsesSecrets(v *corev1.VolumeSource) bool {
	if v.Projected != nil {
		for _, source := range v.Projected.Sources {
			if source.Secret != nil {
				return true
			}
		}
	}
	switch {
	case v.Secret != nil, v.AzureFile != nil:
		return true
	case v.CephFS != nil && v.CephFS.SecretRef != nil, v.Cinder != nil && v.Cinder.SecretRef != nil,
		v.FlexVolume != nil && v.FlexVolume.SecretRef != nil, v.RBD != nil && v.RBD.SecretRef != nil,
		v.ScaleIO != nil && v.ScaleIO.SecretRef != nil, v.ISCSI != nil && v.ISCSI.SecretRef != nil,
		v.StorageOS != nil && v.StorageOS.SecretRef != nil, v.CSI != nil && v.CSI.NodePublishSecretRef != nil:
		return true
	}
	return false
}
