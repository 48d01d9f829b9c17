package volumes

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"sync"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/kubelet/objects"
)

// Certificates gives pods certificates of their own.
type Certificates interface {
	// Certificate returns the key and the chain for a source of a pod's volume, both as PEM.
	Certificate(ctx context.Context, pod *v1.Pod, volume string, source int, p *v1.PodCertificateProjection) (key, chain []byte, err error)
}

const (
	// issueWithin is how long a pod's start waits for a signer before it says so, and waits again.
	issueWithin = 20 * time.Second
	// retryRefused is how long it takes until a signer that has refused to renew a certificate is asked again.
	retryRefused = 5 * time.Minute
)

// CertificateCache asks for certificates by PodCertificateRequests, keeps them and asks for new ones when the signer said
// (KEP-4317; docs: reference/access-authn-authz/certificate-signing-requests#pod-certificate-requests). Keys are nowhere but in
// the memory of the agent and of the pod: after its restart it asks anew.
type CertificateCache struct {
	Client kubernetes.Interface
	// Node returns the node as last seen.
	Node func() *v1.Node

	now  func() time.Time
	mu   sync.Mutex
	kept map[certificateKey]*credential
}

type certificateKey struct {
	pod    types.UID
	volume string
	source int
}

// credential is what one source of a volume has, and has asked for.
type credential struct {
	key, chain      []byte
	refresh, expire time.Time
	// asked is the name of a request without answer, with its key; refused is when one was refused last.
	asked    string
	askedKey []byte
	refused  time.Time
}

// NewCertificateCache returns an empty cache.
func NewCertificateCache(client kubernetes.Interface, node func() *v1.Node) *CertificateCache {
	return &CertificateCache{Client: client, Node: node, now: time.Now, kept: map[certificateKey]*credential{}}
}

// Forget drops what a pod has that is gone.
func (c *CertificateCache) Forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.kept {
		if key.pod == uid {
			delete(c.kept, key)
		}
	}
}

// Certificate implements Certificates. The calls for one pod follow each other.
func (c *CertificateCache) Certificate(ctx context.Context, pod *v1.Pod, volume string, source int, p *v1.PodCertificateProjection) (key, chain []byte, err error) {
	id := certificateKey{pod.UID, volume, source}
	c.mu.Lock()
	have := c.kept[id]
	if have == nil {
		have = &credential{}
		c.kept[id] = have
	}
	c.mu.Unlock()
	now := c.now()
	good := have.chain != nil && now.Before(have.expire)
	if good && (now.Before(have.refresh) || now.Before(have.refused.Add(retryRefused))) {
		return have.key, have.chain, nil
	}
	err = c.renew(ctx, have, pod, p, good)
	if err != nil && !good {
		return nil, nil, err
	}
	return have.key, have.chain, nil
}

// renew asks the signer if that was not done, and takes its answer. It waits for one unless the certificate that there is, is good.
func (c *CertificateCache) renew(ctx context.Context, have *credential, pod *v1.Pod, p *v1.PodCertificateProjection, good bool) error {
	if have.asked == "" {
		if err := c.ask(ctx, have, pod, p); err != nil {
			return err
		}
	}
	requests := c.Client.CertificatesV1().PodCertificateRequests(pod.Namespace)
	request, err := requests.Get(ctx, have.asked, metav1.GetOptions{})
	if err == nil && state(request) == "" && !good {
		request, err = c.await(ctx, request)
	}
	switch {
	case apierrors.IsNotFound(err):
		have.asked = ""
		return fmt.Errorf("the PodCertificateRequest is gone: %w", err)
	case err != nil:
		return err
	}
	switch answer := state(request); answer {
	case "":
		return fmt.Errorf("the signer %s has not answered PodCertificateRequest %q yet", request.Spec.SignerName, request.Name)
	case certificatesv1.PodCertificateRequestConditionTypeIssued:
		have.chain, err = certificatesOf(request.Status.CertificateChain)
		if err != nil {
			return err
		}
		have.key, have.asked, have.askedKey = have.askedKey, "", nil
		have.expire, have.refresh = timeOf(request.Status.NotAfter), timeOf(request.Status.BeginRefreshAt)
		return nil
	default:
		have.asked, have.askedKey, have.refused = "", nil, c.now()
		for _, condition := range request.Status.Conditions {
			if condition.Type == answer {
				return fmt.Errorf("PodCertificateRequest %q was %s: %s: %s", request.Name, answer, condition.Reason, condition.Message)
			}
		}
		return nil
	}
}

// ask creates the request.
func (c *CertificateCache) ask(ctx context.Context, have *credential, pod *v1.Pod, p *v1.PodCertificateProjection) error {
	node := c.Node()
	if node == nil {
		return errors.New("the node is not registered yet")
	}
	account, err := objects.Patiently(ctx, func() (*v1.ServiceAccount, error) {
		return c.Client.CoreV1().ServiceAccounts(pod.Namespace).Get(ctx, pod.Spec.ServiceAccountName, metav1.GetOptions{})
	})
	if err != nil {
		return fmt.Errorf("while getting the ServiceAccount: %w", err)
	}
	key, text, err := newKey(p.KeyType)
	if err != nil {
		return err
	}
	stub, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return err
	}
	request := &certificatesv1.PodCertificateRequest{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, GenerateName: "req-" + pod.Name + "-",
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}},
		},
		Spec: certificatesv1.PodCertificateRequestSpec{
			SignerName: p.SignerName, PodName: pod.Name, PodUID: pod.UID, ServiceAccountName: account.Name, ServiceAccountUID: account.UID,
			NodeName: types.NodeName(node.Name), NodeUID: node.UID, MaxExpirationSeconds: p.MaxExpirationSeconds,
			StubPKCS10Request: stub, UnverifiedUserAnnotations: p.UserAnnotations,
		},
	}
	made, err := objects.Patiently(ctx, func() (*certificatesv1.PodCertificateRequest, error) {
		return c.Client.CertificatesV1().PodCertificateRequests(pod.Namespace).Create(ctx, request, metav1.CreateOptions{})
	})
	if err != nil {
		return fmt.Errorf("while creating a PodCertificateRequest: %w", err)
	}
	have.asked, have.askedKey = made.Name, text
	return nil
}

// await waits until the signer has answered.
func (c *CertificateCache) await(ctx context.Context, request *certificatesv1.PodCertificateRequest) (*certificatesv1.PodCertificateRequest, error) {
	within, cancel := context.WithTimeout(ctx, issueWithin)
	defer cancel()
	w, err := c.Client.CertificatesV1().PodCertificateRequests(request.Namespace).Watch(within, metav1.ListOptions{
		FieldSelector: fields.SelectorFromSet(fields.Set{"spec.nodeName": string(request.Spec.NodeName), "metadata.name": request.Name}).String(),
		// Nothing since the last look may be missed.
		ResourceVersion: request.ResourceVersion,
	})
	if err != nil {
		return nil, err
	}
	defer w.Stop()
	for {
		select {
		case <-within.Done():
			return request, ctx.Err()
		case event, ok := <-w.ResultChan():
			next, is := event.Object.(*certificatesv1.PodCertificateRequest)
			if !ok || event.Type == watch.Deleted || !is {
				return request, ctx.Err()
			}
			if request = next; state(request) != "" {
				return request, nil
			}
		}
	}
}

// state is Issued, Denied or Failed, empty as long as the signer has not answered.
func state(r *certificatesv1.PodCertificateRequest) string {
	for _, c := range r.Status.Conditions {
		switch c.Type {
		case certificatesv1.PodCertificateRequestConditionTypeIssued, certificatesv1.PodCertificateRequestConditionTypeDenied,
			certificatesv1.PodCertificateRequestConditionTypeFailed:
			return c.Type
		}
	}
	return ""
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// newKey makes a key of the kind that pods name, and its PKCS#8 form as PEM.
func newKey(kind string) (crypto.Signer, []byte, error) {
	var key crypto.Signer
	var err error
	switch kind {
	case "RSA3072":
		key, err = rsa.GenerateKey(rand.Reader, 3072)
	case "RSA4096":
		key, err = rsa.GenerateKey(rand.Reader, 4096)
	case "ECDSAP256":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ECDSAP384":
		key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case "ECDSAP521":
		key, err = ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case "ED25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	default:
		err = fmt.Errorf("unknown key type %q", kind)
	}
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// certificatesOf returns the certificates of a chain without what stands between them and in their heads.
func certificatesOf(chain string) ([]byte, error) {
	var out []byte
	for rest := []byte(chain); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			out = append(out, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: block.Bytes})...)
		}
	}
	if out == nil {
		return nil, errors.New("the signer has issued no certificate")
	}
	return out, nil
}

// certificate is the content of a source with a certificate: one file with key and chain, or one for each.
func (c contents) certificate(ctx context.Context, volume string, source int, p *v1.PodCertificateProjection, mode *int32) (Payload, error) {
	if c.certificates == nil {
		return nil, errors.New("certificates cannot be projected here")
	}
	key, chain, err := c.certificates.Certificate(ctx, c.Pod, volume, source, p)
	if err != nil {
		return nil, err
	}
	secret := c.private(File{Mode: modeOf(nil, mode)})
	out := Payload{}
	for path, data := range map[string][]byte{p.CredentialBundlePath: append(key[:len(key):len(key)], chain...), p.KeyPath: key, p.CertificateChainPath: chain} {
		if path != "" {
			out[path] = File{Data: data, Mode: secret.Mode, Owner: secret.Owner}
		}
	}
	return out, nil
}
