// Package ceiling is the least that a server of pods can do: decode, default, encode, one
// transaction on etcd, answer. It has no admission, no validation, no authorization, no watch cache
// and no managed fields. It is what the API server is measured against: work that no
// implementation on the same etcd and the same encodings can avoid.
package ceiling

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/net/http2"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
	"github.com/etalon-dev/etalon/reference/apiserver/storage"
)

// Options configure a bare server.
type Options struct {
	// Listen is the host:port to serve on.
	Listen string
	// EtcdDir is the data directory of the embedded etcd, Fsync whether it waits for the disk.
	EtcdDir string
	Fsync   bool
	// CertFile and KeyFile are the serving certificate and its key, PEM.
	CertFile, KeyFile string
	// TokenFile holds the one bearer token that is let in.
	TokenFile string
}

// maxStreams is how many requests one connection may carry at once: a watcher is a request.
const maxStreams = 1000

type server struct {
	token       string
	etcd        *clientv3.Client
	json, proto runtime.Serializer
	fan         *fan
}

// Run serves until ctx ends.
func Run(ctx context.Context, o Options) error {
	token, err := os.ReadFile(o.TokenFile)
	if err != nil {
		return err
	}
	etcd, err := storage.StartEtcd(ctx, storage.EtcdOptions{Dir: o.EtcdDir, Fsync: o.Fsync})
	if err != nil {
		return err
	}
	defer etcd.Close()
	s := &server{
		token: string(token),
		etcd:  etcd.Client().Client,
		json:  json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, json.SerializerOptions{}),
		proto: protobuf.NewSerializer(scheme.Scheme, scheme.Scheme),
	}
	s.fan = newFan(ctx, s)

	pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
	if err != nil {
		return fmt.Errorf("serving certificate: %w", err)
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return err
	}
	web := &http.Server{
		Handler:     s.handler(),
		TLSConfig:   &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12},
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	if err := http2.ConfigureServer(web, &http2.Server{MaxConcurrentStreams: maxStreams}); err != nil {
		return err
	}
	go func() {
		<-ctx.Done()
		_ = web.Close()
	}()
	if err := web.ServeTLS(listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *server) handler() http.Handler {
	const pods, pod = "/api/v1/namespaces/{namespace}/pods", "/api/v1/namespaces/{namespace}/pods/{name}"
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("POST "+pods, s.create)
	mux.HandleFunc("PUT "+pod, s.update)
	mux.HandleFunc("POST "+pod+"/binding", s.bind)
	mux.HandleFunc("GET "+pods, s.listOrWatch)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" && r.Header.Get("Authorization") != "Bearer "+s.token {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		}
		mux.ServeHTTP(w, r)
	})
}
