package validation

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	immutableSet    = "field is immutable when `immutable` is set"
	redactedContent = "<secret contents redacted>"
)

// Secret checks a new secret. Values never appear in errors.
func Secret(s *corev1.Secret) field.ErrorList {
	errs := newMeta(&s.ObjectMeta, namespaced, subdomainName)
	data, size := field.NewPath("data"), 0
	for _, key := range sortedKeys(s.Data) {
		errs = append(errs, invalids(data.Key(key), key, validation.IsConfigMapKey(key))...)
		size += len(s.Data[key])
	}
	if size > corev1.MaxSecretSize {
		errs = append(errs, field.TooLong(data, "", corev1.MaxSecretSize))
	}
	return append(errs, secretKeys(data, s)...)
}

// secretKeys checks that a secret holds what its type promises
// (https://kubernetes.io/docs/concepts/configuration/secret/#secret-types).
func secretKeys(data *field.Path, s *corev1.Secret) (errs field.ErrorList) {
	need := func(key string) {
		if _, ok := s.Data[key]; !ok {
			errs = append(errs, field.Required(data.Key(key), ""))
		}
	}
	wellFormed := func(key string) {
		need(key)
		if content, ok := s.Data[key]; ok {
			if err := json.Unmarshal(content, &map[string]any{}); err != nil {
				errs = append(errs, field.Invalid(data.Key(key), redactedContent, err.Error()))
			}
		}
	}
	switch s.Type {
	case corev1.SecretTypeServiceAccountToken:
		if s.Annotations[corev1.ServiceAccountNameKey] == "" {
			errs = append(errs, field.Required(metadataPath.Child("annotations").Key(corev1.ServiceAccountNameKey), ""))
		}
	case corev1.SecretTypeDockercfg:
		wellFormed(corev1.DockerConfigKey)
	case corev1.SecretTypeDockerConfigJson:
		wellFormed(corev1.DockerConfigJsonKey)
	case corev1.SecretTypeBasicAuth:
		_, username := s.Data[corev1.BasicAuthUsernameKey]
		_, password := s.Data[corev1.BasicAuthPasswordKey]
		if !username && !password {
			need(corev1.BasicAuthUsernameKey)
			need(corev1.BasicAuthPasswordKey)
		}
	case corev1.SecretTypeSSHAuth:
		if len(s.Data[corev1.SSHAuthPrivateKey]) == 0 {
			errs = append(errs, field.Required(data.Key(corev1.SSHAuthPrivateKey), ""))
		}
	case corev1.SecretTypeTLS:
		need(corev1.TLSCertKey)
		need(corev1.TLSPrivateKeyKey)
	}
	return errs
}

// SecretUpdate checks a replacement of a secret.
func SecretUpdate(s, old *corev1.Secret) field.ErrorList {
	errs := updatedMeta(&s.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, unchanged(field.NewPath("type"), s.Type, old.Type)...)
	if isTrue(old.Immutable) {
		if !isTrue(s.Immutable) {
			errs = append(errs, field.Forbidden(field.NewPath("immutable"), immutableSet))
		}
		if !equal(s.Data, old.Data) {
			errs = append(errs, field.Forbidden(field.NewPath("data"), immutableSet))
		}
	}
	return append(errs, Secret(s)...)
}
