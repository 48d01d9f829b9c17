package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	oneSourceAtATime = "may not have more than one field specified at a time"
	noEnvSource      = "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
)

func env(p *field.Path, vars []corev1.EnvVar) (errs field.ErrorList) {
	for i, v := range vars {
		at := p.Index(i)
		if v.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			errs = append(errs, invalids(at.Child("name"), v.Name, validation.IsRelaxedEnvVarName(v.Name))...)
		}
		if v.ValueFrom != nil {
			errs = append(errs, envSource(at.Child("valueFrom"), v.ValueFrom, v.Value)...)
		}
	}
	return errs
}

func envSource(p *field.Path, s *corev1.EnvVarSource, value string) (errs field.ErrorList) {
	sources := 0
	if s.FieldRef != nil {
		sources++
		errs = append(errs, fieldRef(p.Child("fieldRef"), s.FieldRef, envFields)...)
	}
	if s.ResourceFieldRef != nil {
		sources++
		errs = append(errs, resourceFieldRef(p.Child("resourceFieldRef"), s.ResourceFieldRef, false)...)
	}
	if r := s.ConfigMapKeyRef; r != nil {
		sources++
		errs = append(errs, keyRef(p.Child("configMapKeyRef"), r.Name, r.Key)...)
	}
	if r := s.SecretKeyRef; r != nil {
		sources++
		errs = append(errs, keyRef(p.Child("secretKeyRef"), r.Name, r.Key)...)
	}
	if r := s.FileKeyRef; r != nil {
		sources++
		errs = append(errs, fileKeyRef(p.Child("fileKeyRef"), r)...)
	}
	switch {
	case sources == 0:
		errs = append(errs, field.Invalid(p, "", noEnvSource))
	case value != "":
		errs = append(errs, field.Invalid(p, "", "may not be specified when `value` is not empty"))
	case sources > 1:
		errs = append(errs, field.Invalid(p, "", oneSourceAtATime))
	}
	return errs
}

func keyRef(p *field.Path, name, key string) field.ErrorList {
	errs := required(p.Child("name"), name)
	if key == "" {
		return append(errs, field.Required(p.Child("key"), ""))
	}
	return append(errs, invalids(p.Child("key"), key, validation.IsConfigMapKey(key))...)
}

func fileKeyRef(p *field.Path, r *corev1.FileKeySelector) field.ErrorList {
	errs := required(p.Child("volumeName"), r.VolumeName)
	if r.Key == "" {
		errs = append(errs, field.Required(p.Child("key"), ""))
	} else {
		errs = append(errs, invalids(p.Child("key"), r.Key, validation.IsRelaxedEnvVarName(r.Key))...)
	}
	if r.Path == "" {
		return append(errs, field.Required(p.Child("path"), ""))
	}
	return append(errs, volumeFilePath(p.Child("path"), r.Path)...)
}

// fileKeyVolumes: a file of variables is written by an init container to an empty directory.
func fileKeyVolumes(p *field.Path, s *corev1.PodSpec, volumes map[string]*corev1.VolumeSource) (errs field.ErrorList) {
	eachContainer(p, s, func(at *field.Path, c *corev1.Container) {
		for i := range c.Env {
			from := c.Env[i].ValueFrom
			if from == nil || from.FileKeyRef == nil || from.FileKeyRef.VolumeName == "" {
				continue
			}
			name, path := from.FileKeyRef.VolumeName, at.Child("env").Index(i).Child("valueFrom", "fileKeyRef", "volumeName")
			switch source, ok := volumes[name]; {
			case !ok:
				errs = append(errs, field.NotFound(path, name))
			case source.EmptyDir == nil:
				errs = append(errs, field.Invalid(path, name, "referenced volume must be of type emptyDir"))
			}
		}
	})
	return errs
}

func envFrom(p *field.Path, sources []corev1.EnvFromSource) (errs field.ErrorList) {
	for i, s := range sources {
		at := p.Index(i)
		if s.Prefix != "" {
			errs = append(errs, invalids(at.Child("prefix"), s.Prefix, validation.IsRelaxedEnvVarName(s.Prefix))...)
		}
		if s.ConfigMapRef != nil {
			errs = append(errs, required(at.Child("configMapRef", "name"), s.ConfigMapRef.Name)...)
		}
		if s.SecretRef != nil {
			errs = append(errs, required(at.Child("secretRef", "name"), s.SecretRef.Name)...)
		}
		switch {
		case s.ConfigMapRef == nil && s.SecretRef == nil:
			errs = append(errs, field.Invalid(p, "", "must specify one of: `configMapRef` or `secretRef`"))
		case s.ConfigMapRef != nil && s.SecretRef != nil:
			errs = append(errs, field.Invalid(p, "", oneSourceAtATime))
		}
	}
	return errs
}
