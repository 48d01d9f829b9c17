// Package disabled drops fields whose feature gates are off by default in the version that is served,
// as kube-apiserver does: a client may send them, they are not stored. An object that has one
// already keeps it, so that a gate that was on for a while leaves nothing behind that cannot be
// written any more (https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/).
package disabled

import (
	corev1 "k8s.io/api/core/v1"
)

// feature says whether a pod uses what a gate guards, and takes it away if drop is set.
type feature func(s *corev1.PodSpec, drop bool) (used bool)

// podFeatures are the gates of fields of pods that are off: GenericWorkload, EvictionRequestAPI,
// EmptyDirVolumeMode, AtomicWriteVolumeUserFields, VolumeBindMountOptions, H2CContainerProbe,
// GRPCContainerProbeTLS and ContainerStopSignals.
var podFeatures = []feature{schedulingGroup, evictionResponders, emptyDirMode, fileOwners, bindMountOptions, probeProtocols, probeModes, stopSignals}

// PodSpec drops from s what is off and not in use in old, which is nil for a new object.
func PodSpec(s, old *corev1.PodSpec) {
	for _, f := range podFeatures {
		if old == nil || !f(old, false) {
			f(s, true)
		}
	}
}

// Of returns PodSpec for objects in which spec finds the spec of a pod, or nil.
func Of[T any](spec func(*T) *corev1.PodSpec) func(obj, old *T) {
	return func(obj, old *T) {
		s := spec(obj)
		if s == nil {
			return
		}
		var was *corev1.PodSpec
		if old != nil {
			was = spec(old)
		}
		PodSpec(s, was)
	}
}

// Node drops the gates' fields of nodes, and the configuration source that no kubelet reads any more.
func Node(n, old *corev1.Node) {
	if old == nil || old.Spec.ConfigSource == nil {
		n.Spec.ConfigSource = nil
	}
	if old == nil || old.Spec.PodPreemptionPolicy == nil {
		n.Spec.PodPreemptionPolicy = nil
	}
}

// ClaimSpec drops a data source of another namespace (CrossNamespaceVolumeDataSource).
func ClaimSpec(s, old *corev1.PersistentVolumeClaimSpec) {
	elsewhere := func(s *corev1.PersistentVolumeClaimSpec) bool {
		return s != nil && s.DataSourceRef != nil && s.DataSourceRef.Namespace != nil && *s.DataSourceRef.Namespace != ""
	}
	if elsewhere(s) && !elsewhere(old) {
		s.DataSourceRef = nil
	}
}

// take empties the optional fields if drop is set and reports whether any was there.
func take[V any](drop bool, fields ...**V) (used bool) {
	for _, f := range fields {
		used = used || *f != nil
		if drop {
			*f = nil
		}
	}
	return used
}

func schedulingGroup(s *corev1.PodSpec, drop bool) bool { return take(drop, &s.SchedulingGroup) }

func evictionResponders(s *corev1.PodSpec, drop bool) bool {
	used := len(s.EvictionResponders) > 0
	if drop {
		s.EvictionResponders = nil
	}
	return used
}

func emptyDirMode(s *corev1.PodSpec, drop bool) (used bool) {
	for i := range s.Volumes {
		if e := s.Volumes[i].EmptyDir; e != nil {
			used = take(drop, &e.Mode) || used
		}
	}
	return used
}

func fileOwners(s *corev1.PodSpec, drop bool) (used bool) {
	owner := func(fields ...**int64) { used = take(drop, fields...) || used }
	keys := func(items []corev1.KeyToPath) {
		for i := range items {
			owner(&items[i].User)
		}
	}
	files := func(items []corev1.DownwardAPIVolumeFile) {
		for i := range items {
			owner(&items[i].User)
		}
	}
	for i := range s.Volumes {
		v := &s.Volumes[i]
		if v.Secret != nil {
			owner(&v.Secret.DefaultUser)
			keys(v.Secret.Items)
		}
		if v.ConfigMap != nil {
			owner(&v.ConfigMap.DefaultUser)
			keys(v.ConfigMap.Items)
		}
		if v.DownwardAPI != nil {
			owner(&v.DownwardAPI.DefaultUser)
			files(v.DownwardAPI.Items)
		}
		if v.Projected == nil {
			continue
		}
		owner(&v.Projected.DefaultUser)
		for j := range v.Projected.Sources {
			source := &v.Projected.Sources[j]
			if source.Secret != nil {
				keys(source.Secret.Items)
			}
			if source.ConfigMap != nil {
				keys(source.ConfigMap.Items)
			}
			if source.DownwardAPI != nil {
				files(source.DownwardAPI.Items)
			}
			if source.ServiceAccountToken != nil {
				owner(&source.ServiceAccountToken.User)
			}
			if source.ClusterTrustBundle != nil {
				owner(&source.ClusterTrustBundle.User)
			}
			if source.PodCertificate != nil {
				owner(&source.PodCertificate.User)
			}
		}
	}
	return used
}

// eachContainer visits the containers of all kinds.
func eachContainer(s *corev1.PodSpec, visit func(*corev1.Container)) {
	for i := range s.InitContainers {
		visit(&s.InitContainers[i])
	}
	for i := range s.Containers {
		visit(&s.Containers[i])
	}
	for i := range s.EphemeralContainers {
		visit((*corev1.Container)(&s.EphemeralContainers[i].EphemeralContainerCommon))
	}
}

func bindMountOptions(s *corev1.PodSpec, drop bool) (used bool) {
	eachContainer(s, func(c *corev1.Container) {
		for i := range c.VolumeMounts {
			used = used || len(c.VolumeMounts[i].BindMountOptions) > 0
			if drop {
				c.VolumeMounts[i].BindMountOptions = nil
			}
		}
	})
	return used
}

func probeProtocols(s *corev1.PodSpec, drop bool) (used bool) {
	get := func(h *corev1.HTTPGetAction) {
		if h != nil {
			used = take(drop, &h.Protocol) || used
		}
	}
	eachContainer(s, func(c *corev1.Container) {
		for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			if p != nil {
				get(p.HTTPGet)
			}
		}
		if c.Lifecycle == nil {
			return
		}
		for _, h := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if h != nil {
				get(h.HTTPGet)
			}
		}
	})
	return used
}

func stopSignals(s *corev1.PodSpec, drop bool) (used bool) {
	eachContainer(s, func(c *corev1.Container) {
		if c.Lifecycle != nil {
			used = take(drop, &c.Lifecycle.StopSignal) || used
		}
	})
	return used
}

func probeModes(s *corev1.PodSpec, drop bool) (used bool) {
	eachContainer(s, func(c *corev1.Container) {
		for _, p := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			if p != nil && p.GRPC != nil {
				used = take(drop, &p.GRPC.Mode) || used
			}
		}
	})
	return used
}
