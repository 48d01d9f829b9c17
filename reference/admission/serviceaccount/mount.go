package serviceaccount

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

const (
	// MountPath is where programs in a container find their token, the cluster's CA and their
	// namespace; client libraries look there by themselves.
	MountPath = "/var/run/secrets/kubernetes.io/serviceaccount"

	// volumePrefix begins the name of the volume, whose rest is random.
	volumePrefix = "kube-api-access-"

	// tokenSeconds is an hour and seven seconds: the token issuer knows mounted tokens by it.
	tokenSeconds int64 = 60*60 + 7

	rootCAConfigMap = "kube-root-ca.crt"
)

// mounts: the pod decides, then its ServiceAccount; without a word of either it is mounted.
func mounts(pod *corev1.Pod, sa *corev1.ServiceAccount) bool {
	if pod.Spec.AutomountServiceAccountToken != nil {
		return *pod.Spec.AutomountServiceAccountToken
	}
	return ptr.Deref(sa.AutomountServiceAccountToken, true)
}

// mountToken mounts the token into every container that has nothing at MountPath yet.
func mountToken(pod *corev1.Pod, newName func(prefix string) string) {
	name, exists := tokenVolume(pod)
	if !exists {
		name = newName(volumePrefix)
	}
	mount := corev1.VolumeMount{Name: name, ReadOnly: true, MountPath: MountPath}
	used := false
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			c := &containers[i]
			if slices.ContainsFunc(c.VolumeMounts, func(m corev1.VolumeMount) bool { return m.MountPath == MountPath }) {
				continue
			}
			c.VolumeMounts = append(c.VolumeMounts, mount)
			used = true
		}
	}
	if used && !exists {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: name, VolumeSource: corev1.VolumeSource{Projected: tokenSource()}})
	}
}

// tokenVolume finds the volume of an earlier pass: a controller may copy a pod's whole spec.
func tokenVolume(pod *corev1.Pod) (string, bool) {
	for _, v := range pod.Spec.Volumes {
		if strings.HasPrefix(v.Name, volumePrefix) {
			return v.Name, true
		}
	}
	return "", false
}

func tokenSource() *corev1.ProjectedVolumeSource {
	return &corev1.ProjectedVolumeSource{
		DefaultMode: ptr.To(corev1.ProjectedVolumeSourceDefaultMode),
		Sources: []corev1.VolumeProjection{
			{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: ptr.To(tokenSeconds)}},
			{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: rootCAConfigMap},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}},
			{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{
				Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.namespace"}}}}},
		},
	}
}
