// Package apiservertest runs an API server with its etcd inside a test.
package apiservertest

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server/options"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/server"
	"github.com/etalon-dev/etalon/reference/cluster/pki"
)

const (
	readyTimeout = 5 * time.Minute
	readyPoll    = 20 * time.Millisecond

	frontProxyName = "front-proxy-client"
)

// Server is an API server that a test started.
type Server struct {
	// Config is that of an administrator, a member of system:masters.
	Config *rest.Config

	t          testing.TB
	options    server.Options
	pki        *pki.Authority
	frontProxy *pki.Authority
	stop       func()
	running    *server.Server
}

// Start starts an API server and returns the configuration of an administrator. Server and data
// are gone when the test ends.
func Start(t testing.TB) *rest.Config {
	t.Helper()
	return New(t).Config
}

// New is Start for a test that wants more than the administrator: other users, a restart, or
// other options than the default ones, which change may set.
func New(t testing.TB, change ...func(*server.Options)) *Server {
	t.Helper()
	dir := t.TempDir()
	authority, err := pki.Open(dir, "etalon-test")
	check(t, err)
	_, err = authority.Keep(dir, "apiserver", pki.Subject{
		Name: "kube-apiserver",
		DNS:  []string{"localhost", "kubernetes.default.svc"},
		IPs:  []netip.Addr{netip.MustParseAddr("127.0.0.1")},
	})
	check(t, err)
	check(t, pki.KeepKey(filepath.Join(dir, "sa.key")))
	_, err = pki.KeepTokens(filepath.Join(dir, "tokens.csv"), "etalon-test")
	check(t, err)

	o := server.DefaultOptions()
	o.Listen = []string{"127.0.0.1:0"}
	o.AdvertiseAddress = "192.0.2.1" // of the documentation range: no pod will ask
	o.EtcdDir = filepath.Join(dir, "etcd")
	o.Fsync = false
	o.CertFile, o.KeyFile = filepath.Join(dir, "apiserver.crt"), filepath.Join(dir, "apiserver.key")
	o.Authentication.ClientCAFile = filepath.Join(dir, "ca.crt")
	o.Authentication.ServiceAccounts.KeyFiles = []string{filepath.Join(dir, "sa.key")}
	o.Authentication.TokenAuthFile = filepath.Join(dir, "tokens.csv")
	frontProxy, err := pki.OpenFrontProxy(dir, "etalon-test-front-proxy")
	check(t, err)
	_, err = frontProxy.Keep(dir, "front-proxy-client", pki.Subject{Name: frontProxyName})
	check(t, err)
	o.ProxyClientCertFile, o.ProxyClientKeyFile = filepath.Join(dir, "front-proxy-client.crt"), filepath.Join(dir, "front-proxy-client.key")
	o.Authentication.RequestHeader = options.RequestHeaderAuthenticationOptions{
		ClientCAFile: filepath.Join(dir, "front-proxy-ca.crt"), AllowedNames: []string{frontProxyName},
		UsernameHeaders: []string{"X-Remote-User"}, UIDHeaders: []string{"X-Remote-Uid"},
		GroupHeaders: []string{"X-Remote-Group"}, ExtraHeaderPrefixes: []string{"X-Remote-Extra-"},
	}
	o.Admission.Enable = []string{"NodeRestriction"} // as every installer does
	for _, f := range change {
		f(&o)
	}
	s := &Server{t: t, options: o, pki: authority, frontProxy: frontProxy}
	s.run()
	t.Cleanup(func() { s.stop() })
	return s
}

// User is the configuration of a user who is in the groups.
func (s *Server) User(name string, groups ...string) *rest.Config {
	s.t.Helper()
	return s.with(s.pki, pki.Subject{Name: name, Groups: groups})
}

// FrontProxy is the configuration of a proxy that may name the user in headers, if the server knows
// a proxy of this name: the default options know "front-proxy-client".
func (s *Server) FrontProxy(name string) *rest.Config {
	s.t.Helper()
	return s.with(s.frontProxy, pki.Subject{Name: name})
}

func (s *Server) with(authority *pki.Authority, subject pki.Subject) *rest.Config {
	s.t.Helper()
	pair, err := authority.Issue(subject)
	check(s.t, err)
	config := s.Stranger()
	config.CertData, config.KeyData = pair.Cert, pair.Key
	return config
}

// Bearer is the configuration of whoever holds the token.
func (s *Server) Bearer(token string) *rest.Config {
	config := s.Stranger()
	config.BearerToken = token
	return config
}

// Stranger is a configuration without credentials.
func (s *Server) Stranger() *rest.Config {
	return &rest.Config{Host: s.options.Listen[0], TLSClientConfig: rest.TLSClientConfig{CAData: s.pki.Cert}, QPS: -1}
}

// Options are those that the server runs with.
func (s *Server) Options() server.Options { return s.options }

// Authorizer decides what users of the running server may do.
func (s *Server) Authorizer() authorizer.UnconditionalAuthorizer { return s.running.Authorizer() }

// Stop stops the server as the end of its context does, and returns when it has ended.
func (s *Server) Stop() { s.stop() }

// Restart stops the server and starts it again on the same data and address.
func (s *Server) Restart() {
	s.t.Helper()
	s.stop()
	s.run()
}

func (s *Server) run() {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	apiServer, err := server.New(ctx, s.options)
	if err != nil {
		cancel()
		s.t.Fatalf("API server: %v", err)
	}
	s.running = apiServer
	s.options.Listen = []string{apiServer.Address().String()}
	done := make(chan error, 1)
	go func() { done <- apiServer.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Errorf("API server ended: %v", err)
		}
		s.stop = func() {}
	}
	s.Config = s.User("kubernetes-admin", "system:masters")
	if err := waitReady(ctx, s.Config); err != nil {
		s.stop()
		s.t.Fatalf("API server is not ready: %v", err)
	}
}

// waitReady waits for /readyz and says at the end which check did not pass.
func waitReady(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, readyPoll, readyTimeout, true, func(ctx context.Context) (bool, error) {
		if _, last = client.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx); last != nil {
			return false, nil
		}
		_, last = client.CoreV1().Namespaces().Get(ctx, "default", metav1.GetOptions{})
		return last == nil, nil
	})
	if err != nil && last != nil {
		return last
	}
	return err
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
