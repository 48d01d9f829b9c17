package validation

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const appArmorPrefix = corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix

// appArmorAnnotations checks the annotations that the field appArmorProfile replaced: each names a container
// and a profile (https://kubernetes.io/docs/tutorials/security/apparmor/).
func appArmorAnnotations(p *field.Path, annotations map[string]string, spec *corev1.PodSpec) (errs field.ErrorList) {
	var known sets.Set[string]
	for _, key := range sortedKeys(annotations) {
		name, is := strings.CutPrefix(key, appArmorPrefix)
		if !is {
			continue
		}
		if known == nil {
			known = sets.New[string]()
			eachContainer(specPath, spec, func(_ *field.Path, c *corev1.Container) { known.Insert(c.Name) })
		}
		if !known.Has(name) {
			errs = append(errs, field.Invalid(p.Key(key), name, "container not found"))
		}
		if value := annotations[key]; !isAppArmorProfile(value) {
			errs = append(errs, field.Invalid(p.Key(key), value, fmt.Sprintf("invalid AppArmor profile name: %q", value)))
		}
	}
	return errs
}

func isAppArmorProfile(s string) bool {
	return s == "" || s == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault || s == corev1.DeprecatedAppArmorBetaProfileNameUnconfined ||
		strings.HasPrefix(s, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
}

// appArmorAgrees: where a container has a profile by annotation and by field, its own or the pod's, it is the same one.
func appArmorAgrees(p *field.Path, annotations map[string]string, spec *corev1.PodSpec) (errs field.ErrorList) {
	if spec.OS != nil && spec.OS.Name == corev1.Windows {
		return nil
	}
	eachContainer(p, spec, func(p *field.Path, c *corev1.Container) {
		annotation, ok := annotations[appArmorPrefix+c.Name]
		profile := appArmorProfileOf(spec, c)
		if !ok || profile == nil {
			return
		}
		at := p.Child("securityContext", "appArmorProfile")
		local, isLocal := strings.CutPrefix(annotation, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
		agrees := true
		switch profile.Type {
		case corev1.AppArmorProfileTypeUnconfined:
			agrees = annotation == corev1.DeprecatedAppArmorBetaProfileNameUnconfined
		case corev1.AppArmorProfileTypeRuntimeDefault:
			agrees = annotation == corev1.DeprecatedAppArmorBetaProfileRuntimeDefault
		case corev1.AppArmorProfileTypeLocalhost:
			if agrees = isLocal; isLocal && (profile.LocalhostProfile == nil || *profile.LocalhostProfile != local) {
				errs = append(errs, field.Forbidden(at.Child("localhostProfile"), "apparmor profile in annotation and field must match"))
			}
		}
		if !agrees {
			errs = append(errs, field.Forbidden(at.Child("type"), "apparmor type in annotation and field must match"))
		}
	})
	return errs
}

func appArmorProfileOf(spec *corev1.PodSpec, c *corev1.Container) *corev1.AppArmorProfile {
	switch {
	case c.SecurityContext != nil && c.SecurityContext.AppArmorProfile != nil:
		return c.SecurityContext.AppArmorProfile
	case spec.SecurityContext != nil:
		return spec.SecurityContext.AppArmorProfile
	}
	return nil
}
