package csi

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// Tokens gives pods the tokens of their service accounts, and tells when these expire.
type Tokens interface {
	Expiring(ctx context.Context, pod *v1.Pod, t *v1.ServiceAccountTokenProjection) (text string, expires time.Time, err error)
}

// tokensKey is where a driver finds tokens.
const tokensKey = "csi.storage.k8s.io/serviceAccount.tokens"

// secrets returns what the Secret holds, for the driver alone.
func (p *Plugin) secrets(ctx context.Context, ref *v1.SecretReference) (map[string]string, error) {
	if ref == nil {
		return nil, nil
	}
	found, err := p.Client.CoreV1().Secrets(ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for key, value := range found.Data {
		out[key] = string(value)
	}
	return out, nil
}

// withTokens adds the tokens that the driver wants of the pod's service account to the secrets or, as it was before
// these could be had, to the volume's context (api: CSIDriver.spec.tokenRequests).
func (p *Plugin) withTokens(ctx context.Context, r *volumes.Record, secrets, attributes map[string]string) (map[string]string, map[string]string, error) {
	if r.Driver == nil || len(r.Driver.TokenRequests) == 0 || p.Tokens == nil {
		return secrets, attributes, nil
	}
	type token struct {
		Token   string      `json:"token"`
		Expires metav1.Time `json:"expirationTimestamp"`
	}
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.Namespace, Name: r.PodName, UID: r.Pod},
		Spec:       v1.PodSpec{ServiceAccountName: r.ServiceAccount},
	}
	all := map[string]token{}
	for _, t := range r.Driver.TokenRequests {
		text, expires, err := p.Tokens.Expiring(ctx, pod, &v1.ServiceAccountTokenProjection{Audience: t.Audience, ExpirationSeconds: t.ExpirationSeconds})
		if err != nil {
			return nil, nil, fmt.Errorf("audience %q: %w", t.Audience, err)
		}
		all[t.Audience] = token{text, metav1.NewTime(expires)}
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, nil, err
	}
	with := func(m map[string]string) map[string]string {
		if m = maps.Clone(m); m == nil {
			m = map[string]string{}
		}
		m[tokensKey] = string(text)
		return m
	}
	if ptr.Deref(r.Driver.ServiceAccountTokenInSecrets, false) {
		return with(secrets), attributes, nil
	}
	return secrets, with(attributes), nil
}
