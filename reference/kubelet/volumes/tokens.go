package volumes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	authv1 "k8s.io/api/authentication/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/objects"
)

// Tokens gives pods the tokens of their service accounts.
type Tokens interface {
	// Token returns a token that is good for a good while yet.
	Token(ctx context.Context, pod *v1.Pod, t *v1.ServiceAccountTokenProjection) (string, error)
}

// maxTokenAge is when a token is replaced at the latest, however long it is valid.
const maxTokenAge = 24 * time.Hour

// TokenCache requests tokens from the API server, each bound to its pod, and keeps them until
// four fifths of their life are over.
type TokenCache struct {
	client kubernetes.Interface
	now    func() time.Time

	mu     sync.Mutex
	tokens map[tokenKey]token
}

type tokenKey struct {
	pod      types.UID
	audience string
	seconds  int64
}

type token struct {
	text           string
	renew, expires time.Time
}

// NewTokenCache returns an empty cache.
func NewTokenCache(client kubernetes.Interface) *TokenCache {
	return &TokenCache{client: client, now: time.Now, tokens: map[tokenKey]token{}}
}

// Token implements Tokens.
func (c *TokenCache) Token(ctx context.Context, pod *v1.Pod, t *v1.ServiceAccountTokenProjection) (string, error) {
	text, _, err := c.Expiring(ctx, pod, t)
	return text, err
}

// Expiring is Token, and tells when the token expires.
func (c *TokenCache) Expiring(ctx context.Context, pod *v1.Pod, t *v1.ServiceAccountTokenProjection) (text string, expires time.Time, err error) {
	key := tokenKey{pod.UID, t.Audience, ptr.Deref(t.ExpirationSeconds, 3600)}
	c.mu.Lock()
	have, ok := c.tokens[key]
	c.mu.Unlock()
	if ok && c.now().Before(have.renew) {
		return have.text, have.expires, nil
	}
	request := &authv1.TokenRequest{Spec: authv1.TokenRequestSpec{
		ExpirationSeconds: ptr.To(key.seconds),
		BoundObjectRef:    &authv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID},
	}}
	if t.Audience != "" {
		request.Spec.Audiences = []string{t.Audience}
	}
	account := pod.Spec.ServiceAccountName
	got, err := objects.Patiently(ctx, func() (*authv1.TokenRequest, error) {
		return c.client.CoreV1().ServiceAccounts(pod.Namespace).CreateToken(ctx, account, request, metav1.CreateOptions{})
	})
	if err != nil {
		if ok {
			// The old one may be good yet: better than none while the API server is away.
			return have.text, have.expires, nil
		}
		return "", time.Time{}, fmt.Errorf("failed to fetch token: %w", err)
	}
	issued := c.now()
	life := got.Status.ExpirationTimestamp.Sub(issued)
	renew := issued.Add(min(life*4/5, maxTokenAge))
	c.mu.Lock()
	c.tokens[key] = token{got.Status.Token, renew, got.Status.ExpirationTimestamp.Time}
	c.mu.Unlock()
	return got.Status.Token, got.Status.ExpirationTimestamp.Time, nil
}

// Forget drops the tokens of a pod that is gone.
func (c *TokenCache) Forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.tokens {
		if key.pod == uid {
			delete(c.tokens, key)
		}
	}
}

// escape is a plugin's name as upstream writes it in directory names.
func escape(plugin string) string { return strings.ReplaceAll(plugin, "/", "~") }

// has tells whether the container mounts at path itself.
func has(c *v1.Container, path string) bool {
	return slices.ContainsFunc(c.VolumeMounts, func(m v1.VolumeMount) bool { return m.MountPath == path })
}
