package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	kubeletv1 "k8s.io/kubelet/config/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// Accounts are the ServiceAccounts of pods.
type Accounts interface {
	Account(ctx context.Context, namespace, name string) (*v1.ServiceAccount, error)
	// Token returns a token of the pod's account for an audience.
	Token(ctx context.Context, pod *v1.Pod, audience string) (string, error)
}

// identity is for whom a plugin is asked: nobody, or a pod's ServiceAccount (KEP-4412).
type identity struct {
	account     *kubeletv1beta1.ImagePullServiceAccount
	token       string
	annotations map[string]string
	// key tells what is kept for this one apart from what is kept for others.
	key string
}

// identify returns for whom the plugin is asked, or why it is not.
func (p *Providers) identify(ctx context.Context, want *kubeletv1.ServiceAccountTokenAttributes, pod *v1.Pod) (identity, error) {
	if want == nil {
		return identity{}, nil
	}
	name := pod.Spec.ServiceAccountName
	if name == "" {
		if *want.RequireServiceAccount {
			return identity{}, errors.New("the plugin wants a ServiceAccount, and the pod has none")
		}
		return identity{}, nil
	}
	if p.Accounts == nil {
		return identity{}, errors.New("there is nobody to ask for ServiceAccounts")
	}
	account, err := p.Accounts.Account(ctx, pod.Namespace, name)
	if err != nil {
		return identity{}, err
	}
	who := identity{
		account:     &kubeletv1beta1.ImagePullServiceAccount{UID: string(account.UID), Namespace: account.Namespace, Name: account.Name},
		annotations: map[string]string{},
	}
	for _, key := range slices.Concat(want.RequiredServiceAccountAnnotationKeys, want.OptionalServiceAccountAnnotationKeys) {
		value, has := account.Annotations[key]
		if has {
			who.annotations[key] = value
		} else if slices.Contains(want.RequiredServiceAccountAnnotationKeys, key) {
			return identity{}, fmt.Errorf("the ServiceAccount %s/%s lacks the annotation %s, which the plugin wants", account.Namespace, account.Name, key)
		}
	}
	if who.token, err = p.Accounts.Token(ctx, pod, want.ServiceAccountTokenAudience); err != nil {
		return identity{}, err
	}
	who.key = fmt.Sprintf("%q %q", *who.account, who.annotations)
	if want.CacheType == kubeletv1.TokenServiceAccountTokenCacheType {
		who.key += " " + fileName(who.token)
	}
	return who, nil
}

// checkToken returns what is wrong with the provider's tokenAttributes.
func checkToken(p kubeletv1.CredentialProvider) []string {
	t := p.TokenAttributes
	if t == nil {
		return nil
	}
	var out []string
	bad := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if p.APIVersion != credentialAPI+"v1" {
		bad("serviceAccountTokenAudience: only plugins of %sv1 get tokens", credentialAPI)
	}
	if t.ServiceAccountTokenAudience == "" {
		bad("serviceAccountTokenAudience is required")
	}
	if t.CacheType != kubeletv1.TokenServiceAccountTokenCacheType && t.CacheType != kubeletv1.ServiceAccountServiceAccountTokenCacheType {
		bad("cacheType: %q is not supported: want Token or ServiceAccount", t.CacheType)
	}
	if t.RequireServiceAccount == nil {
		bad("requireServiceAccount is required")
	} else if !*t.RequireServiceAccount && len(t.RequiredServiceAccountAnnotationKeys) > 0 {
		bad("requiredServiceAccountAnnotationKeys: must be empty when requireServiceAccount is false")
	}
	seen := sets.New[string]()
	for _, key := range slices.Concat(t.RequiredServiceAccountAnnotationKeys, t.OptionalServiceAccountAnnotationKeys) {
		if problems := validation.IsQualifiedName(strings.ToLower(key)); len(problems) > 0 {
			bad("annotation key %q: %s", key, problems[0])
		}
		if seen.Has(key) {
			bad("annotation key %q: there twice", key)
		}
		seen.Insert(key)
	}
	return out
}
