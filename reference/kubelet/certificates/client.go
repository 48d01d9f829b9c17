// Package certificates gets the agent's certificates from the cluster and renews them in time (docs:
// reference/access-authn-authz/kubelet-tls-bootstrapping): the one by which it is known to the API server, and the one by which it is
// known as a server.
package certificates

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"k8s.io/client-go/util/certificate"
	"k8s.io/client-go/util/connrotation"
	"k8s.io/klog/v2"
)

const (
	// current is where the agent's present certificate and key lie, in one file.
	current = "kubelet-client-current.pem"
	// look is how often it is looked for a certificate that has been renewed; then connections that show the old one are closed.
	look = 10 * time.Second
	// wait is how often it is looked for the first one.
	wait = 50 * time.Millisecond
)

// Client says how the agent becomes known to the API server.
type Client struct {
	NodeName string
	// Kubeconfig is written when there is a certificate, and read when it is there. Bootstrap is used as long as there is none.
	Kubeconfig, Bootstrap string
	// Dir holds the certificates, of which the last lies in kubelet-client-current.pem.
	Dir string
	// Rotate renews the certificate before it ends.
	Rotate bool

	// look is how often it is looked for a renewed certificate, if not as usual.
	look time.Duration
}

// Config returns how to reach the API server in the node's own name. Where no certificate is good (any more), it asks for one in
// the name of the bootstrap kubeconfig and waits until it is approved and signed.
func (c Client) Config(ctx context.Context) (*rest.Config, error) {
	base, err := c.base()
	if err != nil {
		return nil, err
	}
	store, err := certificate.NewFileStore("kubelet-client", c.Dir, c.Dir, "", "")
	if err != nil {
		return nil, err
	}
	manager, err := certificate.NewManager(&certificate.Config{
		ClientsetFn: func(now *tls.Certificate) (kubernetes.Interface, error) { return c.requester(base, now) },
		Template: &x509.CertificateRequest{Subject: pkix.Name{
			CommonName: "system:node:" + c.NodeName, Organization: []string{"system:nodes"}}},
		SignerName:       certificatesv1.KubeAPIServerClientKubeletSignerName,
		GetUsages:        usages(certificatesv1.UsageClientAuth),
		CertificateStore: store,
	})
	if err != nil {
		return nil, err
	}
	manager.Start()
	if err := first(ctx, manager, time.Now); err != nil {
		manager.Stop()
		return nil, err
	}
	if err := c.keep(base); err != nil {
		manager.Stop()
		return nil, err
	}
	if !c.Rotate {
		manager.Stop()
	}
	return c.presenting(ctx, base, manager)
}

// base is the API server's address and authority, and nobody's name.
func (c Client) base() (*rest.Config, error) {
	file := c.Kubeconfig
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		file = c.Bootstrap
	}
	if file == "" {
		return nil, fmt.Errorf("kubeconfig: %s does not exist, and there is no --bootstrap-kubeconfig", c.Kubeconfig)
	}
	full, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("kubeconfig: %w", err)
	}
	return rest.AnonymousClientConfig(full), nil
}

// requester asks in the name of the certificate that there is or, if there is none, in that of the bootstrap kubeconfig.
func (c Client) requester(base *rest.Config, now *tls.Certificate) (kubernetes.Interface, error) {
	if now != nil && now.Leaf != nil && time.Now().Before(now.Leaf.NotAfter) {
		config := rest.CopyConfig(base)
		config.CertFile, config.KeyFile = filepath.Join(c.Dir, current), filepath.Join(c.Dir, current)
		return kubernetes.NewForConfig(config)
	}
	if c.Bootstrap == "" {
		return nil, errors.New("the node's certificate has expired, and there is no --bootstrap-kubeconfig")
	}
	config, err := clientcmd.BuildConfigFromFlags("", c.Bootstrap)
	if err != nil {
		return nil, fmt.Errorf("--bootstrap-kubeconfig: %w", err)
	}
	return kubernetes.NewForConfig(config)
}

// first waits for a certificate that is good now.
func first(ctx context.Context, manager certificate.Manager, now func() time.Time) error {
	ticker := time.NewTicker(wait)
	defer ticker.Stop()
	for {
		if c := manager.Current(); c != nil && c.Leaf != nil && now().Before(c.Leaf.NotAfter) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no certificate for the node: %w", ctx.Err())
		case <-ticker.C:
		}
	}
}

// keep writes the kubeconfig that points to the certificate, unless there is one.
func (c Client) keep(base *rest.Config) error {
	if _, err := os.Stat(c.Kubeconfig); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	pem := filepath.Join(c.Dir, current)
	config := clientcmdapi.NewConfig()
	config.CurrentContext = "default-context"
	config.Clusters["default-cluster"] = &clientcmdapi.Cluster{Server: base.Host,
		CertificateAuthority: base.CAFile, CertificateAuthorityData: base.CAData}
	config.AuthInfos["default-auth"] = &clientcmdapi.AuthInfo{ClientCertificate: pem, ClientKey: pem}
	config.Contexts["default-context"] = &clientcmdapi.Context{Cluster: "default-cluster", AuthInfo: "default-auth", Namespace: "default"}
	// A kubeconfig that is cut short would be taken for a whole one.
	tmp := c.Kubeconfig + ".tmp"
	if err := clientcmd.WriteToFile(*config, tmp); err != nil {
		return err
	}
	return os.Rename(tmp, c.Kubeconfig)
}

// presenting returns a configuration whose connections show the manager's present certificate; when that changes, those that
// showed the last one are closed.
func (c Client) presenting(ctx context.Context, base *rest.Config, manager certificate.Manager) (*rest.Config, error) {
	settings, err := rest.TLSConfigFor(base)
	if err != nil {
		return nil, err
	}
	if settings == nil {
		return nil, fmt.Errorf("the API server's address %s is not https", base.Host)
	}
	settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if c := manager.Current(); c != nil {
			return c, nil
		}
		return &tls.Certificate{}, nil
	}
	dialer := connrotation.NewDialer((&net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}).DialContext)
	go follow(ctx, manager.Current, dialer.CloseAll, time.Tick(cmp.Or(c.look, look)))
	config := rest.CopyConfig(base)
	config.TLSClientConfig = rest.TLSClientConfig{}
	config.Transport = utilnet.SetTransportDefaults(&http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, TLSClientConfig: settings,
		MaxIdleConnsPerHost: 25, DialContext: dialer.DialContext,
	})
	return config, nil
}

// follow closes connections whenever the certificate is another than at the last look.
func follow(ctx context.Context, present func() *tls.Certificate, closeAll func(), looks <-chan time.Time) {
	last := present()
	for {
		select {
		case <-ctx.Done():
			return
		case <-looks:
		}
		if now := present(); now != last {
			klog.FromContext(ctx).Info("The node's certificate was renewed, closing connections that show the last one", "until", until(now))
			last = now
			closeAll()
		}
	}
}

func until(c *tls.Certificate) time.Time {
	if c == nil || c.Leaf == nil {
		return time.Time{}
	}
	return c.Leaf.NotAfter
}

// usages are those of the certificate: RSA keys also encipher.
func usages(purpose certificatesv1.KeyUsage) func(any) []certificatesv1.KeyUsage {
	return func(any) []certificatesv1.KeyUsage {
		return []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, purpose}
	}
}
