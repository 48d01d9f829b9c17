package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
)

// Answer is what the API server answered to a plain HTTP request.
type Answer struct {
	Code   int
	Header http.Header
	Body   []byte
}

// Ask sends a plain HTTP request, where the very status, headers or bytes matter. The path may have a
// query; headers are names and values by turns. Only a failure of the transport fails the spec.
func (f *Framework) Ask(ctx context.Context, method, path, body string, headers ...string) Answer {
	GinkgoHelper()
	client, err := rest.HTTPClientFor(f.Config)
	f.must(err, "make an HTTP client")
	base, _, err := rest.DefaultServerUrlFor(f.Config)
	f.must(err, "find the server's address")
	ctx, cancel := context.WithTimeout(ctx, scaled(APITimeout))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(base.String(), "/")+path, strings.NewReader(body))
	f.must(err, "make the request %s %s", method, path)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	response, err := client.Do(request)
	f.must(err, "ask %s %s", method, path)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	f.must(err, "read the answer to %s %s", method, path)
	return Answer{Code: response.StatusCode, Header: response.Header, Body: text}
}

// Must fails the spec unless the answer has the status code and a body with every part.
func (a Answer) Must(code int, parts ...string) Answer {
	GinkgoHelper()
	if a.Code != code {
		Fail(fmt.Sprintf("wanted: an answer %d %s\n  seen: %s", code, http.StatusText(code), a))
	}
	for _, part := range parts {
		if !strings.Contains(string(a.Body), part) {
			Fail(fmt.Sprintf("wanted: an answer that says %q\n  seen: %s", part, a))
		}
	}
	return a
}

// Into reads the body, which must be JSON.
func (a Answer) Into(target any) {
	GinkgoHelper()
	if err := json.Unmarshal(a.Body, target); err != nil {
		Fail(fmt.Sprintf("wanted: JSON that fits %T (%v)\n  seen: %s", target, err, a))
	}
}

// Status reads the body as a refusal.
func (a Answer) Status() metav1.Status {
	GinkgoHelper()
	var status metav1.Status
	a.Into(&status)
	return status
}

// String tells the answer briefly.
func (a Answer) String() string {
	return fmt.Sprintf("%d %s %.1000s", a.Code, a.Header.Get("Content-Type"), a.Body)
}
