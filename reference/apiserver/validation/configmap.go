package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ConfigMap checks a new ConfigMap.
func ConfigMap(c *corev1.ConfigMap) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, namespaced, subdomainName)
	size := 0
	data, binary := field.NewPath("data"), field.NewPath("binaryData")
	for _, key := range sortedKeys(c.Data) {
		errs = append(errs, invalids(data.Key(key), key, validation.IsConfigMapKey(key))...)
		if _, both := c.BinaryData[key]; both {
			errs = append(errs, field.Invalid(data.Key(key), key, "duplicate of key present in binaryData"))
		}
		size += len(c.Data[key])
	}
	for _, key := range sortedKeys(c.BinaryData) {
		errs = append(errs, invalids(binary.Key(key), key, validation.IsConfigMapKey(key))...)
		size += len(c.BinaryData[key])
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(field.NewPath(""), "", corev1.MaxSecretSize))
	}
	return errs
}

// ConfigMapUpdate checks a replacement of a ConfigMap.
func ConfigMapUpdate(c, old *corev1.ConfigMap) field.ErrorList {
	errs := updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
	if isTrue(old.Immutable) {
		if !isTrue(c.Immutable) {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableSet))
		}
		if !equal(c.Data, old.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutableSet))
		}
		if !equal(c.BinaryData, old.BinaryData) {
			errs = append(errs, field.Forbidden(field.NewPath("binaryData"), immutableSet))
		}
	}
	return append(errs, ConfigMap(c)...)
}
