package integration_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/rest"
)

// A list in chunks shows the state as of its first chunk and counts what is left.
func TestChunks(t *testing.T) {
	path := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	for i := range 5 {
		post(t, path, configMap(fmt.Sprint("c-", i), "")).want(t, http.StatusCreated)
	}
	first := decode[corev1.ConfigMapList](t, get(t, path+"?limit=2").want(t, http.StatusOK))
	if len(first.Items) != 2 || first.RemainingItemCount == nil || *first.RemainingItemCount != 3 || first.Continue == "" {
		t.Fatalf("first chunk: %+v", first.ListMeta)
	}
	post(t, path, configMap("c-9", "")).want(t, http.StatusCreated)
	rest := decode[corev1.ConfigMapList](t, get(t, path+"?limit=9&continue="+first.Continue).want(t, http.StatusOK))
	if len(rest.Items) != 3 || rest.Continue != "" || rest.ResourceVersion != first.ResourceVersion {
		t.Errorf("the rest: %d items, %+v", len(rest.Items), rest.ListMeta)
	}
	get(t, path+"?limit=1&continue=nonsense").want(t, http.StatusBadRequest, "continue key is not valid")
	get(t, path+"?limit=1&continue="+first.Continue+"&resourceVersion=1").want(t, http.StatusBadRequest, "specifying resource version is not allowed when using continue")
	get(t, path+"?resourceVersionMatch=Exact").want(t, http.StatusUnprocessableEntity, "resourceVersionMatch is forbidden unless resourceVersion is provided")
	get(t, path+"?resourceVersion=0&resourceVersionMatch=Exact").want(t, http.StatusUnprocessableEntity, `resourceVersionMatch "exact" is forbidden for resourceVersion "0"`)
	get(t, path+"?resourceVersion=999999999").want(t, http.StatusGatewayTimeout, "Too large resource version: 999999999, current: ")
}

// stream watches path until the test ends.
func stream(t *testing.T, path string) func() (watch.EventType, map[string]any) {
	t.Helper()
	client, err := rest.HTTPClientFor(api.Config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	host := api.Config.Host
	if !strings.Contains(host, "://") {
		host = "https://" + host
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, host+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	decoder := json.NewDecoder(bufio.NewReader(resp.Body))
	return func() (watch.EventType, map[string]any) {
		t.Helper()
		var event struct {
			Type   watch.EventType
			Object map[string]any
		}
		if err := decoder.Decode(&event); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		return event.Type, event.Object
	}
}

// An object that comes to match a selector is ADDED, one that ceases to is DELETED.
func TestWatchOfASelector(t *testing.T) {
	path := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	next := stream(t, path+"?watch=true&labelSelector=a%3Db&resourceVersion="+decode[corev1.ConfigMapList](t, get(t, path)).ResourceVersion)
	post(t, path, configMap("x", "")).want(t, http.StatusCreated)
	for _, step := range []struct {
		labels string
		want   watch.EventType
	}{{`{"a":"b"}`, watch.Added}, {`{"c":"d"}`, watch.Modified}, {`{"a":null}`, watch.Deleted}} {
		patch(t, mergePatch, path+"/x", `{"metadata":{"labels":`+step.labels+`}}`).want(t, http.StatusOK)
		if got, obj := next(); got != step.want {
			t.Errorf("labels %s: got %s %v, wanted %s", step.labels, got, obj, step.want)
		}
	}
}

// A watch that asks for it begins with what there is and a bookmark that says where that ends.
func TestWatchList(t *testing.T) {
	path := "/api/v1/namespaces/" + namespace(t) + "/configmaps"
	post(t, path, configMap("x", "")).want(t, http.StatusCreated)
	next := stream(t, path+"?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan")
	if kind, obj := next(); kind != watch.Added {
		t.Errorf("got %s %v", kind, obj)
	}
	kind, obj := next()
	annotations, _ := obj["metadata"].(map[string]any)["annotations"].(map[string]any)
	if kind != watch.Bookmark || annotations[metav1.InitialEventsAnnotationKey] != "true" {
		t.Errorf("got %s %v", kind, obj)
	}
	get(t, path+"?watch=true&sendInitialEvents=true").want(t, http.StatusUnprocessableEntity,
		"sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
}
