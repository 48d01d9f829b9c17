package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

// Options of the server.
type Options struct {
	// Listen is the address and port, such as 10.89.0.1:5000.
	Listen string
	// Root is the directory of the images, in the OCI image layout.
	Root string
	// CertFile and KeyFile are those of the server. Without them it speaks plain HTTP.
	CertFile, KeyFile string
}

// Command is `etalon registry`.
func Command() *cobra.Command {
	var o Options
	cmd := &cobra.Command{
		Use:   "registry --root DIR",
		Short: "Serve the images of a cluster to its nodes",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return Run(cmd.Context(), o) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Listen, "listen", "127.0.0.1:5000", "address and port to serve on")
	flags.StringVar(&o.Root, "root", "", "directory of the images, in the OCI image layout")
	flags.StringVar(&o.CertFile, "tls-cert-file", "", "the server's certificate; without one it serves plain HTTP")
	flags.StringVar(&o.KeyFile, "tls-private-key-file", "", "the key of the certificate")
	_ = cmd.MarkFlagRequired("root")
	return cmd
}

// Run serves until ctx ends.
func Run(ctx context.Context, o Options) error {
	store, err := Open(o.Root)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return err
	}
	if o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}})
	}
	log := klog.FromContext(ctx)
	server := &http.Server{
		ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			log.V(2).Info("Request", "from", r.RemoteAddr, "method", r.Method, "url", r.URL.String())
			store.Handler().ServeHTTP(w, r)
		}),
	}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	log.Info("Serving images", "address", listener.Addr().String(), "root", o.Root)
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
