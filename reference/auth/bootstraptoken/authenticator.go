// Package bootstraptoken lets new nodes in that know a token of the Secrets of the type
// bootstrap.kubernetes.io/token in kube-system.
//
// https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
package bootstraptoken

import (
	"context"
	"crypto/subtle"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/klog/v2"
)

// The keys of such a Secret, and the names that its token stands for.
const (
	SecretPrefix = "bootstrap-token-"

	KeyID         = "token-id"
	KeySecret     = "token-secret"
	KeyExpiration = "expiration"
	KeyUsage      = "usage-bootstrap-authentication"
	KeyGroups     = "auth-extra-groups"

	UserPrefix = "system:bootstrap:"
	Group      = "system:bootstrappers"
)

var (
	tokenFormat = regexp.MustCompile(`^([a-z0-9]{6})\.([a-z0-9]{16})$`)
	groupFormat = regexp.MustCompile(`^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$`)
)

// Authenticator accepts bootstrap tokens.
type Authenticator struct {
	get func(ctx context.Context, namespace, name string) (*corev1.Secret, error)
	now func() time.Time
}

var _ authenticator.Token = &Authenticator{}

// New returns an authenticator that reads Secrets with get.
func New(get func(ctx context.Context, namespace, name string) (*corev1.Secret, error)) *Authenticator {
	return &Authenticator{get: get, now: time.Now}
}

// AuthenticateToken says nothing (nil, false, nil) to tokens that it does not know, so that another
// may: the format is not ours alone.
func (a *Authenticator) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	parts := tokenFormat.FindStringSubmatch(token)
	if parts == nil {
		return nil, false, nil
	}
	id, secret := parts[1], parts[2]
	s, err := a.get(ctx, metav1.NamespaceSystem, SecretPrefix+id)
	if apierrors.IsNotFound(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	if why := unusable(s, id, secret, a.now()); why != "" {
		klog.FromContext(ctx).V(3).Info("A bootstrap token is refused", "secret", klog.KObj(s), "reason", why)
		return nil, false, nil
	}
	groups, err := groupsOf(s)
	if err != nil {
		klog.FromContext(ctx).V(3).Info("A bootstrap token is refused", "secret", klog.KObj(s), "reason", err)
		return nil, false, nil
	}
	return &authenticator.Response{User: &user.DefaultInfo{Name: UserPrefix + id, Groups: groups}}, true, nil
}

// unusable says why a Secret does not stand behind the token, or nothing if it does.
func unusable(s *corev1.Secret, id, secret string, now time.Time) string {
	value := func(key string) string { return string(s.Data[key]) }
	switch {
	case s.DeletionTimestamp != nil:
		return "the secret is being deleted"
	case s.Type != corev1.SecretTypeBootstrapToken:
		return "the secret has another type"
	case subtle.ConstantTimeCompare(s.Data[KeySecret], []byte(secret)) != 1:
		return "the token-secret is another"
	case value(KeyID) != id:
		return "the token-id is another"
	case value(KeyUsage) != "true":
		return "it is not for authentication"
	}
	if at := value(KeyExpiration); at != "" {
		expires, err := time.Parse(time.RFC3339, at)
		if err != nil {
			return "the expiration is not a time"
		}
		if !now.Before(expires) {
			return "it has expired"
		}
	}
	return ""
}

// groupsOf are the groups of the token's user, sorted. A group outside of system:bootstrappers: makes
// the token useless: it must not give what nodes joining the cluster do not need.
func groupsOf(s *corev1.Secret) ([]string, error) {
	groups := map[string]bool{Group: true}
	if extra := string(s.Data[KeyGroups]); extra != "" {
		for group := range strings.SplitSeq(extra, ",") {
			if !groupFormat.MatchString(group) {
				return nil, fmt.Errorf("bootstrap group %q is invalid (must match %s)", group, groupFormat)
			}
			groups[group] = true
		}
	}
	return slices.Sorted(maps.Keys(groups)), nil
}
