package pki

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
)

func leaf(t *testing.T, p Pair) *x509.Certificate {
	t.Helper()
	if _, err := tls.X509KeyPair(p.Cert, p.Key); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(p.Cert)
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCertificatesAreGoodForWhatTheyName(t *testing.T) {
	ca, err := Open(t.TempDir(), "etalon-ca")
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.Cert)
	server, err := ca.Issue(Subject{Name: "kube-apiserver", DNS: []string{"kubernetes", "localhost"}, IPs: []netip.Addr{netip.MustParseAddr("10.96.0.1")}})
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"kubernetes", "localhost", "10.96.0.1"} {
		if _, err := leaf(t, server).Verify(x509.VerifyOptions{Roots: roots, DNSName: host}); err != nil {
			t.Errorf("server as %s: %v", host, err)
		}
	}
	client, err := ca.Issue(Subject{Name: "system:node:node-1", Groups: []string{"system:nodes"}})
	if err != nil {
		t.Fatal(err)
	}
	c := leaf(t, client)
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		t.Errorf("client: %v", err)
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots}); err == nil {
		t.Error("a client's certificate passes for a server's")
	}
	if c.Subject.CommonName != "system:node:node-1" || len(c.Subject.Organization) != 1 || c.Subject.Organization[0] != "system:nodes" {
		t.Errorf("client is %v", c.Subject)
	}
}

func TestWhatIsKeptIsFoundAgainAndPrivate(t *testing.T) {
	dir := t.TempDir()
	tokens, key := filepath.Join(dir, "tokens.csv"), filepath.Join(dir, "sa.key")
	var before []byte
	for range 2 {
		ca, err := Open(dir, "etalon-ca")
		if err != nil {
			t.Fatal(err)
		}
		pair, err := ca.Keep(dir, "apiserver", Subject{Name: "x", DNS: []string{"localhost"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := KeepKey(key); err != nil {
			t.Fatal(err)
		}
		all, err := KeepTokens(tokens, "system:kube-scheduler", "system:kube-proxy")
		if err != nil || len(all) != 2 || all["system:kube-proxy"] == all["system:kube-scheduler"] {
			t.Fatalf("tokens %v, %v", all, err)
		}
		sa, err := os.ReadFile(key)
		if err != nil {
			t.Fatal(err)
		}
		now := bytes.Join([][]byte{ca.Cert, pair.Cert, pair.Key, sa, []byte(all["system:kube-proxy"])}, nil)
		if before != nil && !bytes.Equal(before, now) {
			t.Error("the second time gives other secrets")
		}
		before = now
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAKubeconfigIsReadBackAsWritten(t *testing.T) {
	b, err := Kubeconfig{Cluster: "etalon", User: "kubernetes-admin", Context: "etalon", Server: "https://127.0.0.1:6443", CA: []byte("ca"), Token: "secret"}.Render()
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(b)
	if err != nil || config.Host != "https://127.0.0.1:6443" || config.BearerToken != "secret" || string(config.CAData) != "ca" {
		t.Errorf("read back: %+v, %v", config, err)
	}
}
