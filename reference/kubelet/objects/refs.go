package objects

import v1 "k8s.io/api/core/v1"

// Kind is the kind of an object that pods refer to.
type Kind string

// The kinds, named as messages for users name them.
const (
	ConfigMap Kind = "configmap"
	Secret    Kind = "secret"
)

// Ref names one object.
type Ref struct {
	Kind            Kind
	Namespace, Name string
}

// Refs returns every ConfigMap and Secret that the pod refers to, each once.
func Refs(pod *v1.Pod) []Ref {
	var refs []Ref
	seen := map[Ref]bool{}
	add := func(kind Kind, name string) {
		r := Ref{kind, pod.Namespace, name}
		if name != "" && !seen[r] {
			seen[r] = true
			refs = append(refs, r)
		}
	}
	for _, s := range pod.Spec.ImagePullSecrets {
		add(Secret, s.Name)
	}
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			environment(&list[i], add)
		}
	}
	for i := range pod.Spec.Volumes {
		volume(&pod.Spec.Volumes[i], add)
	}
	return refs
}

func environment(c *v1.Container, add func(Kind, string)) {
	for _, f := range c.EnvFrom {
		if f.ConfigMapRef != nil {
			add(ConfigMap, f.ConfigMapRef.Name)
		}
		if f.SecretRef != nil {
			add(Secret, f.SecretRef.Name)
		}
	}
	for _, e := range c.Env {
		if e.ValueFrom != nil && e.ValueFrom.ConfigMapKeyRef != nil {
			add(ConfigMap, e.ValueFrom.ConfigMapKeyRef.Name)
		}
		if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
			add(Secret, e.ValueFrom.SecretKeyRef.Name)
		}
	}
}

func volume(v *v1.Volume, add func(Kind, string)) {
	if v.ConfigMap != nil {
		add(ConfigMap, v.ConfigMap.Name)
	}
	if v.Secret != nil {
		add(Secret, v.Secret.SecretName)
	}
	if v.Projected == nil {
		return
	}
	for _, s := range v.Projected.Sources {
		if s.ConfigMap != nil {
			add(ConfigMap, s.ConfigMap.Name)
		}
		if s.Secret != nil {
			add(Secret, s.Secret.Name)
		}
	}
}
