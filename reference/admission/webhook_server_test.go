package admission_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// hooks is an HTTPS server of webhooks, one per path, which keeps what it was asked.
type hooks struct {
	*httptest.Server
	mu     sync.Mutex
	answer map[string]func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse
	asked  map[string][]*admissionv1.AdmissionRequest
}

func newHooks(t *testing.T) *hooks {
	h := &hooks{answer: map[string]func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse{}, asked: map[string][]*admissionv1.AdmissionRequest{}}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(h.serve))
	t.Cleanup(h.Close)
	return h
}

func (h *hooks) serve(w http.ResponseWriter, r *http.Request) {
	review := &admissionv1.AdmissionReview{}
	if err := json.NewDecoder(r.Body).Decode(review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	h.mu.Lock()
	answer := h.answer[r.URL.Path]
	h.asked[r.URL.Path] = append(h.asked[r.URL.Path], review.Request)
	h.mu.Unlock()
	response := answer(review.Request)
	if response == nil { // nothing that an API server would understand
		http.Error(w, "out of order", http.StatusInternalServerError)
		return
	}
	response.UID = review.Request.UID
	review.Request, review.Response = nil, response
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(review); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// requests are what the webhook at the path has been asked.
func (h *hooks) requests(path string) []*admissionv1.AdmissionRequest {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked[path]
}

// at serves answer at the path and says how to reach it.
func (h *hooks) at(path string, answer func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse) admissionregistrationv1.WebhookClientConfig {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answer[path] = answer
	return admissionregistrationv1.WebhookClientConfig{URL: ptr.To(h.URL + path),
		CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw})}
}

func allow(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	return &admissionv1.AdmissionResponse{Allowed: true}
}

func broken(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse { return nil }

func deny(code int32, message string) func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	return func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		return &admissionv1.AdmissionResponse{Result: &metav1.Status{Code: code, Message: message}}
	}
}

func patch(json string) func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	return func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		return &admissionv1.AdmissionResponse{Allowed: true, Patch: []byte(json), PatchType: ptr.To(admissionv1.PatchTypeJSONPatch)}
	}
}

// rule is that of requests to the resource in the group, of any operation.
func rule(group, version, resource string) []admissionregistrationv1.RuleWithOperations {
	return []admissionregistrationv1.RuleWithOperations{{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{group}, APIVersions: []string{version}, Resources: []string{resource}},
	}}
}

// within selects the namespace: tests share a server, and no webhook may see the others' requests.
func within(namespace string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}}
}

// validating registers a webhook for the namespace, changed as told, and waits until the API server
// knows it: configurations reach it by a watch.
func validating(t *testing.T, client kubernetes.Interface, namespace string, config admissionregistrationv1.WebhookClientConfig,
	rules []admissionregistrationv1.RuleWithOperations, change ...func(*admissionregistrationv1.ValidatingWebhook),
) {
	t.Helper()
	w := admissionregistrationv1.ValidatingWebhook{Name: "v." + namespace + ".example.com", ClientConfig: config, Rules: rules, NamespaceSelector: within(namespace),
		SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone), AdmissionReviewVersions: []string{"v1"}}
	for _, f := range change {
		f(&w)
	}
	c := &admissionregistrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Webhooks: []admissionregistrationv1.ValidatingWebhook{w}}
	if _, err := client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(t.Context(), c, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// mutating registers webhooks for the namespace, in this order.
func mutating(t *testing.T, client kubernetes.Interface, namespace string, webhooks ...admissionregistrationv1.MutatingWebhook) {
	t.Helper()
	for i := range webhooks {
		w := &webhooks[i]
		w.NamespaceSelector, w.SideEffects = within(namespace), ptr.To(admissionregistrationv1.SideEffectClassNone)
		w.AdmissionReviewVersions = []string{"v1"}
	}
	c := &admissionregistrationv1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: namespace}, Webhooks: webhooks}
	if _, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Create(t.Context(), c, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// known waits until a creation of a ConfigMap is dealt with as done says.
func known(t *testing.T, client kubernetes.Interface, namespace string, done func(error) bool) error {
	t.Helper()
	var last error
	eventually(t, "the webhook is known", func(ctx context.Context) bool {
		_, last = client.CoreV1().ConfigMaps(namespace).Create(ctx, newMap("probe"), metav1.CreateOptions{DryRun: []string{"All"}})
		return done(last)
	})
	return last
}

func refused(err error) bool { return err != nil }
