package volumes

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	k8stesting "k8s.io/client-go/testing"

	"github.com/etalon-dev/etalon/reference/kubelet/env"
)

// signer answers requests: with certificates for an hour, of which the last third is for renewal, or with a refusal.
type signer struct {
	t        *testing.T
	refuses  bool
	requests int
	last     *certificatesv1.PodCertificateRequest
}

func (s *signer) answer(r *certificatesv1.PodCertificateRequest, now time.Time) {
	request, err := x509.ParseCertificateRequest(r.Spec.StubPKCS10Request)
	if err != nil || request.CheckSignature() != nil {
		s.t.Fatalf("a bad request: %v", err)
	}
	if s.refuses {
		r.Status.Conditions = []metav1.Condition{{Type: "Denied", Status: "True", Reason: "UnsupportedKeyType", Message: "try ED25519"}}
		return
	}
	ca, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(s.requests)), Subject: pkix.Name{CommonName: "x"}, NotBefore: now, NotAfter: now.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, request.PublicKey, ca)
	if err != nil {
		s.t.Fatal(err)
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"a": "b"}, Bytes: der})
	r.Status = certificatesv1.PodCertificateRequestStatus{
		Conditions:       []metav1.Condition{{Type: "Issued", Status: "True"}},
		CertificateChain: "between\n" + string(text), BeginRefreshAt: &metav1.Time{Time: now.Add(40 * time.Minute)}, NotAfter: &metav1.Time{Time: now.Add(time.Hour)},
	}
}

// cacheOf is a cache whose requests the signer answers at once.
func cacheOf(s *signer, now *time.Time) (*CertificateCache, *fake.Clientset) {
	client := fake.NewClientset(&v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "sa", UID: "sa-uid"}})
	client.PrependReactor("create", "podcertificaterequests", func(action k8stesting.Action) (bool, runtime.Object, error) {
		r := action.(k8stesting.CreateAction).GetObject().(*certificatesv1.PodCertificateRequest)
		s.requests++
		r.Name = fmt.Sprint(r.GenerateName, s.requests)
		s.last = r.DeepCopy()
		s.answer(r, *now)
		return false, nil, nil
	})
	c := NewCertificateCache(client, func() *v1.Node { return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", UID: "n-uid"}} })
	c.now = func() time.Time { return *now }
	return c, client
}

func certified() *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "p-uid"}, Spec: v1.PodSpec{ServiceAccountName: "sa"}}
}

func TestAPodGetsACertificateOfEachKind(t *testing.T) {
	for _, kind := range []string{"RSA3072", "ECDSAP256", "ECDSAP384", "ECDSAP521", "ED25519"} {
		now := time.Now().Truncate(time.Second)
		s := &signer{t: t}
		cache, _ := cacheOf(s, &now)
		seconds := int32(7200)
		source := &v1.ProjectedVolumeSource{Sources: []v1.VolumeProjection{{PodCertificate: &v1.PodCertificateProjection{
			SignerName: "example.org/s", KeyType: kind, MaxExpirationSeconds: &seconds, CredentialBundlePath: "bundle.pem", KeyPath: "key.pem",
			CertificateChainPath: "chain.pem", UserAnnotations: map[string]string{"example.org/a": "b"},
		}}}}
		got, err := contents{Source: env.Source{Pod: certified()}, certificates: cache}.projected(t.Context(), "v", source)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tls.X509KeyPair(got["chain.pem"].Data, got["key.pem"].Data); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		bundle := got["bundle.pem"].Data
		if !bytes.HasPrefix(bundle, []byte("-----BEGIN PRIVATE KEY-----\n")) || !bytes.Equal(bundle, append(bytes.Clone(got["key.pem"].Data), got["chain.pem"].Data...)) {
			t.Errorf("%s: the bundle is\n%s", kind, bundle)
		}
		if strings.Contains(string(got["chain.pem"].Data), "a: b") || strings.Contains(string(got["chain.pem"].Data), "between") {
			t.Errorf("%s: the chain is\n%s", kind, got["chain.pem"].Data)
		}
		want := certificatesv1.PodCertificateRequestSpec{
			SignerName: "example.org/s", PodName: "p", PodUID: "p-uid", ServiceAccountName: "sa", ServiceAccountUID: "sa-uid", NodeName: "n", NodeUID: "n-uid",
			MaxExpirationSeconds: &seconds, StubPKCS10Request: s.last.Spec.StubPKCS10Request, UnverifiedUserAnnotations: map[string]string{"example.org/a": "b"},
		}
		if got := s.last.Spec; got.String() != want.String() {
			t.Errorf("%s: asked for\n%v, want\n%v", kind, got.String(), want.String())
		}
		if owners := s.last.OwnerReferences; len(owners) != 1 || owners[0].UID != "p-uid" {
			t.Errorf("%s: the request belongs to %v", kind, owners)
		}
	}
	if _, _, err := newKey("RSA1024"); err == nil {
		t.Error("a key of an unknown kind")
	}
}

func TestCertificatesAreRenewedWhenTheSignerSaid(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	s := &signer{t: t}
	cache, _ := cacheOf(s, &now)
	p := &v1.PodCertificateProjection{SignerName: "example.org/s", KeyType: "ECDSAP256"}
	var key []byte
	for _, step := range []struct {
		after    time.Duration
		refuses  bool
		requests int
		same, ok bool
	}{
		{0, false, 1, false, true}, {39 * time.Minute, false, 1, true, true},
		{time.Minute, true, 2, true, true}, {time.Minute, true, 2, true, true}, // a refusal, and the next try is not at once
		{5 * time.Minute, false, 3, false, true}, {41 * time.Minute, true, 4, true, true},
		{20 * time.Minute, true, 5, false, false}, // it is not good any more
	} {
		now, s.refuses = now.Add(step.after), step.refuses
		got, chain, err := cache.Certificate(t.Context(), certified(), "v", 0, p)
		if s.requests != step.requests || (err == nil) != step.ok {
			t.Fatalf("after %v: %d requests, %v; want %d", step.after, s.requests, err, step.requests)
		}
		if err == nil && (bytes.Equal(got, key) != step.same || len(chain) == 0) {
			t.Errorf("after %v: the same key: %v", step.after, !step.same)
		}
		key = got
	}
	if _, _, err := cache.Certificate(t.Context(), certified(), "v", 1, p); err == nil || !strings.HasSuffix(err.Error(), "was Denied: UnsupportedKeyType: try ED25519") {
		t.Errorf("refused: %v", err)
	}
	cache.Forget("p-uid")
	if len(cache.kept) != 0 {
		t.Error("keys of a pod that is gone are kept")
	}
}

// A signer may take its time: it is asked once, and its answer is seen when it comes.
func TestASignerIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		s := &signer{t: t}
		client := fake.NewClientset(&v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "sa"}})
		created := 0
		client.PrependReactor("create", "podcertificaterequests", func(action k8stesting.Action) (bool, runtime.Object, error) {
			created++
			action.(k8stesting.CreateAction).GetObject().(*certificatesv1.PodCertificateRequest).Name = "r"
			return false, nil, nil
		})
		cache := NewCertificateCache(client, func() *v1.Node { return &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}} })
		p := &v1.PodCertificateProjection{SignerName: "example.org/s", KeyType: "ECDSAP256"}
		if _, _, err := cache.Certificate(t.Context(), certified(), "v", 0, p); err == nil || !strings.Contains(err.Error(), `has not answered PodCertificateRequest "r" yet`) {
			t.Errorf("no answer: %v", err)
		}
		go func() {
			time.Sleep(issueWithin / 2)
			requests := client.CertificatesV1().PodCertificateRequests("ns")
			r, err := requests.Get(t.Context(), "r", metav1.GetOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			s.answer(r, now)
			if _, err := requests.UpdateStatus(t.Context(), r, metav1.UpdateOptions{}); err != nil {
				t.Error(err)
			}
		}()
		if _, chain, err := cache.Certificate(t.Context(), certified(), "v", 0, p); err != nil || len(chain) == 0 || created != 1 {
			t.Errorf("the answer came: %v, %d requests", err, created)
		}
	})
}
