package validation

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// selfSigned returns a certificate in PEM, and a request for its key.
func selfSigned(t *testing.T, authority bool, lifetime time.Duration) (string, []byte, *x509.Certificate) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}, NotBefore: start, NotAfter: start.Add(lifetime),
		IsCA: authority, BasicConstraintsValid: authority,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), request, template
}

func TestClusterTrustBundle(t *testing.T) {
	authority, _, _ := selfSigned(t, true, time.Hour)
	leaf, _, _ := selfSigned(t, false, time.Hour)
	for name, c := range map[string]struct{ name, signer, bundle, want string }{
		"good":              {"b", "", authority, ""},
		"of a signer":       {"example.com:s:b", "example.com/s", authority, ""},
		"named otherwise":   {"b", "example.com/s", authority, "must be named with prefix example.com:s:"},
		"colon":             {"a:b", "", authority, "must not have"},
		"empty":             {"b", "", "", "spec.trustBundle: Required value"},
		"nothing in it":     {"b", "", "hello", "at least one trust anchor must be provided"},
		"no authority":      {"b", "", leaf, "entry 0 does not have the CA bit set"},
		"twice":             {"b", "", authority + authority, "duplicate trust anchor (indices [0 1])"},
		"not a certificate": {"b", "", "-----BEGIN KEY-----\nAAAA\n-----END KEY-----\n", "entry 0 has bad block type: KEY"},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, ClusterTrustBundle(&certificatesv1.ClusterTrustBundle{
				ObjectMeta: metav1.ObjectMeta{Name: c.name}, Spec: certificatesv1.ClusterTrustBundleSpec{SignerName: c.signer, TrustBundle: c.bundle},
			}), c.want)
		})
	}
}

func TestPodCertificateRequest(t *testing.T) {
	chain, request, leaf := selfSigned(t, false, 2*time.Hour)
	other, _, _ := selfSigned(t, false, 2*time.Hour)
	seconds := int32(86400)
	base := func() *certificatesv1.PodCertificateRequest {
		return &certificatesv1.PodCertificateRequest{
			ObjectMeta: metav1.ObjectMeta{Name: "r", Namespace: "default", ResourceVersion: "1"},
			Spec: certificatesv1.PodCertificateRequestSpec{
				SignerName: "example.com/s", PodName: "p", PodUID: "1", ServiceAccountName: "default", ServiceAccountUID: "2",
				NodeName: "n", NodeUID: "3", MaxExpirationSeconds: &seconds, StubPKCS10Request: request,
			},
		}
	}
	for name, c := range map[string]struct {
		change func(*certificatesv1.PodCertificateRequestSpec)
		want   string
	}{
		"good":      {func(*certificatesv1.PodCertificateRequestSpec) {}, ""},
		"no uid":    {func(s *certificatesv1.PodCertificateRequestSpec) { s.PodUID = "" }, "spec.podUID: Required value"},
		"too short": {func(s *certificatesv1.PodCertificateRequestSpec) { n := int32(60); s.MaxExpirationSeconds = &n }, "must be in the range [3600, 7862400]"},
		"too long for Kubernetes": {func(s *certificatesv1.PodCertificateRequestSpec) {
			n := int32(86401)
			s.MaxExpirationSeconds, s.SignerName = &n, "kubernetes.io/kube-apiserver-client-pod"
		}, "must be in the range [3600, 86400]"},
		"no request": {func(s *certificatesv1.PodCertificateRequestSpec) { s.StubPKCS10Request = []byte("x") }, "must be a valid PKCS#10"},
		"annotation domain": {func(s *certificatesv1.PodCertificateRequestSpec) {
			s.UnverifiedUserAnnotations = map[string]string{"a": ""}
		}, "spec.unverifiedUserAnnotations[a]: Invalid value"},
	} {
		t.Run(name, func(t *testing.T) {
			r := base()
			c.change(&r.Spec)
			wantError(t, PodCertificateRequest(r), c.want)
		})
	}
	at := func(t time.Time) *metav1.Time { return &metav1.Time{Time: t} }
	decided := func(kind, chain string) *certificatesv1.PodCertificateRequest {
		r := base()
		r.Status = certificatesv1.PodCertificateRequestStatus{
			Conditions:       []metav1.Condition{{Type: kind, Status: metav1.ConditionTrue, Reason: "R", LastTransitionTime: metav1.Now()}},
			CertificateChain: chain,
		}
		if chain != "" {
			r.Status.NotBefore, r.Status.BeginRefreshAt, r.Status.NotAfter = at(leaf.NotBefore), at(leaf.NotBefore.Add(time.Hour)), at(leaf.NotAfter)
		}
		return r
	}
	wantError(t, PodCertificateRequestStatusUpdate(decided("Issued", chain), base()), "")
	wantError(t, PodCertificateRequestStatusUpdate(decided("Denied", ""), base()), "")
	wantError(t, PodCertificateRequestStatusUpdate(decided("Denied", chain), base()), "status.certificateChain: Invalid value")
	wantError(t, PodCertificateRequestStatusUpdate(decided("Issued", other), base()), "leaf certificate was not issued to the requested public key")
	wantError(t, PodCertificateRequestStatusUpdate(decided("Ready", ""), base()), "status.conditions[0].type: Unsupported value")
	wantError(t, PodCertificateRequestStatusUpdate(decided("Denied", ""), decided("Issued", chain)), "status: Invalid value")
}

func TestStorageVersionMigration(t *testing.T) {
	m := &storagemigrationv1.StorageVersionMigration{
		ObjectMeta: metav1.ObjectMeta{Name: "m", ResourceVersion: "1"},
		Spec:       storagemigrationv1.StorageVersionMigrationSpec{Resource: metav1.GroupResource{Group: "apps", Resource: "deployments"}},
	}
	wantError(t, StorageVersionMigration(m), "")
	other := m.DeepCopy()
	other.Spec.Resource.Resource = ""
	wantError(t, StorageVersionMigration(other), "spec.resource.resource: Required value")
	wantError(t, StorageVersionMigrationUpdate(other, m), "spec: Invalid value")
	other = m.DeepCopy()
	for _, kind := range []storagemigrationv1.MigrationConditionType{storagemigrationv1.MigrationSucceeded, storagemigrationv1.MigrationFailed} {
		other.Status.Conditions = append(other.Status.Conditions, metav1.Condition{Type: string(kind), Status: "True", Reason: "R", LastTransitionTime: metav1.Now()})
	}
	wantError(t, StorageVersionMigrationStatusUpdate(other, m), "Both Succeeded and Failed conditions cannot be true")
	other.Status.Conditions, other.Status.ResourceVersion = nil, "1"
	started := other.DeepCopy()
	other.Status.ResourceVersion = "2"
	wantError(t, StorageVersionMigrationStatusUpdate(other, started), "status.resourceVersion: Invalid value: \"2\": resourceVersion cannot be updated")
}
