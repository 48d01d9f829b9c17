package metrics

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// visitor is a pod that asks kubelets directly, with the tokens of ServiceAccounts.
type visitor struct {
	f    *Framework
	base string
}

// visit makes for each of the subresources of nodes a ServiceAccount of that name that may get it, and one called "nobody" that
// may do nothing, and a pod that has the tokens of all.
func visit(ctx context.Context, f *Framework, subresources ...string) *visitor {
	GinkgoHelper()
	tokens := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "tokens"}, StringData: map[string]string{}}
	for _, who := range append(subresources, "nobody") {
		f.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: who}})
		answer, err := f.API.CoreV1().ServiceAccounts(f.Namespace).CreateToken(ctx, who, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred(), "ask for a token of %s", who)
		tokens.StringData[who] = answer.Status.Token
		if who == "nobody" {
			continue
		}
		name := f.Namespace + "-" + who
		f.CreateForCluster(ctx,
			&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}, Rules: []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"nodes/" + who}, Verbs: []string{"get"}}}},
			&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: name},
				RoleRef:  rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
				Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: f.Namespace, Name: who}}})
		// The kubelet remembers a refusal for a while, so it must not be asked too soon.
		f.WaitUntil(ctx, who+" may get nodes/"+who, APITimeout, func(ctx context.Context) (bool, string) {
			review, err := f.WithToken(answer.Status.Token).AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "get", Resource: "nodes", Subresource: who}}},
				metav1.CreateOptions{})
			return err == nil && review.Status.Allowed, fmt.Sprint(review.Status, err)
		})
	}
	pod := Pod("visitor", "sleep", "1h")
	pod.Spec.Volumes = []corev1.Volume{{Name: "tokens", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "tokens"}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "tokens", MountPath: "/tokens"}}
	f.Create(ctx, tokens, pod)
	pod = f.WaitPodReady(ctx, "visitor")
	node := f.Nodes(ctx)[0]
	for _, n := range f.Nodes(ctx) {
		if n.Name == pod.Spec.NodeName {
			node = n
		}
	}
	address := ""
	for _, a := range node.Status.Addresses {
		if a.Type == corev1.NodeInternalIP && address == "" {
			address = a.Address
		}
	}
	Expect(address).NotTo(BeEmpty(), "the node's internal address")
	return &visitor{f, "https://" + net.JoinHostPort(address, strconv.Itoa(int(node.Status.DaemonEndpoints.KubeletEndpoint.Port)))}
}

// get asks the kubelet for a path as one of the ServiceAccounts, as nobody that is known if that is empty, and tells whether it
// was served, or how it was refused.
func (v *visitor) get(ctx context.Context, who, path string) (served bool, refused string) {
	GinkgoHelper()
	command := []string{"/tool", "get", v.base + path, "--timeout", "30s"}
	if who != "" {
		command = append(command, "--bearer", "/tokens/"+who)
	}
	output := v.f.Exec(ctx, "visitor", "main", command...)
	return output.Code == 0, output.Stderr
}

// may checks that the ServiceAccount is served the paths.
func (v *visitor) may(ctx context.Context, who string, paths ...string) {
	GinkgoHelper()
	for _, path := range paths {
		v.f.WaitUntil(ctx, "one who may get nodes/"+who+" is served "+path, APITimeout, func(ctx context.Context) (bool, string) {
			return v.get(ctx, who, path)
		})
	}
}

// mayNot checks that the ServiceAccount is refused the paths.
func (v *visitor) mayNot(ctx context.Context, who string, paths ...string) {
	GinkgoHelper()
	for _, path := range paths {
		served, refused := v.get(ctx, who, path)
		Expect(served).To(BeFalse(), "%s was served %s", who, path)
		Expect(refused).To(ContainSubstring("403"), "%s asks for %s", who, path)
	}
}

var _ = Describe("access to the kubelet", func() {
	f := New()

	f.It("metrics/kubelet-authorization", func(ctx SpecContext) {
		v := visit(ctx, f, "stats", "metrics", "proxy")
		v.may(ctx, "stats", "/stats/summary")
		v.may(ctx, "metrics", "/metrics", "/metrics/resource", "/metrics/cadvisor", "/metrics/probes")
		v.may(ctx, "proxy", "/pods", "/runningpods/", "/healthz", "/configz")
		v.mayNot(ctx, "stats", "/metrics", "/pods", "/healthz", "/configz", "/logs/")
		v.mayNot(ctx, "metrics", "/stats/summary", "/pods", "/healthz", "/configz", "/logs/")
		v.mayNot(ctx, "proxy", "/stats/summary", "/metrics", "/metrics/resource", "/logs/")
		v.mayNot(ctx, "nobody", "/stats/summary", "/metrics", "/pods", "/healthz", "/configz", "/logs/")
		served, refused := v.get(ctx, "", "/pods")
		Expect(served).To(BeFalse(), "one without a token was served")
		Expect(strings.Contains(refused, "401") || strings.Contains(refused, "403")).To(BeTrue(), refused)
	})

	f.It("metrics/kubelet-fine-grained", func(ctx SpecContext) {
		paths := map[string][]string{
			"pods": {"/pods", "/runningpods/"}, "healthz": {"/healthz", "/healthz/ping", "/healthz/log", "/healthz/syncloop"}, "configz": {"/configz"},
		}
		v := visit(ctx, f, "pods", "healthz", "configz", "proxy")
		for who := range paths {
			for what, some := range paths {
				if who == what {
					v.may(ctx, who, some...)
					v.may(ctx, "proxy", some...)
				} else {
					v.mayNot(ctx, who, some...)
				}
			}
			v.mayNot(ctx, who, "/metrics", "/stats/summary")
		}
	})
})
