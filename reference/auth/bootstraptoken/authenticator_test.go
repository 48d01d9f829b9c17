package bootstraptoken

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func secret(change func(*corev1.Secret)) *corev1.Secret {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "bootstrap-token-abcdef"},
		Type:       corev1.SecretTypeBootstrapToken,
		Data: map[string][]byte{
			"token-id": []byte("abcdef"), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-authentication": []byte("true"),
			"expiration": []byte(now.Add(time.Hour).Format(time.RFC3339)), "auth-extra-groups": []byte("system:bootstrappers:worker,system:bootstrappers:a"),
		},
	}
	if change != nil {
		change(s)
	}
	return s
}

func set(key, value string) func(*corev1.Secret) {
	return func(s *corev1.Secret) { s.Data[key] = []byte(value) }
}

func TestAuthenticateToken(t *testing.T) {
	const token = "abcdef.0123456789abcdef"
	only := []string{"system:bootstrappers"}
	all := []string{"system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:worker"}
	for name, c := range map[string]struct {
		token  string
		secret *corev1.Secret
		groups []string // nil: the token is not known
	}{
		"as it should be":      {token, secret(nil), all},
		"no groups":            {token, secret(set("auth-extra-groups", "")), only},
		"no expiration":        {token, secret(set("expiration", "")), all},
		"another secret":       {"abcdef.ffffffffffffffff", secret(nil), nil},
		"malformed":            {"abcdef0123456789abcdef", secret(nil), nil},
		"capitals":             {"ABCDEF.0123456789abcdef", secret(nil), nil},
		"expired":              {token, secret(set("expiration", now.Format(time.RFC3339))), nil},
		"expires at no time":   {token, secret(set("expiration", "tomorrow")), nil},
		"not for this":         {token, secret(set("usage-bootstrap-authentication", "yes")), nil},
		"another id":           {token, secret(set("token-id", "fedcba")), nil},
		"a group that is more": {token, secret(set("auth-extra-groups", "system:masters")), nil},
		"another type":         {token, secret(func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }), nil},
		"being deleted":        {token, secret(func(s *corev1.Secret) { s.DeletionTimestamp = &metav1.Time{Time: now} }), nil},
	} {
		a := New(func(_ context.Context, namespace, name string) (*corev1.Secret, error) {
			if namespace != c.secret.Namespace || name != c.secret.Name {
				return nil, apierrors.NewNotFound(corev1.Resource("secrets"), name)
			}
			return c.secret, nil
		})
		a.now = func() time.Time { return now }
		resp, ok, err := a.AuthenticateToken(t.Context(), c.token)
		switch {
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case ok != (c.groups != nil):
			t.Errorf("%s: accepted: %v", name, ok)
		case ok && (resp.User.GetName() != "system:bootstrap:abcdef" || !slices.Equal(resp.User.GetGroups(), c.groups)):
			t.Errorf("%s: got %v of %v, wanted the groups %v", name, resp.User.GetName(), resp.User.GetGroups(), c.groups)
		}
	}
}

// A Secret that cannot be read is no reason to call the token unknown.
func TestStorageFails(t *testing.T) {
	a := New(func(context.Context, string, string) (*corev1.Secret, error) { return nil, errors.New("etcd is away") })
	if _, ok, err := a.AuthenticateToken(t.Context(), "abcdef.0123456789abcdef"); ok || err == nil {
		t.Errorf("got %v, %v; wanted an error", ok, err)
	}
}
