package certificates

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilwait "k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	signing "github.com/etalon-dev/etalon/reference/controllers/certificates"
)

// short is how long the certificates of these tests are good. As they begin to be so five minutes before they are made, to allow
// for clocks that differ, most of their time is over at once: they are due for renewal when they come.
const short = 30 * time.Second

// cluster runs a server with the real controllers, which sign for a short time and approve what nodes may ask for themselves.
func cluster(t *testing.T) (*apiservertest.Server, kubernetes.Interface) {
	s := apiservertest.New(t)
	ca := s.Options().Authentication.ClientCAFile
	authority, err := signing.LoadAuthority(ca, filepath.Join(filepath.Dir(ca), "ca.key"), short)
	if err != nil {
		t.Fatal(err)
	}
	admin := kubernetes.NewForConfigOrDie(s.Config)
	for role, group := range map[string]string{
		"system:node-bootstrapper": "system:bootstrappers",
		"system:certificates.k8s.io:certificatesigningrequests:nodeclient":     "system:bootstrappers",
		"system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": "system:nodes",
	} {
		binding := &rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: group}}}
		if _, err := admin.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	client := kubernetes.NewForConfigOrDie(s.User("system:kube-controller-manager"))
	shared := informers.NewSharedInformerFactory(client, 0)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	controllers := []interface{ Run(context.Context, int) }{signing.NewSigning(client, shared, authority), signing.NewApproving(client, shared)}
	shared.StartWithContext(ctx)
	for _, c := range controllers {
		go func() {
			c.Run(ctx, 1)
			done <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		cancel()
		for range controllers {
			<-done
		}
		shared.Shutdown()
	})
	return s, admin
}

// keepConfig writes a kubeconfig with the certificate of the configuration.
func keepConfig(t *testing.T, c *rest.Config) string {
	config := clientcmdapi.NewConfig()
	config.CurrentContext = "x"
	config.Clusters["x"] = &clientcmdapi.Cluster{Server: "https://" + c.Host, CertificateAuthorityData: c.CAData}
	config.AuthInfos["x"] = &clientcmdapi.AuthInfo{ClientCertificateData: c.CertData, ClientKeyData: c.KeyData}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "x", AuthInfo: "x"}
	file := filepath.Join(t.TempDir(), "bootstrap.kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// eventually waits until what says nothing is wrong any more.
func eventually(t *testing.T, what func(context.Context) error) {
	t.Helper()
	var last error
	if err := utilwait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) {
		last = what(ctx)
		return last == nil, nil
	}); err != nil {
		t.Fatal(last)
	}
}

// The agent gets a certificate in the name of the bootstrap kubeconfig, renews it in its own, and is known by the new one without
// being started anew.
func TestTheNodesCertificateIsRenewed(t *testing.T) {
	s, admin := cluster(t)
	dir := t.TempDir()
	c := Client{NodeName: "n1", Kubeconfig: filepath.Join(dir, "kubeconfig"), Bootstrap: keepConfig(t, s.User("system:bootstrap:abcdef", "system:bootstrappers")),
		Dir: filepath.Join(dir, "pki"), Rotate: true, look: 50 * time.Millisecond}
	if err := os.Mkdir(c.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	config, err := c.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	node := kubernetes.NewForConfigOrDie(config)
	shown := map[string]bool{}
	eventually(t, func(ctx context.Context) error {
		me, err := node.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			t.Errorf("the node is not known: %v", err)
			return nil
		}
		if name := me.Status.UserInfo.Username; name != "system:node:n1" {
			t.Errorf("the node is known as %s", name)
		}
		shown[fmt.Sprint(me.Status.UserInfo.Extra["authentication.kubernetes.io/credential-id"])] = true
		if len(shown) < 3 {
			return fmt.Errorf("it has shown %d certificates", len(shown))
		}
		return nil
	})
	requests, err := admin.CertificatesV1().CertificateSigningRequests().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]int{}
	for _, r := range requests.Items {
		by[r.Spec.Username]++
	}
	if by["system:bootstrap:abcdef"] != 1 || by["system:node:n1"] < 2 {
		t.Errorf("who has asked, and how often: %v", by)
	}
	// After a restart the last certificate does, and the bootstrap kubeconfig is not needed.
	c.Bootstrap = ""
	if _, err := c.Config(t.Context()); err != nil {
		t.Errorf("the second start: %v", err)
	}
}

// With serverTLSBootstrap there is no certificate before an administrator has approved it; afterwards it is renewed, too.
func TestTheServersCertificateIsRequestedAndRenewed(t *testing.T) {
	s, admin := cluster(t)
	node := kubernetes.NewForConfigOrDie(s.User("system:node:n1", "system:nodes"))
	get, err := Requested(t.Context(), node, t.TempDir(), "n1", []net.IP{net.ParseIP("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	requests := admin.CertificatesV1().CertificateSigningRequests()
	eventually(t, func(ctx context.Context) error {
		list, err := requests.List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) == 0 {
			err = errors.New("nothing was asked for")
		}
		return err
	})
	if _, err := get(nil); err == nil || err.Error() != "no serving certificate available for the kubelet" {
		t.Errorf("before it is approved: %v", err)
	}
	approve := func(ctx context.Context) error {
		list, err := requests.List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, r := range list.Items {
			if len(r.Status.Conditions) > 0 {
				continue
			}
			if r.Spec.SignerName != certificatesv1.KubeletServingSignerName || r.Spec.Username != "system:node:n1" {
				t.Errorf("the request is %+v", r.Spec)
			}
			r.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "ByHand"}}
			if _, err := requests.UpdateApproval(ctx, r.Name, &r, metav1.UpdateOptions{}); err != nil {
				return err
			}
		}
		return nil
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Stranger().CAData)
	seen := map[string]*tls.Certificate{}
	eventually(t, func(ctx context.Context) error {
		if err := approve(ctx); err != nil {
			return err
		}
		c, err := get(nil)
		if err != nil {
			return err
		}
		for _, name := range []string{"n1", "192.0.2.1"} {
			if _, err := c.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if seen[c.Leaf.SerialNumber.String()] = c; len(seen) < 2 {
			return errors.New("it was not renewed")
		}
		return nil
	})
}
