package images

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/distribution/reference"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// maxLearned bounds how many credentials of an image are noted because they are like those that it was pulled with, so that
// namespaces that come and go do not fill the disk (KEP-2535).
const maxLearned = 100

// Credential is one with which an image may be pulled.
type Credential struct {
	Auth *criv1.AuthConfig
	// Secret or Account is what it is from; without either it is the node's, for all its pods.
	Secret  *kubeletv1beta1.ImagePullSecret
	Account *kubeletv1beta1.ImagePullServiceAccount
}

// hash identifies what the registry is told, whatever Secret it is from.
func hash(a *criv1.AuthConfig) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", a.Username, a.Password, a.IdentityToken))
	return hex.EncodeToString(sum[:])
}

// Verification says for which images that are on the node a pod has to show a credential that they can be pulled with
// (KEP-2535; docs: concepts/containers/images#ensureimagepullcredentialverification).
type Verification struct {
	Policy kubeletv1beta1.ImagePullCredentialsVerificationPolicy
	// Allowlist names images, without tag or digest, that NeverVerifyAllowlistedImages lets everyone use who came without
	// this agent; one that ends in /* stands for all below it.
	Allowlist []string
}

// required tells whether a pod has to show a credential; ours means that this agent has pulled the image, or has tried to.
func (v Verification) required(repository string, ours bool) bool {
	switch v.Policy {
	case kubeletv1beta1.NeverVerify:
		return false
	case kubeletv1beta1.NeverVerifyAllowlistedImages:
		return ours || !slices.ContainsFunc(v.Allowlist, func(pattern string) bool { return allows(pattern, repository) })
	case kubeletv1beta1.AlwaysVerify:
		return true
	}
	return ours
}

func allows(pattern, repository string) bool {
	if below, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(repository, below)
	}
	return pattern == repository
}

// CheckAllowed returns what is wrong with an entry of an allowlist.
func CheckAllowed(pattern string) error {
	name := strings.TrimSuffix(pattern, "/*")
	if name == "" || strings.Contains(name, "*") {
		return fmt.Errorf("%q: * may only stand at the end, for all after a /", pattern)
	}
	if name != pattern && !strings.Contains(name, "/") {
		return nil // a registry
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return fmt.Errorf("%q: %w", pattern, err)
	}
	if !reference.IsNameOnly(named) {
		return fmt.Errorf("%q: must have no tag and no digest", pattern)
	}
	if named.Name() != name {
		return fmt.Errorf("%q: must be the full name %q", pattern, named.Name())
	}
	return nil
}

// admits tells whether one of the credentials is such that the image was pulled with it under the name before. If it is
// known only by what it says or only by where it is from, that is returned to be noted too.
func admits(record *kubeletv1beta1.ImagePulledRecord, repository string, shown []Credential) (ok bool, learned *Credential) {
	if record == nil {
		return false, nil
	}
	known := record.CredentialMapping[repository]
	if known.NodePodsAccessible {
		return true, nil
	}
	for i, c := range shown {
		switch {
		case c.Account != nil && slices.Contains(known.KubernetesServiceAccounts, *c.Account):
			return true, nil
		case c.Secret != nil:
			for _, s := range known.KubernetesSecrets {
				same, sameSecret := s.CredentialHash == c.Secret.CredentialHash, origin(s) == origin(*c.Secret)
				if !same && !sameSecret {
					continue
				}
				if same && sameSecret || len(known.KubernetesSecrets) >= maxLearned {
					return true, nil
				}
				return true, &shown[i]
			}
		}
	}
	return false, nil
}

// origin is the Secret without what it says.
func origin(s kubeletv1beta1.ImagePullSecret) kubeletv1beta1.ImagePullSecret {
	s.CredentialHash = ""
	return s
}

// pulled returns the record with the credential noted, with which the image was pulled under the name; nil stands for none. What
// everyone on the node may use stays so.
func pulled(record *kubeletv1beta1.ImagePulledRecord, id, repository string, with *Credential, now time.Time) *kubeletv1beta1.ImagePulledRecord {
	out := &kubeletv1beta1.ImagePulledRecord{ImageRef: id, LastUpdatedTime: metav1.NewTime(now), CredentialMapping: map[string]kubeletv1beta1.ImagePullCredentials{}}
	out.SetGroupVersionKind(kubeletv1beta1.SchemeGroupVersion.WithKind("ImagePulledRecord"))
	if record != nil {
		out.CredentialMapping = maps.Clone(record.CredentialMapping)
	}
	if out.CredentialMapping == nil {
		out.CredentialMapping = map[string]kubeletv1beta1.ImagePullCredentials{}
	}
	known := out.CredentialMapping[repository]
	switch {
	case known.NodePodsAccessible:
	case with != nil && with.Secret != nil:
		list := slices.DeleteFunc(slices.Clone(known.KubernetesSecrets), func(s kubeletv1beta1.ImagePullSecret) bool { return origin(s) == origin(*with.Secret) })
		known.KubernetesSecrets = append(list, *with.Secret)
		slices.SortFunc(known.KubernetesSecrets, func(a, b kubeletv1beta1.ImagePullSecret) int {
			return cmp.Or(cmp.Compare(a.UID, b.UID), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
		})
	case with != nil && with.Account != nil:
		if !slices.Contains(known.KubernetesServiceAccounts, *with.Account) {
			known.KubernetesServiceAccounts = append(slices.Clone(known.KubernetesServiceAccounts), *with.Account)
		}
	default:
		known = kubeletv1beta1.ImagePullCredentials{NodePodsAccessible: true}
	}
	out.CredentialMapping[repository] = known
	return out
}

// repository is the image's full name without tag and digest.
func repository(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return image
	}
	return named.Name()
}
