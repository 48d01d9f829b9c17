// Package integration_test asks one API server, over HTTPS and with a real etcd behind it, what the
// libraries it is made of are trusted to do, and whether we joined them as kube-apiserver does.
package integration_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

var api *apiservertest.Server

func TestMain(m *testing.M) { os.Exit(apiservertest.Main(m, &api)) }

func admin() *kubernetes.Clientset { return kubernetes.NewForConfigOrDie(api.Config) }

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

// ask sends a request as it stands; headers are name, value pairs.
func ask(t *testing.T, config *rest.Config, method, path, body string, headers ...string) answer {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSuffix(config.Host, "/")
	if !strings.Contains(url, "://") {
		url = "https://" + url
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp, string(content)}
}

func get(t *testing.T, path string, headers ...string) answer {
	t.Helper()
	return ask(t, api.Config, http.MethodGet, path, "", headers...)
}

func post(t *testing.T, path, body string, headers ...string) answer {
	t.Helper()
	return ask(t, api.Config, http.MethodPost, path, body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

func patch(t *testing.T, kind, path, body string) answer {
	t.Helper()
	return ask(t, api.Config, http.MethodPatch, path, body, "Content-Type", kind)
}

const (
	jsonPatch      = "application/json-patch+json"
	mergePatch     = "application/merge-patch+json"
	strategicPatch = "application/strategic-merge-patch+json"
	applyPatch     = "application/apply-patch+yaml"
)

// want fails unless the answer has the code and contains each text.
func (a answer) want(t *testing.T, code int, texts ...string) answer {
	t.Helper()
	if a.StatusCode != code {
		t.Fatalf("%s %s: got %d, wanted %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, code, clip(a.body))
	}
	for _, text := range texts {
		if !strings.Contains(a.message(), text) {
			t.Errorf("%s %s: wanted %q in: %s", a.Request.Method, a.Request.URL.Path, text, clip(a.message()))
		}
	}
	return a
}

// message is the message of a Status, or the body of anything else.
func (a answer) message() string {
	var status metav1.Status
	if json.Unmarshal([]byte(a.body), &status) == nil && status.Kind == "Status" && status.Message != "" {
		return status.Message
	}
	return a.body
}

// decode reads the body into a T.
func decode[T any](t *testing.T, a answer) *T {
	t.Helper()
	out := new(T)
	if err := json.Unmarshal([]byte(a.body), out); err != nil {
		t.Fatalf("%v in: %s", err, clip(a.body))
	}
	return out
}

func clip(s string) string {
	if len(s) > 2000 {
		return s[:2000] + "…"
	}
	return s
}

// namespace makes a namespace of the test's own.
func namespace(t *testing.T) string {
	t.Helper()
	ns, err := admin().CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return ns.Name
}
