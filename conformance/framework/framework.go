package framework

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/etalon-dev/etalon/spec"
)

// Framework is what a spec works with. Its fields are set while a spec runs.
type Framework struct {
	// Namespace is the spec's own; it is deleted with everything in it afterwards.
	Namespace string
	// Config and API reach the cluster as the user of the kubeconfig, who must be an administrator.
	Config *rest.Config
	API    kubernetes.Interface

	rest     map[string]*rest.RESTClient
	standIns int // nodes made for the spec
}

// New prepares a Framework for the specs of the container it is called in.
func New() *Framework {
	f := &Framework{}
	JustAfterEach(f.explainFailure)
	return f
}

// start connects to the cluster, checks the behaviour's needs and makes the spec's namespace.
func (f *Framework) start(ctx SpecContext, b spec.Behaviour) {
	GinkgoHelper()
	config, err := clientcmd.BuildConfigFromFlags("", settings.Kubeconfig)
	f.must(err, "read the kubeconfig %s", settings.Kubeconfig)
	config.QPS, config.Burst = 100, 200
	config.UserAgent = "etalon-conformance/" + b.ID
	config.WarningHandler = rest.NoWarnings{}
	api, err := kubernetes.NewForConfig(config)
	f.must(err, "make a client")
	*f = Framework{Config: config, API: api, rest: map[string]*rest.RESTClient{}}
	f.skipUnless(ctx, b.Needs)
	f.Namespace = f.NewNamespace(ctx, b.Area()).Name
}

// NewNamespace makes another namespace for the spec, ready for pods, removed afterwards.
func (f *Framework) NewNamespace(ctx context.Context, hint string) *corev1.Namespace {
	GinkgoHelper()
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "etalon-" + hint + "-",
		Labels: map[string]string{
			RunLabel:                             settings.Run,
			"pod-security.kubernetes.io/enforce": "privileged",
		},
		Annotations: map[string]string{BehaviourAnnotation: CurrentSpecReport().LeafNodeText},
	}}
	f.Create(ctx, ns)
	DeferCleanup(func(ctx SpecContext) { f.removeNamespace(ctx, ns.Name) }, NodeTimeout(scaled(CleanUpTimeout)))
	f.waitNamespaceReady(ctx, ns.Name)
	return ns
}

// removeNamespace asks for the deletion and does not wait for it: the run does, at its end.
func (f *Framework) removeNamespace(ctx context.Context, name string) {
	GinkgoHelper()
	err := f.API.CoreV1().Namespaces().Delete(ctx, name, metav1.DeleteOptions{})
	if !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		f.must(err, "delete the namespace %s", name)
	}
}

// waitNamespaceReady waits for what every pod of a namespace needs: its default
// ServiceAccount and the cluster's root certificate, which controllers put there.
func (f *Framework) waitNamespaceReady(ctx context.Context, namespace string) {
	GinkgoHelper()
	f.WaitUntil(ctx, "the namespace "+namespace+" has its default ServiceAccount and the ConfigMap kube-root-ca.crt",
		NamespaceTimeout, func(ctx context.Context) (bool, string) {
			if _, err := f.API.CoreV1().ServiceAccounts(namespace).Get(ctx, "default", metav1.GetOptions{}); err != nil {
				return false, err.Error()
			}
			if _, err := f.API.CoreV1().ConfigMaps(namespace).Get(ctx, "kube-root-ca.crt", metav1.GetOptions{}); err != nil {
				return false, err.Error()
			}
			return true, "both are there"
		})
}

// As returns a client that acts as another user, by impersonation.
func (f *Framework) As(user string, groups ...string) kubernetes.Interface {
	GinkgoHelper()
	config := rest.CopyConfig(f.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	api, err := kubernetes.NewForConfig(config)
	f.must(err, "make a client for %s", user)
	return api
}

// WithToken returns a client that presents only the given bearer token.
func (f *Framework) WithToken(token string) kubernetes.Interface {
	GinkgoHelper()
	config := rest.AnonymousClientConfig(f.Config)
	config.BearerToken = token
	api, err := kubernetes.NewForConfig(config)
	f.must(err, "make a client with a token")
	return api
}

// must fails the spec when err is not nil, saying what was being done.
func (f *Framework) must(err error, format string, args ...any) {
	GinkgoHelper()
	if err != nil {
		Fail(fmt.Sprintf("could not %s: %v", fmt.Sprintf(format, args...), err))
	}
}
