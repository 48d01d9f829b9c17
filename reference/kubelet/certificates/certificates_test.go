package certificates

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/client-go/util/cert"
)

func write(t *testing.T, dir, name string, at time.Time) (certFile, keyFile string) {
	t.Helper()
	pair, key, err := cert.GenerateSelfSignedCertKey(name, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "c"), filepath.Join(dir, "k")
	for file, text := range map[string][]byte{certFile: pair, keyFile: key} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func shown(t *testing.T, get Get) string {
	t.Helper()
	c, err := get(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.Subject.CommonName[:3]
}

// A certificate that is replaced is shown without a restart; while only half of it is there, the last one is.
func TestReplacedFilesAreShown(t *testing.T) {
	dir, began := t.TempDir(), time.Now()
	certFile, keyFile := write(t, dir, "one", began)
	get, err := Files(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := shown(t, get); got != "one" {
		t.Errorf("first %s", got)
	}
	if err := os.WriteFile(keyFile, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(keyFile, began, began.Add(time.Second)); err != nil {
		t.Fatal(err)
	}
	if got := shown(t, get); got != "one" {
		t.Errorf("half-way %s", got)
	}
	write(t, dir, "two", began.Add(2*time.Second))
	if got := shown(t, get); got != "two" {
		t.Errorf("then %s", got)
	}
	if _, err := Files(filepath.Join(dir, "none"), keyFile); err == nil {
		t.Error("no error without a certificate")
	}
}

func TestASelfSignedCertificateIsKept(t *testing.T) {
	dir := t.TempDir()
	var serial string
	for range 2 {
		get, err := SelfSigned(dir, "node-1", []net.IP{net.ParseIP("192.0.2.1")})
		if err != nil {
			t.Fatal(err)
		}
		c, err := get(nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Leaf.VerifyHostname("192.0.2.1"); err != nil {
			t.Error(err)
		}
		if now := c.Leaf.SerialNumber.String(); serial != "" && now != serial {
			t.Error("the second start makes another")
		} else {
			serial = now
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "kubelet.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
}

// Connections that show the old certificate are closed once it was renewed, and only then.
func TestConnectionsAreClosedWhenTheCertificateWasRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		one, two := &tls.Certificate{}, &tls.Certificate{}
		present, closed := one, 0
		looks := make(chan time.Time)
		go follow(ctx, func() *tls.Certificate { return present }, func() { closed++ }, looks)
		for i, c := range []*tls.Certificate{one, two, two, one} {
			synctest.Wait()
			present = c
			looks <- time.Now()
			synctest.Wait()
			if want := []int{0, 1, 1, 2}[i]; closed != want {
				t.Errorf("after look %d they were closed %d times, want %d", i, closed, want)
			}
		}
	})
}

func TestWithoutAnyKubeconfigThereIsAReason(t *testing.T) {
	dir := t.TempDir()
	if _, err := (Client{NodeName: "n", Kubeconfig: filepath.Join(dir, "k"), Dir: dir}).Config(t.Context()); err == nil {
		t.Error("no error")
	}
}
