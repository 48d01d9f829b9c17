package admission

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	v1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// hooks is a server of webhooks in the spec's namespace: the test image behind the Service "hooks".
// Which answer it gives is in the path; see "tool serve".
type hooks struct {
	f  *Framework
	ca []byte
	// made counts what was made known of the configurations, so that each can be told from the one before.
	made int
}

// serveHooks starts the server, with a certificate of its own.
func serveHooks(ctx context.Context, f *Framework) *hooks {
	GinkgoHelper()
	certificate, key := selfSigned("hooks." + f.Namespace + ".svc")
	pod := Server("hooks", "--tls-cert", "/tls/tls.crt", "--tls-key", "/tls/tls.key")
	pod.Spec.Volumes = []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "hooks"}}}}
	pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "tls", MountPath: "/tls"}}
	service := Service("hooks")
	service.Spec.Ports[0].Port = 443
	f.Create(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "hooks"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key}}, service, pod)
	f.WaitPodReady(ctx, "hooks")
	return &hooks{f: f, ca: certificate}
}

// selfSigned makes a certificate for the name, which is its own authority.
func selfSigned(name string) (certificate, key []byte) {
	GinkgoHelper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, BasicConstraintsValid: true, IsCA: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	Expect(err).NotTo(HaveOccurred())
	text, err := x509.MarshalPKCS8PrivateKey(private)
	Expect(err).NotTo(HaveOccurred())
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// at says how to reach the server.
func (h *hooks) at(path string) v1.WebhookClientConfig {
	return v1.WebhookClientConfig{CABundle: h.ca, Service: &v1.ServiceReference{Namespace: h.f.Namespace, Name: "hooks", Path: ptr.To("/admit/" + path)}}
}

// asked returns what the server was asked of objects with the name so far.
func (h *hooks) asked(ctx context.Context, name string) []admissionv1.AdmissionRequest {
	GinkgoHelper()
	text, err := h.f.API.CoreV1().Services(h.f.Namespace).ProxyGet("https", "hooks", "443", "/admitted", nil).DoRaw(ctx)
	Expect(err).NotTo(HaveOccurred(), "ask the webhooks what they were asked")
	var all, about []admissionv1.AdmissionRequest
	Expect(json.Unmarshal(text, &all)).To(Succeed(), "%s", text)
	for _, request := range all {
		if request.Name == name {
			about = append(about, request)
		}
	}
	return about
}

// askedLast returns the last request about objects with the name. The API server may ask again when
// somebody else wrote to the object meanwhile, so that there may be more than one.
func (h *hooks) askedLast(ctx context.Context, name string, operation admissionv1.Operation) admissionv1.AdmissionRequest {
	GinkgoHelper()
	var last *admissionv1.AdmissionRequest
	for _, request := range h.asked(ctx, name) {
		if request.Operation == operation {
			last = &request
		}
	}
	Expect(last).NotTo(BeNil(), "the webhook was asked about %s of %s", operation, name)
	return *last
}

// markerLabel is on the objects by whose refusal we know that a configuration is in force; our other webhooks leave them alone.
const markerLabel = "conformance.etalon.dev/marker"

var noMarker = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: markerLabel, Operator: metav1.LabelSelectorOpDoesNotExist}}}

// onRule is a rule for operations on a resource of any version of a group.
func onRule(group, resource string, operations ...v1.OperationType) []v1.RuleWithOperations {
	return []v1.RuleWithOperations{{Operations: operations, Rule: v1.Rule{APIGroups: []string{group}, APIVersions: []string{"*"}, Resources: []string{resource}}}}
}

// onlyHere selects the spec's namespace, so that no other spec meets its webhooks.
func onlyHere(f *Framework) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: f.Namespace}}
}

// validating is a webhook for the creation of ConfigMaps in the spec's namespace, as changed.
func (h *hooks) validating(name, path string, change ...func(*v1.ValidatingWebhook)) v1.ValidatingWebhook {
	w := v1.ValidatingWebhook{Name: hookName(name), ClientConfig: h.at(path), Rules: onRule("", "configmaps", v1.Create),
		NamespaceSelector: onlyHere(h.f), ObjectSelector: noMarker, SideEffects: ptr.To(v1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"}}
	for _, c := range change {
		c(&w)
	}
	return w
}

// mutating is the like for mutating webhooks.
func (h *hooks) mutating(name, path string, change ...func(*v1.MutatingWebhook)) v1.MutatingWebhook {
	w := v1.MutatingWebhook{Name: hookName(name), ClientConfig: h.at(path), Rules: onRule("", "configmaps", v1.Create),
		NamespaceSelector: onlyHere(h.f), ObjectSelector: noMarker, SideEffects: ptr.To(v1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"}}
	for _, c := range change {
		c(&w)
	}
	return w
}

func hookName(name string) string { return name + ".hooks.etalon.dev" }

// marker names what a configuration in its newest state answers to.
func (h *hooks) marker() (value, path string, selector *metav1.LabelSelector) {
	h.made++
	value = fmt.Sprintf("in-force-%d", h.made)
	return value, "deny/" + value, &metav1.LabelSelector{MatchLabels: map[string]string{markerLabel: value}}
}

// validate puts a configuration of the webhooks in force.
func (h *hooks) validate(ctx context.Context, webhooks ...v1.ValidatingWebhook) *v1.ValidatingWebhookConfiguration {
	GinkgoHelper()
	value, path, selector := h.marker()
	webhooks = append(webhooks, h.validating("marker", path, func(w *v1.ValidatingWebhook) { w.ObjectSelector = selector }))
	c := &v1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", h.f.Namespace, h.made), Labels: map[string]string{RunLabel: h.f.Namespace}}, Webhooks: webhooks}
	h.f.CreateForCluster(ctx, c)
	h.waitInForce(ctx, value, true)
	return c
}

// mutate puts a configuration of the webhooks in force.
func (h *hooks) mutate(ctx context.Context, webhooks ...v1.MutatingWebhook) *v1.MutatingWebhookConfiguration {
	GinkgoHelper()
	value, path, selector := h.marker()
	webhooks = append(webhooks, h.mutating("marker", path, func(w *v1.MutatingWebhook) { w.ObjectSelector = selector }))
	c := &v1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-%d", h.f.Namespace, h.made), Labels: map[string]string{RunLabel: h.f.Namespace}}, Webhooks: webhooks}
	h.f.CreateForCluster(ctx, c)
	h.waitInForce(ctx, value, true)
	return c
}

// waitInForce waits until the API server, which learns of configurations by watching, knows of the marker, or no longer.
func (h *hooks) waitInForce(ctx context.Context, value string, want bool) {
	GinkgoHelper()
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: value, Labels: map[string]string{markerLabel: value}}}
	h.f.WaitUntil(ctx, fmt.Sprintf("it is %t that the webhook %s is in force", want, value), NetworkTimeout, func(ctx context.Context) (bool, string) {
		_, err := h.f.API.CoreV1().ConfigMaps(h.f.Namespace).Create(ctx, object, dryRun)
		denied := err != nil && err.Error() == fmt.Sprintf("admission webhook %q denied the request: %s", hookName("marker"), value)
		return denied == want && (want || err == nil), fmt.Sprintf("the answer %v", err)
	})
}
