package images

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/distribution/reference"
	v1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	kubeletv1 "k8s.io/kubelet/config/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	credentialv1 "k8s.io/kubelet/pkg/apis/credentialprovider/v1"
	"sigs.k8s.io/yaml"
)

// providerTimeout bounds one run of a plugin.
const providerTimeout = time.Minute

// credentialAPI is the group of the messages to and from plugins.
const credentialAPI = "credentialprovider.kubelet.k8s.io/"

// Providers are programs that give credentials for images (docs: tasks/administer-cluster/kubelet-credential-provider).
type Providers struct {
	// Accounts are of the pods for which plugins are asked. They are needed if a plugin wants tokens.
	Accounts Accounts

	dir  string
	list []kubeletv1.CredentialProvider
	now  func() time.Time

	mu    sync.Mutex
	cache map[string]answer
}

// answer is what a plugin said, for as long as it said it holds.
type answer struct {
	logins map[string]login
	until  time.Time
}

// LoadProviders reads a CredentialProviderConfig. The programs are in dir, by the providers' names.
func LoadProviders(file, dir string) (*Providers, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p, err := parseProviders(text, dir)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return p, nil
}

func parseProviders(text []byte, dir string) (*Providers, error) {
	var c kubeletv1.CredentialProviderConfig
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		return nil, err
	}
	if got := c.GroupVersionKind(); got.Group != "kubelet.config.k8s.io" || got.Kind != "CredentialProviderConfig" || !slices.Contains([]string{"v1", "v1beta1", "v1alpha1"}, got.Version) {
		return nil, fmt.Errorf("apiVersion %q, kind %q: want kubelet.config.k8s.io/v1, CredentialProviderConfig", c.APIVersion, c.Kind)
	}
	var problems []error
	names := map[string]bool{}
	for i, p := range c.Providers {
		bad := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("providers[%d]: %s", i, fmt.Sprintf(format, args...)))
		}
		switch {
		case p.Name == "" || p.Name != filepath.Base(p.Name) || p.Name == "." || p.Name == "..":
			bad("name %q is not that of a program", p.Name)
		case names[p.Name]:
			bad("name %q is not unique", p.Name)
		}
		names[p.Name] = true
		if len(p.MatchImages) == 0 {
			bad("matchImages is required")
		}
		if p.DefaultCacheDuration == nil || p.DefaultCacheDuration.Duration < 0 {
			bad("defaultCacheDuration is required, and must not be negative")
		}
		if !slices.Contains([]string{credentialAPI + "v1", credentialAPI + "v1beta1", credentialAPI + "v1alpha1"}, p.APIVersion) {
			bad("apiVersion %q is not supported", p.APIVersion)
		}
		for _, problem := range checkToken(p) {
			bad("tokenAttributes.%s", problem)
		}
	}
	if len(c.Providers) == 0 {
		problems = append(problems, errors.New("at least 1 item in plugins is required"))
	}
	return &Providers{dir: dir, list: c.Providers, now: time.Now, cache: map[string]answer{}}, errors.Join(problems...)
}

// For asks the plugins that are for the image, in their order.
func (p *Providers) For(ctx context.Context, pod *v1.Pod, image reference.Named) []Credential {
	var out []Credential
	for _, provider := range p.list {
		if !slices.ContainsFunc(provider.MatchImages, func(pattern string) bool { return covers(pattern, image) }) {
			continue
		}
		logins, from, err := p.ask(ctx, provider, pod, image)
		if err != nil {
			klog.FromContext(ctx).Error(err, "Cannot get credentials from a plugin", "provider", provider.Name, "image", image.Name())
			continue
		}
		for _, key := range slices.Backward(slices.Sorted(maps.Keys(logins))) {
			if covers(key, image) {
				out = append(out, Credential{Auth: logins[key].config(), Account: from})
			}
		}
	}
	return out
}

// covers tells whether the pattern is for the image: host parts may have *, each for one part; a port and a path must be
// the image's, the path as a beginning of it.
func covers(pattern string, image reference.Named) bool {
	pattern = strings.TrimPrefix(strings.TrimPrefix(pattern, "https://"), "http://")
	host, prefix, _ := strings.Cut(pattern, "/")
	wantHost, wantPort, _ := strings.Cut(host, ":")
	hasHost, hasPort, _ := strings.Cut(reference.Domain(image), ":")
	if wantPort != "" && wantPort != hasPort {
		return false
	}
	want, has := strings.Split(wantHost, "."), strings.Split(hasHost, ".")
	if len(want) != len(has) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], has[i]); err != nil || !ok {
			return false
		}
	}
	return strings.HasPrefix(reference.Path(image), strings.TrimSuffix(prefix, "/"))
}

// ask runs the plugin, unless what it said before still holds. It returns the logins, and the account that they are for if they
// are not the node's.
func (p *Providers) ask(ctx context.Context, provider kubeletv1.CredentialProvider, pod *v1.Pod, named reference.Named) (map[string]login, *kubeletv1beta1.ImagePullServiceAccount, error) {
	who, err := p.identify(ctx, provider.TokenAttributes, pod)
	if err != nil {
		return nil, nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now, image := p.now(), named.Name()
	maps.DeleteFunc(p.cache, func(_ string, a answer) bool { return !now.Before(a.until) })
	for _, key := range []string{image, reference.Domain(named), ""} {
		if a, ok := p.cache[provider.Name+" "+key+" "+who.key]; ok {
			return a.logins, who.account, nil
		}
	}
	said, err := p.run(ctx, provider, image, who)
	if err != nil {
		return nil, nil, err
	}
	var key string
	switch said.CacheKeyType {
	case credentialv1.ImagePluginCacheKeyType:
		key = image
	case credentialv1.RegistryPluginCacheKeyType:
		key = reference.Domain(named)
	case credentialv1.GlobalPluginCacheKeyType:
	default:
		return nil, nil, fmt.Errorf("the plugin answered with the cache key type %q", said.CacheKeyType)
	}
	logins := map[string]login{}
	for registry, auth := range said.Auth {
		logins[registry] = login{Username: auth.Username, Password: auth.Password}
	}
	holds := provider.DefaultCacheDuration
	if said.CacheDuration != nil {
		holds = said.CacheDuration
	}
	if holds.Duration > 0 {
		p.cache[provider.Name+" "+key+" "+who.key] = answer{logins: logins, until: now.Add(holds.Duration)}
	}
	return logins, who.account, nil
}

// run asks the plugin over its standard input and reads its answer from the standard output.
func (p *Providers) run(ctx context.Context, provider kubeletv1.CredentialProvider, image string, who identity) (*credentialv1.CredentialProviderResponse, error) {
	question := credentialv1.CredentialProviderRequest{Image: image, ServiceAccountToken: who.token, ServiceAccountAnnotations: who.annotations}
	question.APIVersion, question.Kind = provider.APIVersion, "CredentialProviderRequest"
	request, err := json.Marshal(question)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, providerTimeout)
	defer cancel()
	var said, complained bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(p.dir, provider.Name), provider.Args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(request), &said, &complained
	// What the plugin leaves behind must not keep the pull waiting.
	cmd.WaitDelay = time.Second
	cmd.Env = os.Environ()
	for _, e := range provider.Env {
		cmd.Env = append(cmd.Env, e.Name+"="+e.Value)
	}
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%w: %s", cmp.Or(ctx.Err(), err), strings.TrimSpace(complained.String()))
	}
	return parseAnswer(said.Bytes(), provider.APIVersion)
}

func parseAnswer(text []byte, version string) (*credentialv1.CredentialProviderResponse, error) {
	answer := &credentialv1.CredentialProviderResponse{}
	if err := json.Unmarshal(text, answer); err != nil {
		return nil, fmt.Errorf("the plugin's answer: %w", err)
	}
	if answer.APIVersion != version || answer.Kind != "CredentialProviderResponse" {
		return nil, fmt.Errorf("the plugin answered with apiVersion %q, kind %q, and was asked in %s", answer.APIVersion, answer.Kind, version)
	}
	return answer, nil
}

// Both tries the credentials of the one, then of the other.
func Both(a, b NodeCredentials) NodeCredentials { return both{a, b} }

type both struct{ first, second NodeCredentials }

func (b both) For(ctx context.Context, pod *v1.Pod, image reference.Named) []Credential {
	return append(b.first.For(ctx, pod, image), b.second.For(ctx, pod, image)...)
}
