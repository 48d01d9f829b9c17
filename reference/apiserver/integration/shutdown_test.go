package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// A server that stops is no longer ready, ends what it was asked before, closes watches without an error and is gone in
// bounded time, however many watches clients leave open.
func TestGracefulStop(t *testing.T) {
	own := apiservertest.New(t)
	client := kubernetes.NewForConfigOrDie(own.Config)
	held, err := client.CoreV1().Namespaces().Get(t.Context(), metav1.NamespaceDefault, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	path := "/api/v1/namespaces/" + held.Name + "/configmaps"
	factory := informers.NewSharedInformerFactory(client, 0)
	factory.Core().V1().ConfigMaps().Informer()
	factory.Core().V1().Pods().Informer()
	factory.Core().V1().Services().Informer()
	factory.Apps().V1().Deployments().Informer()
	factory.StartWithContext(t.Context())
	factory.WaitForCacheSync(t.Context().Done())

	watching := open(t, own.Config, path+"?watch=true")
	arrived, release := slowWebhook(t, own.Config, held.Name)
	codes := make(chan int, 64)
	sent := 0
	eventually(t, "a request is held", func() (string, bool) {
		i := sent
		sent++
		go func() { codes <- createAs(own.Config, path, i) }()
		select {
		case <-arrived:
			return "", true
		case code := <-codes:
			return fmt.Sprint(code), false
		}
	})

	stopped := make(chan struct{})
	go func() {
		own.Stop()
		close(stopped)
	}()
	eventually(t, "/readyz fails", func() (string, bool) {
		code := status(own.Stranger(), "/readyz")
		return fmt.Sprint(code), code != http.StatusOK
	})
	select {
	case <-stopped:
		t.Fatal("the server ended before what it was asked")
	default:
	}
	release()
	if code := <-codes; code != http.StatusCreated {
		t.Errorf("the request in flight: got %d", code)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, watching)
		ended <- err
	}()
	bound := time.After(45 * time.Second) // less than the minute after which the library cuts connections off
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("the watch ended with %v", err)
		}
	case <-bound:
		t.Fatal("the watch does not end")
	}
	select {
	case <-stopped:
	case <-bound:
		t.Error("watches keep the server from ending")
	}
}

// open sends a GET and returns the body as it comes.
func open(t *testing.T, config *rest.Config, path string) io.Reader {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+config.Host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp.Body
}

// status is the code of a GET over a new connection; 0: there was no answer.
func status(config *rest.Config, path string) int {
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return 0
	}
	resp, err := client.Get("https://" + config.Host + path)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}
