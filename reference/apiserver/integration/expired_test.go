package integration_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// What etcd has compacted is gone for those who ask for it: 410, and for a list in chunks a token to go on
// with, at the price of consistency. The server is started anew in between, for its caches remember longer.
func TestWhatWasCompactedHasExpired(t *testing.T) {
	server := apiservertest.New(t)
	client := kubernetes.NewForConfigOrDie(server.Config)
	maps := client.CoreV1().ConfigMaps("default")
	ctx := t.Context()
	for i := range 5 {
		_, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("c-", i), Labels: map[string]string{"of": "test"}}}, metav1.CreateOptions{})
		must(t, err)
	}
	first, err := maps.List(ctx, metav1.ListOptions{Limit: 2, LabelSelector: "of=test"})
	must(t, err)
	must(t, maps.Delete(ctx, "c-4", metav1.DeleteOptions{}))
	compact(t, server)
	server.Restart()
	client = kubernetes.NewForConfigOrDie(server.Config)
	maps = client.CoreV1().ConfigMaps("default")

	_, err = maps.List(ctx, metav1.ListOptions{Limit: 2, LabelSelector: "of=test", Continue: first.Continue})
	expired(t, "a chunk of an old list", err, "The provided continue parameter is too old to display a consistent list result")
	status, _ := err.(apierrors.APIStatus)
	rest, err := maps.List(ctx, metav1.ListOptions{LabelSelector: "of=test", Continue: status.Status().Continue})
	must(t, err)
	if len(rest.Items) != 2 || rest.Items[0].Name != "c-2" || rest.ResourceVersion == first.ResourceVersion {
		t.Errorf("went on at %s with %d items, wanted c-2 and c-3 as they are now", rest.ResourceVersion, len(rest.Items))
	}
	_, err = maps.List(ctx, metav1.ListOptions{ResourceVersion: first.ResourceVersion, ResourceVersionMatch: metav1.ResourceVersionMatchExact})
	expired(t, "an exact old list", err, "The resourceVersion for the provided list is too old")

	w, err := maps.Watch(ctx, metav1.ListOptions{ResourceVersion: first.ResourceVersion})
	if err == nil { // the answer may have begun before the server found out
		event, open := <-w.ResultChan()
		if !open || event.Type != watch.Error {
			t.Fatalf("a watch from an old version: got %v, wanted an error", event)
		}
		err = apierrors.FromObject(event.Object)
	}
	expired(t, "a watch from an old version", err, "too old resource version: "+first.ResourceVersion)
}

func expired(t *testing.T, what string, err error, text string) {
	t.Helper()
	if !apierrors.IsResourceExpired(err) && !apierrors.IsGone(err) || !strings.Contains(err.Error(), text) {
		t.Errorf("%s: got %v, wanted 410 with %q", what, err, text)
	}
}

// compact makes the server's etcd forget all but the present.
func compact(t *testing.T, server *apiservertest.Server) {
	t.Helper()
	etcd, err := clientv3.New(clientv3.Config{Endpoints: []string{"unix://" + filepath.Join(server.Options().EtcdDir, "client.sock")}})
	must(t, err)
	defer etcd.Close()
	now, err := etcd.Get(t.Context(), "x")
	must(t, err)
	_, err = etcd.Compact(t.Context(), now.Header.Revision, clientv3.WithCompactPhysical())
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
