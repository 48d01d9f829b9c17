package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/spec"
)

// Registry is one of images, on a node's own 127.0.0.1. Every repository has an image with any tag: the tool, and a file
// /repository that has the repository's name.
type Registry struct {
	// Host is its address as the node sees it, Node where it is.
	Host, Node string
	pod        string
	f          *Framework
}

// Registry starts one. What lies below a path of the logins is for their user alone, "PATH=USER:PASSWORD".
func (f *Framework) Registry(ctx context.Context, logins ...string) *Registry {
	GinkgoHelper()
	args := []string{"registry"}
	for _, login := range logins {
		args = append(args, "--login", login)
	}
	pod := Pod("registry", args...)
	pod.Spec.HostNetwork = true
	f.Create(ctx, pod)
	const says = "registry on "
	log := f.WaitLog(ctx, pod.Name, "main", says)
	_, host, _ := strings.Cut(log, says)
	host, _, _ = strings.Cut(host, "\n")
	f.Get(ctx, pod)
	return &Registry{Host: strings.TrimSpace(host), Node: pod.Spec.NodeName, pod: pod.Name, f: f}
}

// Image names the image of a repository.
func (r *Registry) Image(repository string) string {
	return r.Host + "/" + r.f.Namespace + "/" + repository + ":v1"
}

// Path is what a login has to be for so that it is for the repositories below the path.
func (f *Framework) Path(below string) string { return f.Namespace + "/" + below }

// Pod describes a pod on the registry's node whose image comes from it.
func (r *Registry) Pod(name, repository string, secrets ...string) *corev1.Pod {
	pod := Pod(name, "sleep", "1h")
	pod.Spec.NodeName = r.Node
	pod.Spec.Containers[0].Image = r.Image(repository)
	for _, s := range secrets {
		pod.Spec.ImagePullSecrets = append(pod.Spec.ImagePullSecrets, corev1.LocalObjectReference{Name: s})
	}
	return pod
}

// Asked returns who has asked for the image of a repository so far, one line each.
func (r *Registry) Asked(ctx context.Context, repository string) []string {
	GinkgoHelper()
	var out []string
	for line := range strings.Lines(r.f.Logs(ctx, r.pod, corev1.PodLogOptions{})) {
		if strings.Contains(line, " "+r.f.Namespace+"/"+repository+":") {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}

// Login describes a Secret with a login for whatever the key says: a registry, or a path in it.
func Login(name, key, user, password string) *corev1.Secret {
	text, err := json.Marshal(map[string]any{"auths": map[string]any{key: map[string]string{"username": user, "password": password}}})
	if err != nil {
		Fail(err.Error())
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: name}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: text},
	}
}

// skipWithoutLocalRegistry skips the spec unless the nodes' runtime is one of those that trust a registry on 127.0.0.1.
func (f *Framework) skipWithoutLocalRegistry(ctx context.Context) {
	GinkgoHelper()
	for _, node := range f.Nodes(ctx) {
		runtime := node.Status.NodeInfo.ContainerRuntimeVersion
		if !strings.HasPrefix(runtime, "containerd://") && !strings.HasPrefix(runtime, "docker://") {
			Skip(fmt.Sprintf("needs %s: node %s has %s, which may want TLS of it", spec.LocalRegistry, node.Name, runtime))
		}
	}
}
