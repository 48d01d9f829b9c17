package env

import (
	"context"
	"fmt"
	"maps"
	"slices"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Var is one variable.
type Var struct {
	Name, Value string
}

// Objects gives the ConfigMaps and Secrets that variables refer to. An object that does not
// exist is an error for which apierrors.IsNotFound is true.
type Objects interface {
	ConfigMap(ctx context.Context, namespace, name string) (*v1.ConfigMap, error)
	Secret(ctx context.Context, namespace, name string) (*v1.Secret, error)
}

// Source is where the values of a container's variables come from.
type Source struct {
	Pod *v1.Pod
	// PodIPs and HostIPs are the addresses as fieldRef shows them; the pod's status may not
	// have them yet.
	PodIPs, HostIPs []string
	Objects         Objects
	Services        []*v1.Service
	// Allocatable stands in for limits that a container does not have.
	Allocatable v1.ResourceList
	// Dir is where the pod's emptyDir of a name is, for files of variables.
	Dir func(volume string) string
}

// Container returns the container's variables. Those of `env` win over `envFrom`, and both
// over the variables of Services; $(NAME) refers to variables before it and to Services'. It
// fails if a ConfigMap, Secret or key that is not optional is missing.
func (s Source) Container(ctx context.Context, c *v1.Container) ([]Var, error) {
	links := s.Pod.Spec.EnableServiceLinks == nil || *s.Pod.Spec.EnableServiceLinks
	services := Services(s.Services, s.Pod.Namespace, links)
	known := map[string]string{}
	for _, v := range services {
		known[v.Name] = v.Value
	}
	result := list{}
	for i := range c.EnvFrom {
		vars, err := s.from(ctx, &c.EnvFrom[i])
		if err != nil {
			return nil, err
		}
		for _, v := range vars {
			result.set(v)
			known[v.Name] = v.Value
		}
	}
	for i := range c.Env {
		value, ok, err := s.value(ctx, c, &c.Env[i], known)
		if err != nil {
			return nil, err
		}
		if ok {
			result.set(Var{c.Env[i].Name, value})
			known[c.Env[i].Name] = value
		}
	}
	for _, v := range services {
		if !result.has(v.Name) {
			result.set(v)
		}
	}
	return result.vars, nil
}

// value returns the value of one variable, false if it is to be left out.
func (s Source) value(ctx context.Context, c *v1.Container, e *v1.EnvVar, known map[string]string) (string, bool, error) {
	if e.ValueFrom == nil {
		return Expand(e.Value, known), true, nil
	}
	switch from := e.ValueFrom; {
	case from.FieldRef != nil:
		value, err := s.field(from.FieldRef.FieldPath)
		return value, true, err
	case from.ResourceFieldRef != nil:
		value, err := Resource(from.ResourceFieldRef, s.Pod, c, s.Allocatable)
		return value, true, err
	case from.ConfigMapKeyRef != nil:
		ref, optional := from.ConfigMapKeyRef, is(from.ConfigMapKeyRef.Optional)
		m, err := s.Objects.ConfigMap(ctx, s.Pod.Namespace, ref.Name)
		if err != nil {
			return "", false, tolerate(err, optional)
		}
		if value, ok := m.Data[ref.Key]; ok {
			return value, true, nil
		}
		return missing(optional, "couldn't find key %v in ConfigMap %v/%v", ref.Key, s.Pod.Namespace, ref.Name)
	case from.SecretKeyRef != nil:
		ref, optional := from.SecretKeyRef, is(from.SecretKeyRef.Optional)
		secret, err := s.Objects.Secret(ctx, s.Pod.Namespace, ref.Name)
		if err != nil {
			return "", false, tolerate(err, optional)
		}
		if value, ok := secret.Data[ref.Key]; ok {
			return string(value), true, nil
		}
		return missing(optional, "couldn't find key %v in Secret %v/%v", ref.Key, s.Pod.Namespace, ref.Name)
	case from.FileKeyRef != nil:
		return s.fromFile(from.FileKeyRef)
	}
	return "", true, nil
}

// from returns the variables of a whole ConfigMap or Secret, by name.
func (s Source) from(ctx context.Context, f *v1.EnvFromSource) ([]Var, error) {
	data := map[string]string{}
	switch {
	case f.ConfigMapRef != nil:
		m, err := s.Objects.ConfigMap(ctx, s.Pod.Namespace, f.ConfigMapRef.Name)
		if err != nil {
			return nil, tolerate(err, is(f.ConfigMapRef.Optional))
		}
		data = m.Data
	case f.SecretRef != nil:
		secret, err := s.Objects.Secret(ctx, s.Pod.Namespace, f.SecretRef.Name)
		if err != nil {
			return nil, tolerate(err, is(f.SecretRef.Optional))
		}
		for k, v := range secret.Data {
			data[k] = string(v)
		}
	}
	var vars []Var
	for _, key := range slices.Sorted(maps.Keys(data)) {
		vars = append(vars, Var{f.Prefix + key, data[key]})
	}
	return vars, nil
}

func is(b *bool) bool { return b != nil && *b }

// tolerate forgives that an optional object does not exist.
func tolerate(err error, optional bool) error {
	if optional && apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func missing(optional bool, format string, args ...any) (string, bool, error) {
	if optional {
		return "", false, nil
	}
	return "", false, fmt.Errorf(format, args...)
}

// list keeps variables in the order in which they were first set.
type list struct {
	vars  []Var
	index map[string]int
}

func (l *list) has(name string) bool {
	_, ok := l.index[name]
	return ok
}

func (l *list) set(v Var) {
	if l.index == nil {
		l.index = map[string]int{}
	}
	if i, ok := l.index[v.Name]; ok {
		l.vars[i] = v
		return
	}
	l.index[v.Name] = len(l.vars)
	l.vars = append(l.vars, v)
}
