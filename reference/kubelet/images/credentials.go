package images

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/events"
)

// login is one entry of a docker configuration file.
type login struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
}

// fetch pulls with each of the credentials that fit until one works, or with none. It returns the one that did.
func (p *Puller) fetch(ctx context.Context, pod *v1.Pod, spec *criv1.ImageSpec, sandbox *criv1.PodSandboxConfig) (*Credential, error) {
	fitting, missing := p.credentials(ctx, pod, spec.Image)
	p.complain(pod, missing)
	if len(fitting) == 0 {
		_, err := p.service.PullImage(ctx, spec, nil, sandbox)
		return nil, err
	}
	var failures []error
	for i := range fitting {
		_, err := p.service.PullImage(ctx, spec, fitting[i].Auth, sandbox)
		if err == nil {
			return &fitting[i], nil
		}
		failures = append(failures, err)
	}
	if len(failures) == 1 {
		return nil, failures[0]
	}
	return nil, utilerrors.NewAggregate(failures)
}

// credentials returns those for the image: of the pod's imagePullSecrets, then the node's; and which of the Secrets are not there.
func (p *Puller) credentials(ctx context.Context, pod *v1.Pod, image string) (out []Credential, missing []string) {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return nil, nil
	}
	var all []entry
	for _, ref := range pod.Spec.ImagePullSecrets {
		secret, err := p.secrets.Secret(ctx, pod.Namespace, ref.Name)
		if err != nil {
			missing = append(missing, ref.Name)
			continue
		}
		all = append(all, entries(logins(secret), secret)...)
	}
	out = matching(all, named)
	if p.node != nil {
		out = append(out, p.node.For(ctx, pod, named)...)
	}
	return out, missing
}

// missing says so if Secrets that the pod names are not there, although nothing is to be pulled.
func (p *Puller) missing(ctx context.Context, pod *v1.Pod) {
	var missing []string
	for _, ref := range pod.Spec.ImagePullSecrets {
		if _, err := p.secrets.Secret(ctx, pod.Namespace, ref.Name); err != nil {
			missing = append(missing, ref.Name)
		}
	}
	p.complain(pod, missing)
}

func (p *Puller) complain(pod *v1.Pod, missing []string) {
	if len(missing) > 0 {
		p.recorder.Eventf(events.Pod(pod), v1.EventTypeWarning, "FailedToRetrieveImagePullSecret",
			"Unable to retrieve some image pull secrets (%s); attempting to pull the image may not succeed.", strings.Join(missing, ", "))
	}
}

// logins reads either kind of Secret with docker credentials, by registry.
func logins(secret *v1.Secret) map[string]login {
	out := map[string]login{}
	switch secret.Type {
	case v1.SecretTypeDockerConfigJson:
		var file struct {
			Auths map[string]login `json:"auths"`
		}
		if json.Unmarshal(secret.Data[v1.DockerConfigJsonKey], &file) == nil {
			return file.Auths
		}
	case v1.SecretTypeDockercfg:
		json.Unmarshal(secret.Data[v1.DockerConfigKey], &out)
	}
	return out
}

// entry is a login with the images that it is for, and the Secret that it is from, if any.
type entry struct {
	key    string
	login  login
	secret *v1.Secret
}

func entries(all map[string]login, from *v1.Secret) []entry {
	out := make([]entry, 0, len(all))
	for key, l := range all {
		out = append(out, entry{key, l, from})
	}
	return out
}

// matching returns the logins whose key covers the image, the most specific first: its registry, or a path in it; a host's parts
// may have *. Of those with the same key the Secret that the pod names first goes first.
func matching(all []entry, image reference.Named) []Credential {
	for i := range all {
		all[i].key = plain(all[i].key)
	}
	// The longer of two keys that begin alike is tried first.
	slices.SortStableFunc(all, func(a, b entry) int { return strings.Compare(b.key, a.key) })
	var out []Credential
	for _, e := range all {
		if !covers(e.key, image) {
			continue
		}
		c := Credential{Auth: e.login.config()}
		if e.secret != nil {
			c.Secret = &kubeletv1beta1.ImagePullSecret{
				UID: string(e.secret.UID), Namespace: e.secret.Namespace, Name: e.secret.Name, CredentialHash: hash(c.Auth),
			}
		}
		out = append(out, c)
	}
	return out
}

// plain is a key of a docker configuration without its scheme and the version of the registry's API.
func plain(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, path, _ := strings.Cut(key, "/")
	if host == "index.docker.io" {
		host = "docker.io"
	}
	for _, version := range []string{"v1", "v2"} {
		if rest, ok := strings.CutPrefix(path, version); ok && (rest == "" || rest[0] == '/') {
			path = strings.TrimPrefix(rest, "/")
			break
		}
	}
	if path = strings.TrimSuffix(path, "/"); path == "" {
		return host
	}
	return host + "/" + path
}

// config has no ServerAddress: runtimes compare that with the URL of the host that they ask, which may be a mirror's.
func (l login) config() *criv1.AuthConfig {
	a := &criv1.AuthConfig{Username: l.Username, Password: l.Password, IdentityToken: l.IdentityToken}
	// With or without the padding.
	if plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(l.Auth, "=")); err == nil && l.Auth != "" {
		if user, password, ok := strings.Cut(string(plain), ":"); ok {
			a.Username, a.Password = user, strings.TrimRight(password, "\x00")
		}
	}
	return a
}

// String keeps passwords out of logs.
func (l login) String() string { return fmt.Sprintf("login of %s", l.Username) }
