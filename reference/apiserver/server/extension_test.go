package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	"k8s.io/apiserver/pkg/endpoints/request"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/apiserver/pkg/util/compatibility"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregator "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
	"github.com/etalon-dev/etalon/reference/auth/clustertrust"
	"github.com/etalon-dev/etalon/reference/cluster/pki"
)

// Only a front proxy of the allowed name may say who the user is.
func TestFrontProxy(t *testing.T) {
	s := apiservertest.New(t)
	as := func(config *rest.Config, headers http.Header) *rest.Config {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return addHeaders{next, headers} })
		return config
	}
	jane := http.Header{"X-Remote-User": {"jane"}, "X-Remote-Uid": {"42"}, "X-Remote-Group": {"a", "b"}, "X-Remote-Extra-Acme.com%2fproject": {"p"}}
	got, err := whoAmI(t.Context(), as(s.FrontProxy("front-proxy-client"), jane))
	if err != nil {
		t.Fatal(err)
	}
	if got.Username != "jane" || got.UID != "42" || !slices.Equal(got.Groups, []string{"a", "b", "system:authenticated"}) ||
		!slices.Equal(got.Extra["acme.com/project"], []string{"p"}) {
		t.Errorf("behind the front proxy: got %+v, wanted jane of the headers", got)
	}
	if _, err := whoAmI(t.Context(), as(s.FrontProxy("somebody-else"), jane)); !apierrors.IsUnauthorized(err) {
		t.Errorf("a proxy of another name: got %v, wanted Unauthorized", err)
	}
	// The headers are nothing in the hands of a user, who stays what the certificate says.
	got, err = whoAmI(t.Context(), as(s.User("joe"), jane))
	if err != nil || got.Username != "joe" {
		t.Errorf("a user with the headers: got %+v, %v; wanted joe", got, err)
	}
}

// What extension servers know clients by is published, and put right again.
func TestExtensionAuthenticationConfigMap(t *testing.T) {
	s := apiservertest.New(t)
	maps := kubernetes.NewForConfigOrDie(s.Config).CoreV1().ConfigMaps(metav1.NamespaceSystem)
	clientCA, err := os.ReadFile(s.Options().Authentication.ClientCAFile)
	if err != nil {
		t.Fatal(err)
	}
	proxyCA, err := os.ReadFile(s.Options().Authentication.RequestHeader.ClientCAFile)
	if err != nil {
		t.Fatal(err)
	}
	complete := func(ctx context.Context) error {
		got, err := maps.Get(ctx, clustertrust.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		for key, want := range map[string]string{
			"client-ca-file": string(clientCA), "requestheader-client-ca-file": string(proxyCA),
			"requestheader-allowed-names": `["front-proxy-client"]`, "requestheader-username-headers": `["X-Remote-User"]`,
			"requestheader-uid-headers": `["X-Remote-Uid"]`, "requestheader-group-headers": `["X-Remote-Group"]`,
			"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
		} {
			if got.Data[key] != want {
				return fmt.Errorf("%s: got %q, wanted %q", key, got.Data[key], want)
			}
		}
		return nil
	}
	eventually(t, "the ConfigMap is complete", complete)
	if err := maps.Delete(t.Context(), clustertrust.Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the ConfigMap is back", complete)
}

// An extension server made of k8s.io/apiserver's recommended parts knows the user of a request that
// comes through the aggregator, and refuses who claims to be the aggregator.
func TestExtensionServerSeesTheUser(t *testing.T) {
	s := apiservertest.New(t)
	admin := kubernetes.NewForConfigOrDie(s.Config)
	address, ca := startExtension(t, s)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "echo"}, Spec: corev1.ServiceSpec{
		Type: corev1.ServiceTypeExternalName, ExternalName: "localhost", Ports: []corev1.ServicePort{{Port: int32(address.Port)}}}}
	if _, err := admin.CoreV1().Services("default").Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	apiService := &apiregistrationv1.APIService{ObjectMeta: metav1.ObjectMeta{Name: "v1.echo.example.org"}, Spec: apiregistrationv1.APIServiceSpec{
		Group: "echo.example.org", Version: "v1", CABundle: ca, GroupPriorityMinimum: 10, VersionPriority: 10,
		Service: &apiregistrationv1.ServiceReference{Namespace: "default", Name: "echo", Port: ptr.To(int32(address.Port))}}}
	if _, err := aggregator.NewForConfigOrDie(s.Config).ApiregistrationV1().APIServices().Create(t.Context(), apiService, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the APIService is available", func(ctx context.Context) error { return available(ctx, s.Config, apiService.Name) })

	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "echo"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, APIGroups: []string{"echo.example.org"}, Resources: []string{"users"}}}}
	if _, err := admin.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "echo"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "echo"},
		Subjects: []rbacv1.Subject{{Kind: "Group", Name: "curious"}}}
	if _, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "jane is known to the extension server", func(ctx context.Context) error {
		user, err := echo(ctx, s.User("jane", "curious"))
		if err == nil && (user.Username != "jane" || !slices.Contains(user.Groups, "curious")) {
			t.Fatalf("the extension server sees %+v, wanted jane of the group curious", user)
		}
		return err
	})
	if _, err := echo(t.Context(), s.User("joe")); !apierrors.IsForbidden(err) {
		t.Errorf("joe, who may not: got %v, wanted Forbidden", err)
	}
	direct := s.User("front-proxy-client") // the right name, but of the clients' authority
	direct.Host, direct.CAData, direct.ServerName = address.String(), ca, "echo.default.svc"
	direct.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return addHeaders{next, http.Header{"X-Remote-User": {"jane"}, "X-Remote-Group": {"system:masters"}}}
	})
	// The extension server learns of the clients' authority when it has read the ConfigMap, and knows no client before.
	eventually(t, "a false front proxy is front-proxy-client, who is Forbidden", func(ctx context.Context) error {
		user, err := echo(ctx, direct)
		switch {
		case err == nil:
			t.Fatalf("a false front proxy is taken for %+v", user)
		case apierrors.IsForbidden(err):
			return nil
		}
		return err
	})
}

// startExtension runs a server that answers GET /apis/echo.example.org/v1/users/me with the user it sees.
func startExtension(t *testing.T, s *apiservertest.Server) (*net.TCPAddr, []byte) {
	t.Helper()
	dir := t.TempDir()
	authority, err := pki.Open(dir, "extension")
	check(t, err)
	_, err = authority.Keep(dir, "serving", pki.Subject{Name: "echo", DNS: []string{"echo.default.svc"}})
	check(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	api := clientcmdapi.NewConfig()
	api.CurrentContext = "c"
	api.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	api.Clusters["c"] = &clientcmdapi.Cluster{Server: "https://" + s.Config.Host, CertificateAuthorityData: s.Config.CAData}
	api.AuthInfos["u"] = &clientcmdapi.AuthInfo{ClientCertificateData: s.Config.CertData, ClientKeyData: s.Config.KeyData}
	check(t, clientcmd.WriteToFile(*api, kubeconfig))

	cfg := genericapiserver.NewRecommendedConfig(scheme.Codecs)
	cfg.EffectiveVersion = compatibility.DefaultBuildEffectiveVersion()
	cfg.ExternalAddress = listener.Addr().String()
	none := func(common.ReferenceCallback) map[string]common.OpenAPIDefinition { return nil }
	cfg.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(none, openapinamer.NewDefinitionNamer(scheme.Scheme))
	cfg.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(none, openapinamer.NewDefinitionNamer(scheme.Scheme))
	cfg.SkipOpenAPIInstallation = true
	serving := options.NewSecureServingOptions().WithLoopback()
	serving.Listener, serving.BindPort = listener, listener.Addr().(*net.TCPAddr).Port
	serving.ServerCert.CertKey = options.CertKey{CertFile: filepath.Join(dir, "serving.crt"), KeyFile: filepath.Join(dir, "serving.key")}
	check(t, serving.ApplyTo(&cfg.SecureServing, &cfg.LoopbackClientConfig))
	authn, authz := options.NewDelegatingAuthenticationOptions(), options.NewDelegatingAuthorizationOptions()
	authn.RemoteKubeConfigFile, authz.RemoteKubeConfigFile = kubeconfig, kubeconfig
	check(t, authn.ApplyTo(&cfg.Authentication, cfg.SecureServing, cfg.OpenAPIConfig))
	check(t, authz.ApplyTo(&cfg.Authorization))
	server, err := cfg.Config.Complete(nil).New("extension", genericapiserver.NewEmptyDelegate())
	check(t, err)
	server.Handler.NonGoRestfulMux.HandleFunc("/apis/echo.example.org/v1", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"echo.example.org/v1","resources":[]}`)
	})
	server.Handler.NonGoRestfulMux.HandleFunc("/apis/echo.example.org/v1/users/me", func(w http.ResponseWriter, r *http.Request) {
		u, _ := request.UserFrom(r.Context())
		json.NewEncoder(w).Encode(authenticationv1.UserInfo{Username: u.GetName(), Groups: u.GetGroups()}) //nolint:errcheck // a test's client
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- server.PrepareRun().RunWithContext(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("extension server: %v", err)
		}
	})
	return listener.Addr().(*net.TCPAddr), authority.Cert
}

func echo(ctx context.Context, config *rest.Config) (authenticationv1.UserInfo, error) {
	var user authenticationv1.UserInfo
	raw, err := kubernetes.NewForConfigOrDie(config).Discovery().RESTClient().Get().AbsPath("/apis/echo.example.org/v1/users/me").DoRaw(ctx)
	if err != nil {
		return user, err
	}
	return user, json.Unmarshal(raw, &user)
}

func whoAmI(ctx context.Context, config *rest.Config) (authenticationv1.UserInfo, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		return authenticationv1.UserInfo{}, err
	}
	return review.Status.UserInfo, nil
}

// addHeaders sets headers of every request, in their canonical form.
type addHeaders struct {
	next    http.RoundTripper
	headers http.Header
}

func (a addHeaders) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	for name, values := range a.headers {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	return a.next.RoundTrip(r)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
