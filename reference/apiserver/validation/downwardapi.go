package validation

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The fields of a pod that its containers may see
// (https://kubernetes.io/docs/concepts/workloads/pods/downward-api/), sorted.
var (
	envFields = []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
	}
	volumeFields = []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"}
	// podFields are known fields; which of them may be used depends on where.
	podFields = []string{
		"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
		"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "status.hostIP",
		"status.hostIPs", "status.phase", "status.podIP", "status.podIPs",
	}
	containerResources = []string{
		"limits.cpu", "limits.ephemeral-storage", "limits.memory",
		"requests.cpu", "requests.ephemeral-storage", "requests.memory",
	}
)

func fieldRef(p *field.Path, r *corev1.ObjectFieldSelector, supported []string) field.ErrorList {
	if r.APIVersion == "" {
		return field.ErrorList{field.Required(p.Child("apiVersion"), "")}
	}
	if r.FieldPath == "" {
		return field.ErrorList{field.Required(p.Child("fieldPath"), "")}
	}
	at := p.Child("fieldPath")
	if r.APIVersion != "v1" {
		return field.ErrorList{field.Invalid(at, r.FieldPath,
			fmt.Sprintf("error converting fieldPath: unsupported pod version: %s", r.APIVersion))}
	}
	name, key, subscripted := splitSubscript(r.FieldPath)
	if subscripted {
		switch name {
		case "metadata.annotations":
			return invalids(p, key, validation.IsQualifiedName(strings.ToLower(key)))
		case "metadata.labels":
			return invalids(p, key, validation.IsQualifiedName(key))
		}
		return field.ErrorList{field.Invalid(at, r.FieldPath,
			fmt.Sprintf("error converting fieldPath: field label does not support subscript: %s", r.FieldPath))}
	}
	if !slices.Contains(podFields, name) {
		return field.ErrorList{field.Invalid(at, r.FieldPath,
			fmt.Sprintf("error converting fieldPath: field label not supported: %s", name))}
	}
	return supportedValue(at, name, supported...)
}

// splitSubscript takes metadata.labels['key'] apart.
func splitSubscript(s string) (name, key string, ok bool) {
	head, ok := strings.CutSuffix(s, "']")
	if !ok {
		return s, "", false
	}
	name, key, ok = strings.Cut(head, "['")
	if !ok || name == "" {
		return s, "", false
	}
	return name, key, true
}

func resourceFieldRef(p *field.Path, r *corev1.ResourceFieldSelector, inVolume bool) (errs field.ErrorList) {
	hugePages := strings.HasPrefix(r.Resource, "limits.hugepages-") || strings.HasPrefix(r.Resource, "requests.hugepages-")
	switch {
	case inVolume && r.ContainerName == "":
		errs = append(errs, field.Required(p.Child("containerName"), ""))
	case r.Resource == "":
		errs = append(errs, field.Required(p.Child("resource"), ""))
	case !hugePages:
		errs = append(errs, supportedValue(p.Child("resource"), r.Resource, containerResources...)...)
	}
	return append(errs, divisor(p.Child("divisor"), r.Resource, r.Divisor)...)
}

var byteDivisors = []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}

// divisor must be a unit of the resource; zero means that none was given.
func divisor(p *field.Path, name string, d resource.Quantity) field.ErrorList {
	if d.IsZero() {
		return nil
	}
	_, kind, _ := strings.Cut(name, ".")
	var units []string
	var what string
	switch {
	case kind == "cpu":
		if !slices.Contains([]string{"1m", "1"}, d.String()) {
			return field.ErrorList{field.Invalid(p, name, "only divisor's values 1m and 1 are supported with the cpu resource")}
		}
		return nil
	case kind == "memory":
		units, what = byteDivisors, "memory"
	case kind == "ephemeral-storage":
		units, what = byteDivisors, "local ephemeral storage"
	case strings.HasPrefix(kind, corev1.ResourceHugePagesPrefix):
		units, what = byteDivisors, "hugepages"
	default:
		return nil
	}
	if slices.Contains(units, d.String()) {
		return nil
	}
	return field.ErrorList{field.Invalid(p, name, fmt.Sprintf("only divisor's values %s are supported with the %s resource",
		strings.Join(units, ", "), what))}
}

func downwardAPIFile(p *field.Path, f *corev1.DownwardAPIVolumeFile) field.ErrorList {
	errs := required(p.Child("path"), f.Path)
	errs = append(errs, volumeFilePath(p.Child("path"), f.Path)...)
	switch {
	case f.FieldRef != nil:
		errs = append(errs, fieldRef(p.Child("fieldRef"), f.FieldRef, volumeFields)...)
		if f.ResourceFieldRef != nil {
			errs = append(errs, field.Invalid(p, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
		}
	case f.ResourceFieldRef != nil:
		errs = append(errs, resourceFieldRef(p.Child("resourceFieldRef"), f.ResourceFieldRef, true)...)
	default:
		errs = append(errs, field.Required(p, "one of fieldRef and resourceFieldRef is required"))
	}
	return append(errs, fileMode(p.Child("mode"), f.Mode)...)
}
