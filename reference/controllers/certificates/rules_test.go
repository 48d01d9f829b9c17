package certificates

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/cluster/pki"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func node() *x509.CertificateRequest {
	return &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:n", Organization: []string{"system:nodes"}}}
}

func with(r *x509.CertificateRequest, change func(*x509.CertificateRequest)) *x509.CertificateRequest {
	change(r)
	return r
}

func usages(list ...certificatesv1.KeyUsage) []certificatesv1.KeyUsage { return list }

func TestWhatSignersPermit(t *testing.T) {
	const client, kubelet, serving = "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving"
	asClient := usages("digital signature", "client auth")
	asServer := usages("key encipherment", "digital signature", "server auth")
	dns := func(r *x509.CertificateRequest) { r.DNSNames = []string{"n"} }
	for _, c := range []struct {
		name, signer string
		request      *x509.CertificateRequest
		usages       []certificatesv1.KeyUsage
		want         string // empty: permitted
	}{
		{"client", client, &x509.CertificateRequest{}, asClient, ""},
		{"client that serves", client, node(), asServer, "invalid usages for client certificate"},
		{"client without client auth", client, node(), usages("digital signature"), "invalid usages for client certificate"},
		{"kubelet", kubelet, node(), asClient, ""},
		{"kubelet with RSA", kubelet, node(), append(asClient, "key encipherment"), ""},
		{"kubelet that serves", kubelet, node(), asServer, "usages did not match"},
		{"kubelet of another group", kubelet, with(node(), func(r *x509.CertificateRequest) { r.Subject.Organization = []string{"system:masters"} }), asClient, "subject organization is not system:nodes"},
		{"kubelet of more groups", kubelet, with(node(), func(r *x509.CertificateRequest) {
			r.Subject.Organization = append(r.Subject.Organization, "system:masters")
		}), asClient, "subject organization is not system:nodes"},
		{"kubelet of another name", kubelet, with(node(), func(r *x509.CertificateRequest) { r.Subject.CommonName = "n" }), asClient, "subject common name does not begin with system:node:"},
		{"kubelet with a host", kubelet, with(node(), dns), asClient, "DNS subjectAltNames are not allowed"},
		{"kubelet with an address", kubelet, with(node(), func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{{1, 2, 3, 4}} }), asClient, "IP subjectAltNames are not allowed"},
		{"serving", serving, with(node(), dns), asServer, ""},
		{"serving nowhere", serving, node(), asServer, "DNS or IP subjectAltName is required"},
		{"serving a client", serving, with(node(), dns), asClient, "usages did not match"},
		{"serving an URI", serving, with(with(node(), dns), func(r *x509.CertificateRequest) { r.URIs = []*url.URL{{}} }), asServer, "URI subjectAltNames are not allowed"},
	} {
		err := signers[c.signer](c.request, c.usages)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, wanted %q", c.name, err, c.want)
		}
	}
}

// request is a CSR for the subject, signed with a key of its own.
func request(t *testing.T, subject pkix.Name) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestSign(t *testing.T) {
	dir := t.TempDir()
	if _, err := pki.Open(dir, "ca"); err != nil {
		t.Fatal(err)
	}
	a, err := LoadAuthority(filepath.Join(dir, "ca.crt"), filepath.Join(dir, "ca.key"), DefaultDuration)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Second)
	a.now = func() time.Time { return at }
	parsed, err := parse(request(t, pkix.Name{CommonName: "jane", Organization: []string{"dev"}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		seconds *int32
		want    time.Duration // from now to the end
	}{
		{nil, DefaultDuration - backdate}, {ptr.To[int32](3600), time.Hour}, {ptr.To[int32](1), 10 * time.Minute},
		{ptr.To[int32](86400), 24*time.Hour - backdate}, {ptr.To[int32](10 * 365 * 86400), DefaultDuration - backdate},
	} {
		cert, err := a.sign(parsed, usages("client auth", "digital signature"), c.seconds)
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(cert)
		got, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		if got.NotAfter.Sub(at) != c.want || !got.NotBefore.Equal(at.Add(-backdate)) || got.IsCA || got.Subject.CommonName != "jane" ||
			got.KeyUsage != x509.KeyUsageDigitalSignature || len(got.ExtKeyUsage) != 1 || got.ExtKeyUsage[0] != x509.ExtKeyUsageClientAuth {
			t.Errorf("%v seconds: good from %v to %v, %+v", c.seconds, got.NotBefore, got.NotAfter, got.Subject)
		}
	}
	a.now = func() time.Time { return a.cert.NotAfter.Add(time.Second) }
	if _, err := a.sign(parsed, usages("client auth"), nil); err == nil {
		t.Error("an authority that has expired signs")
	}
}

func TestDeadline(t *testing.T) {
	in := func(t certificatesv1.RequestConditionType, ago time.Duration) certificatesv1.CertificateSigningRequestCondition {
		return certificatesv1.CertificateSigningRequestCondition{Type: t, LastUpdateTime: metav1.NewTime(now.Add(-ago))}
	}
	for name, c := range map[string]struct {
		conditions []certificatesv1.CertificateSigningRequestCondition
		signed     bool
		want       time.Duration // from now, of a request made an hour ago
	}{
		"waiting":             {nil, false, 23 * time.Hour},
		"approved":            {[]certificatesv1.CertificateSigningRequestCondition{in("Approved", 0)}, false, 24 * time.Hour},
		"signed":              {[]certificatesv1.CertificateSigningRequestCondition{in("Approved", 0)}, true, time.Hour},
		"denied":              {[]certificatesv1.CertificateSigningRequestCondition{in("Denied", time.Minute)}, false, 59 * time.Minute},
		"approved and failed": {[]certificatesv1.CertificateSigningRequestCondition{in("Approved", 0), in("Failed", 0)}, false, time.Hour},
	} {
		r := &certificatesv1.CertificateSigningRequest{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))}}
		r.Status.Conditions = c.conditions
		if c.signed {
			r.Status.Certificate = []byte("x")
		}
		if got := deadline(r).Sub(now); got != c.want {
			t.Errorf("%s: goes in %v, wanted %v", name, got, c.want)
		}
	}
}

func TestRequestsMustBeSignedWithTheirKey(t *testing.T) {
	good := request(t, pkix.Name{CommonName: "jane"})
	if _, err := parse(good); err != nil {
		t.Error(err)
	}
	block, _ := pem.Decode(good)
	block.Bytes[len(block.Bytes)-1] ^= 1
	if _, err := parse(pem.EncodeToMemory(block)); err == nil {
		t.Error("a request with a false signature is taken")
	}
}
