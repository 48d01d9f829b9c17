// Package server is the agent's own API: logs, commands and connections of containers, for the
// API server to pass on.
package server

import (
	"context"
	"crypto/tls"
	"log"
	"net"
	"net/http"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/stats"
)

// Pods gives the pods of the node.
type Pods interface {
	// Pods returns all of them.
	Pods() []*v1.Pod
	// Pod returns the pod of that name, nil if the node has none.
	Pod(namespace, name string) *v1.Pod
	// Status returns the pod's status as the agent last worked it out.
	Status(pod *v1.Pod) *v1.PodStatus
}

// Config is what a Server works with.
type Config struct {
	Client  kubernetes.Interface
	Runtime *runtime.Client
	Pods    Pods
	// Stats measures what is used.
	Stats *stats.Collector
	// Kubelet is the agent's configuration, for others to read.
	Kubelet *kubeletv1beta1.KubeletConfiguration
	// Directories are those of provisioned volumes; nil if the node makes none.
	Directories Directories
	// Flags are those that the agent was started with.
	Flags Flags
	// RootDir is the agent's own directory.
	RootDir string
	// NodeName is what permissions are asked for.
	NodeName string
	// Certificate is the server's; clients show one of ClientCAFile, or a token.
	Certificate  func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	ClientCAFile string
}

// Server serves the agent's API.
type Server struct {
	Config
	tls     *tls.Config
	who     authenticator.Request
	allowed authorizer.Authorizer
	// logDir is where the node's own logs are.
	logDir string
}

// New reads the files and returns a Server.
func New(c Config) (*Server, error) {
	s := &Server{Config: c, logDir: systemLogDir}
	// Any certificate is let in here; who its owner is, the authenticator decides.
	s.tls = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.Certificate, ClientAuth: tls.RequestClientCert}
	var err error
	if s.who, err = authentication(c); err != nil {
		return nil, err
	}
	if s.allowed, err = authorization(c); err != nil {
		return nil, err
	}
	return s, nil
}

// Serve answers until ctx ends. Streams that are open then are cut.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler:           s.Handler(),
		TLSConfig:         s.tls,
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       4 * time.Hour,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		// Requests that are upgraded to SPDY need HTTP/1.1.
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){},
		ErrorLog:     log.New(quiet{klog.FromContext(ctx)}, "", 0),
	}
	stop := context.AfterFunc(ctx, func() { h.Close() })
	defer stop()
	err := h.ServeTLS(l, "", "")
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// quiet keeps broken handshakes of port scanners out of the log, unless one looks for them.
type quiet struct{ log klog.Logger }

func (q quiet) Write(p []byte) (int, error) {
	q.log.V(4).Info("http server", "message", string(p))
	return len(p), nil
}

// Handler is the whole API, behind authentication and authorization.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	healthz.InstallHandler(mux, healthz.PingHealthz, healthz.LogHealthz, healthz.NamedCheck("syncloop", s.alive))
	mux.HandleFunc("GET /pods", s.pods)
	mux.HandleFunc("GET /configz", s.configz)
	mux.HandleFunc("POST /checkpoint/{namespace}/{pod}/{container}", s.checkpoint)
	s.addPages(mux)
	s.addDebugging(mux)
	s.addNumbers(mux)
	if s.Directories != nil {
		mux.HandleFunc("PUT /directories/{name}", s.makeDirectory)
		mux.HandleFunc("DELETE /directories/{name}", s.deleteDirectory)
	}
	return s.guarded(counting(mux))
}
