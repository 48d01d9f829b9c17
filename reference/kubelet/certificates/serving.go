package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/certificate"
)

// Get returns the certificate that the agent's server shows.
type Get func(*tls.ClientHelloInfo) (*tls.Certificate, error)

// Files shows the certificate of the files, also after they were replaced: they are looked at when a client comes.
func Files(certFile, keyFile string) (Get, error) {
	f := &files{cert: certFile, key: keyFile}
	if _, err := f.get(nil); err != nil {
		return nil, fmt.Errorf("the kubelet's certificate: %w", err)
	}
	return f.get, nil
}

type files struct {
	cert, key string
	mu        sync.Mutex
	pair      *tls.Certificate
	seen      [2]time.Time
}

func (f *files) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var now [2]time.Time
	for i, name := range []string{f.cert, f.key} {
		if info, err := os.Stat(name); err == nil {
			now[i] = info.ModTime()
		}
	}
	if f.pair != nil && now == f.seen {
		return f.pair, nil
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		if f.pair != nil {
			return f.pair, nil // they are being replaced; the next client gets the new one
		}
		return nil, err
	}
	f.pair, f.seen = &pair, now
	return f.pair, nil
}

// Requested asks the cluster for a certificate of the node's names, renews it and shows it (serverTLSBootstrap). Whoever
// administers the cluster has to approve each request: that the addresses are the node's, no controller of it can know
// (docs: reference/access-authn-authz/kubelet-tls-bootstrapping#client-and-serving-certificates). Until then no client is served.
func Requested(ctx context.Context, client kubernetes.Interface, dir, nodeName string, ips []net.IP) (Get, error) {
	store, err := certificate.NewFileStore("kubelet-server", dir, dir, "", "")
	if err != nil {
		return nil, err
	}
	manager, err := certificate.NewManager(&certificate.Config{
		ClientsetFn: func(*tls.Certificate) (kubernetes.Interface, error) { return client, nil },
		Template: &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:" + nodeName, Organization: []string{"system:nodes"}},
			DNSNames: []string{nodeName}, IPAddresses: ips},
		SignerName:       certificatesv1.KubeletServingSignerName,
		GetUsages:        usages(certificatesv1.UsageServerAuth),
		CertificateStore: store,
	})
	if err != nil {
		return nil, err
	}
	manager.Start()
	context.AfterFunc(ctx, manager.Stop)
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if c := manager.Current(); c != nil {
			return c, nil
		}
		return nil, errors.New("no serving certificate available for the kubelet")
	}, nil
}

// SelfSigned makes a certificate that nobody has signed, unless there is one, and shows it: what an agent does that was given none.
func SelfSigned(dir, nodeName string, ips []net.IP) (Get, error) {
	certFile, keyFile := filepath.Join(dir, "kubelet.crt"), filepath.Join(dir, "kubelet.key")
	if ok, err := cert.CanReadCertAndKey(certFile, keyFile); err != nil || ok {
		if err != nil {
			return nil, err
		}
		return Files(certFile, keyFile)
	}
	pair, key, err := cert.GenerateSelfSignedCertKey(nodeName, ips, nil)
	if err != nil {
		return nil, err
	}
	if err := cert.WriteCert(certFile, pair); err != nil {
		return nil, err
	}
	if err := os.WriteFile(keyFile, key, 0o600); err != nil {
		return nil, err
	}
	return Files(certFile, keyFile)
}
