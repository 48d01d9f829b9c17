package serviceaccount

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/utils/ptr"
)

const (
	issuerName = "https://kubernetes.default.svc.cluster.local"
	namespace  = "blue"
)

// world is a namespace with a ServiceAccount robot, its pod on node-1, and a secret; the clock
// stands still until a test moves it.
type world struct {
	now     time.Time
	account *corev1.ServiceAccount
	pod     *corev1.Pod
	secret  *corev1.Secret
	node    *corev1.Node
	rest    *TokenREST
	auth    *Authenticator
}

func meta(name, uid string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: namespace, UID: types.UID(uid)}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{
		now:     time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC),
		account: &corev1.ServiceAccount{ObjectMeta: meta("robot", "u-robot")},
		pod: &corev1.Pod{ObjectMeta: meta("pod", "u-pod"),
			Spec: corev1.PodSpec{ServiceAccountName: "robot", NodeName: "node-1"}},
		secret: &corev1.Secret{ObjectMeta: meta("secret", "u-secret")},
		node:   &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "node-1", UID: "u-node"}},
	}
	get := Getters{
		ServiceAccount: func(_ context.Context, ns, name string) (*corev1.ServiceAccount, error) {
			return found("serviceaccounts", ns, name, w.account)
		},
		Pod: func(_ context.Context, ns, name string) (*corev1.Pod, error) { return found("pods", ns, name, w.pod) },
		Secret: func(_ context.Context, ns, name string) (*corev1.Secret, error) {
			return found("secrets", ns, name, w.secret)
		},
		Node: func(_ context.Context, name string) (*corev1.Node, error) { return found("nodes", "", name, w.node) },
	}
	key := newKey(t)
	issuer, err := NewIssuer(issuerName, key)
	if err != nil {
		t.Fatal(err)
	}
	w.rest = &TokenREST{Extend: true, Issuer: issuer, Audiences: []string{issuerName}, Get: get, now: func() time.Time { return w.now }}
	if w.auth, err = NewAuthenticator([]string{issuerName}, []crypto.PublicKey{key.Public()}, []string{issuerName}, get); err != nil {
		t.Fatal(err)
	}
	w.auth.validator.now = func() time.Time { return w.now }
	return w
}

func found[T metav1.Object](resource, ns, name string, o T) (T, error) {
	if any(o) == any(*new(T)) || o.GetName() != name || o.GetNamespace() != ns {
		return *new(T), errors.NewNotFound(schema.GroupResource{Resource: resource}, name)
	}
	return o, nil
}

func (w *world) request(spec authenticationv1.TokenRequestSpec) (*authenticationv1.TokenRequest, error) {
	ctx := request.WithNamespace(context.Background(), namespace)
	o, err := w.rest.Create(ctx, "robot", &authenticationv1.TokenRequest{Spec: spec}, nil, &metav1.CreateOptions{})
	if err != nil {
		return nil, err
	}
	return o.(*authenticationv1.TokenRequest), nil
}

func (w *world) token(t testing.TB, spec authenticationv1.TokenRequestSpec) string {
	t.Helper()
	r, err := w.request(spec)
	if err != nil {
		t.Fatal(err)
	}
	return r.Status.Token
}

func bindTo(kind, name, uid string) *authenticationv1.BoundObjectReference {
	return &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: kind, Name: name, UID: types.UID(uid)}
}

func seconds(d time.Duration) *int64 { return ptr.To(int64(d / time.Second)) }
