package images

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/events"
)

// login is one entry of a docker configuration file.
type login struct {
	Username      string `json:"username"`
	Password      string `json:"password"`
	Auth          string `json:"auth"`
	IdentityToken string `json:"identitytoken"`
}

// fetch pulls with each of the credentials that fit until one works, or with none.
func (p *Puller) fetch(ctx context.Context, pod *v1.Pod, spec *criv1.ImageSpec, sandbox *criv1.PodSandboxConfig) error {
	fitting := p.credentials(ctx, pod, spec.Image)
	if len(fitting) == 0 {
		_, err := p.service.PullImage(ctx, spec, nil, sandbox)
		return err
	}
	var last error
	for _, auth := range fitting {
		if _, last = p.service.PullImage(ctx, spec, auth, sandbox); last == nil {
			return nil
		}
	}
	return last
}

// credentials returns those for the image's registry: of the pod's imagePullSecrets, then the node's.
func (p *Puller) credentials(ctx context.Context, pod *v1.Pod, image string) []*criv1.AuthConfig {
	var out []*criv1.AuthConfig
	var missing []string
	for _, ref := range pod.Spec.ImagePullSecrets {
		secret, err := p.secrets.Secret(ctx, pod.Namespace, ref.Name)
		if err != nil {
			missing = append(missing, ref.Name)
			continue
		}
		out = append(out, matching(logins(secret), image)...)
	}
	if p.node != nil {
		out = append(out, p.node.For(ctx, image)...)
	}
	p.complain(pod, missing)
	return out
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

// matching returns the logins whose key covers the image, the most specific first: its registry, or a path in it; a
// host may have * for a part.
func matching(all map[string]login, image string) []*criv1.AuthConfig {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return nil
	}
	host, repository := reference.Domain(named), reference.Path(named)
	var out []*criv1.AuthConfig
	// The longer of two keys that begin alike is tried first.
	for _, key := range slices.Backward(slices.Sorted(maps.Keys(all))) {
		l := all[key]
		key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
		keyHost, keyPath, _ := strings.Cut(key, "/")
		if keyHost == "index.docker.io" {
			keyHost = "docker.io"
		}
		keyPath = strings.Trim(keyPath, "/")
		if keyPath == "v1" || keyPath == "v2" {
			keyPath = ""
		}
		if ok, err := path.Match(keyHost, host); err != nil || !ok {
			continue
		}
		if keyPath != "" && repository != keyPath && !strings.HasPrefix(repository, keyPath+"/") {
			continue
		}
		out = append(out, l.config(host))
	}
	return out
}

func (l login) config(host string) *criv1.AuthConfig {
	a := &criv1.AuthConfig{Username: l.Username, Password: l.Password, IdentityToken: l.IdentityToken, ServerAddress: host}
	if plain, err := base64.StdEncoding.DecodeString(l.Auth); err == nil && l.Auth != "" {
		if user, password, ok := strings.Cut(string(plain), ":"); ok {
			a.Username, a.Password = user, strings.TrimRight(password, "\x00")
		}
	}
	return a
}

// String keeps passwords out of logs.
func (l login) String() string { return fmt.Sprintf("login of %s", l.Username) }
