package serviceaccount

import (
	"context"
	"fmt"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/audit"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/utils/ptr"
)

var tokenRequestKind = authenticationv1.SchemeGroupVersion.WithKind("TokenRequest")

// TokenREST serves serviceaccounts/token: POST a TokenRequest, get it back with a token.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
type TokenREST struct {
	Issuer *Issuer
	// Audiences are the API server's own: what a token is for that names no audience.
	Audiences []string
	// Extend lets the tokens that the kubelet mounts live for a year.
	Extend bool
	// Max cuts what is asked for; 0 is no limit.
	Max time.Duration
	// Get should read the store itself: a token must not be bound to what is gone.
	Get Getters

	now func() time.Time
}

var (
	_ rest.Storage                  = &TokenREST{}
	_ rest.NamedCreater             = &TokenREST{}
	_ rest.GroupVersionKindProvider = &TokenREST{}
	_ rest.Scoper                   = &TokenREST{}
)

func (r *TokenREST) New() runtime.Object   { return &authenticationv1.TokenRequest{} }
func (r *TokenREST) Destroy()              {}
func (r *TokenREST) NamespaceScoped() bool { return true }

// GroupVersionKind says that what is posted here is of another group than the ServiceAccount.
func (r *TokenREST) GroupVersionKind(schema.GroupVersion) schema.GroupVersionKind {
	return tokenRequestKind
}

// Create issues a token for the ServiceAccount called name.
func (r *TokenREST) Create(ctx context.Context, name string, obj runtime.Object, validate rest.ValidateObjectFunc, _ *metav1.CreateOptions) (runtime.Object, error) {
	posted, ok := obj.(*authenticationv1.TokenRequest)
	namespace := request.NamespaceValue(ctx)
	if !ok || namespace == "" {
		return nil, errors.NewBadRequest("namespace is required")
	}
	req := posted.DeepCopy()
	if err := matchURL(req, namespace, name); err != nil {
		return nil, err
	}
	sa, err := r.Get.ServiceAccount(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	if req.UID != "" && req.UID != sa.UID {
		return nil, errors.NewConflict(schema.GroupResource{Group: tokenRequestKind.Group, Resource: tokenRequestKind.Kind}, name,
			fmt.Errorf("the UID in the token request (%s) does not match the UID of the service account (%s)", req.UID, sa.UID))
	}
	now := r.time()
	r.setDefaults(req, sa, now)
	if errs := ValidateTokenRequest(req); len(errs) > 0 {
		return nil, errors.NewInvalid(tokenRequestKind.GroupKind(), "", errs)
	}
	if validate != nil {
		if err := validate(ctx, req.DeepCopy()); err != nil {
			return nil, err
		}
	}
	bound, err := resolveBinding(ctx, r.Get, namespace, name, req.Spec.BoundObjectRef)
	if err != nil {
		return nil, err
	}
	asked := r.shorten(ctx, req)
	lifetime, warnAfter := r.lifetime(asked, req.Spec.Audiences, bound)
	public, private := newClaims(r.Issuer.name, sa, bound, req.Spec.Audiences, now, lifetime, warnAfter)
	token, err := r.Issuer.sign(public, private)
	if err != nil {
		return nil, errors.NewInternalError(err)
	}
	audit.AddAuditAnnotation(ctx, serviceaccount.IssuedCredentialIDAuditAnnotationKey, credentialID(public.ID))
	// What the client is told never exceeds what the token says, extended or not.
	req.Status = authenticationv1.TokenRequestStatus{Token: token, ExpirationTimestamp: metav1.NewTime(now.Add(asked))}
	return req, nil
}

func (r *TokenREST) time() time.Time {
	if r.now != nil {
		return r.now()
	}
	return time.Now()
}

func (r *TokenREST) setDefaults(req *authenticationv1.TokenRequest, sa *corev1.ServiceAccount, now time.Time) {
	req.Name, req.Namespace = sa.Name, sa.Namespace
	req.CreationTimestamp = metav1.NewTime(now)
	req.Status = authenticationv1.TokenRequestStatus{}
	if len(req.Spec.Audiences) == 0 {
		req.Spec.Audiences = r.Audiences
	}
	if req.Spec.ExpirationSeconds == nil {
		req.Spec.ExpirationSeconds = ptr.To(int64(DefaultLifetime / time.Second))
	}
}

// shorten is the time that is asked for, cut to Max, of which the client is told.
func (r *TokenREST) shorten(ctx context.Context, req *authenticationv1.TokenRequest) time.Duration {
	if most := int64(r.Max / time.Second); most > 0 && *req.Spec.ExpirationSeconds > most {
		warning.AddWarning(ctx, "", fmt.Sprintf("requested expiration of %d seconds shortened to %d seconds", *req.Spec.ExpirationSeconds, most))
		req.Spec.ExpirationSeconds = &most
	}
	return time.Duration(*req.Spec.ExpirationSeconds) * time.Second
}

// lifetime extends the tokens that the kubelet mounts for talking to the API server.
func (r *TokenREST) lifetime(asked time.Duration, audiences []string, b Binding) (lifetime, warnAfter time.Duration) {
	foreign := func(a string) bool { return !slices.Contains(r.Audiences, a) }
	if r.Extend && b.Pod != nil && asked == mountedLifetime && !slices.ContainsFunc(audiences, foreign) {
		return extendedLifetime, asked
	}
	return asked, 0
}

// matchURL: a body may leave name and namespace out, but not contradict the URL.
func matchURL(r *authenticationv1.TokenRequest, namespace, name string) error {
	var errs field.ErrorList
	if r.Name != "" && r.Name != name {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), r.Name, "must match the service account name if specified"))
	}
	if r.Namespace != "" && r.Namespace != namespace {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "namespace"), r.Namespace, "must match the service account namespace if specified"))
	}
	if len(errs) > 0 {
		return errors.NewInvalid(tokenRequestKind.GroupKind(), name, errs)
	}
	return nil
}
