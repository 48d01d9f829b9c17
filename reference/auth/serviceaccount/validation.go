package serviceaccount

import (
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	// DefaultLifetime is what a TokenRequest without expirationSeconds gets, MinLifetime the
	// least that one may ask for.
	DefaultLifetime = time.Hour
	MinLifetime     = 10 * time.Minute

	// mountedLifetime is what the kubelet asks for when it mounts the API token into a pod, a
	// figure odd enough to know it by. Such a token really lives for extendedLifetime, for
	// clients that never read the file again; using it late shows in the audit log.
	mountedLifetime  = time.Hour + 7*time.Second
	extendedLifetime = 365 * 24 * time.Hour
)

// ValidateTokenRequest tells what is wrong with a request whose lifetime is already defaulted.
func ValidateTokenRequest(r *authenticationv1.TokenRequest) field.ErrorList {
	path := field.NewPath("spec", "expirationSeconds")
	switch seconds := *r.Spec.ExpirationSeconds; {
	case seconds < int64(MinLifetime/time.Second):
		return field.ErrorList{field.Invalid(path, seconds, "may not specify a duration less than 10 minutes")}
	case seconds > 1<<32:
		return field.ErrorList{field.Invalid(path, seconds, "may not specify a duration larger than 2^32 seconds")}
	}
	return nil
}
