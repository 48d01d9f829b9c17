// Package podrefs finds the objects that a pod names and that a kubelet fetches on its behalf.
package podrefs

import (
	corev1 "k8s.io/api/core/v1"
)

// Refs are names of objects in the pod's namespace, possibly more than once.
type Refs struct {
	ServiceAccount                                     string
	Secrets, ConfigMaps, PersistentVolumeClaims        []string
	ResourceClaims                                     []string
	ServiceAccountTokens, TrustBundles, PodCertificate bool // uses such projections
}

// Of returns what a pod refers to, ResourceClaims and generic ephemeral volumes included.
func Of(pod *corev1.Pod) Refs {
	r := Refs{ServiceAccount: pod.Spec.ServiceAccountName}
	for _, s := range pod.Spec.ImagePullSecrets {
		r.secret(s.Name)
	}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			r.environment(containers[i].Env, containers[i].EnvFrom)
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		r.environment(pod.Spec.EphemeralContainers[i].Env, pod.Spec.EphemeralContainers[i].EnvFrom)
	}
	for i := range pod.Spec.Volumes {
		r.volume(pod.Name, &pod.Spec.Volumes[i])
	}
	r.claims(pod)
	return r
}

func (r *Refs) secret(name string) {
	if name != "" {
		r.Secrets = append(r.Secrets, name)
	}
}

func (r *Refs) configMap(name string) {
	if name != "" {
		r.ConfigMaps = append(r.ConfigMaps, name)
	}
}

func (r *Refs) environment(env []corev1.EnvVar, from []corev1.EnvFromSource) {
	for i := range env {
		if env[i].ValueFrom == nil {
			continue
		}
		if s := env[i].ValueFrom.SecretKeyRef; s != nil {
			r.secret(s.Name)
		}
		if m := env[i].ValueFrom.ConfigMapKeyRef; m != nil {
			r.configMap(m.Name)
		}
	}
	for i := range from {
		if s := from[i].SecretRef; s != nil {
			r.secret(s.Name)
		}
		if m := from[i].ConfigMapRef; m != nil {
			r.configMap(m.Name)
		}
	}
}

// claims are named directly, or by the status once the claim of a template or of extended resources
// was made.
func (r *Refs) claims(pod *corev1.Pod) {
	for i := range pod.Spec.ResourceClaims {
		if name := pod.Spec.ResourceClaims[i].ResourceClaimName; name != nil {
			r.ResourceClaims = append(r.ResourceClaims, *name)
		}
	}
	for i := range pod.Status.ResourceClaimStatuses {
		if name := pod.Status.ResourceClaimStatuses[i].ResourceClaimName; name != nil {
			r.ResourceClaims = append(r.ResourceClaims, *name)
		}
	}
	if s := pod.Status.ExtendedResourceClaimStatus; s != nil && s.ResourceClaimName != "" {
		r.ResourceClaims = append(r.ResourceClaims, s.ResourceClaimName)
	}
}
