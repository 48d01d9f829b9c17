package fuzz_test

import (
	"context"
	"encoding/json"
	"math/rand"
	"net/http"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// TestServer sends mutated objects of every stored kind through the whole server: what it refuses is not
// there afterwards, what it accepts is there as it said, and it never fails.
func TestServer(t *testing.T) {
	client, err := kubernetes.NewForConfig(apiservertest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	api, valid := client.Discovery().RESTClient(), examples(t)
	r := rand.New(rand.NewSource(1))
	refused, stored := 0, 0
	for _, k := range servedKinds(t) {
		example := valid[k.GroupVersionKind]
		if k.create == nil || example == nil || k.Group == admissionregistrationv1.GroupName { // those would judge the others
			continue
		}
		for range 2 {
			if sent(t, api, k, mutate(example, random(t, k, r), r)) {
				stored++
			} else {
				refused++
			}
		}
	}
	if refused == 0 || stored == 0 {
		t.Errorf("%d objects refused, %d stored: this tested half of it", refused, stored)
	}
}

func sent(t *testing.T, api rest.Interface, k *kind, input []byte) bool {
	t.Helper()
	ctx := context.Background()
	segments := []string{"apis", k.Group, k.Version}
	if k.Group == "" {
		segments = []string{"api", k.Version}
	}
	if k.create.NamespaceScoped() {
		segments = append(segments, "namespaces", "default")
	}
	collection := append(segments, k.resource)
	before := uids(t, api, collection)
	result := api.Post().AbsPath(collection...).SetHeader("Content-Type", "application/json").Body(input).Do(ctx)
	var code int
	result.StatusCode(&code)
	after := uids(t, api, collection)
	body, err := result.Raw()
	switch {
	case code >= http.StatusInternalServerError || code == 0:
		t.Errorf("%s: %d %v\ninput: %s", k, code, err, input)
	case code >= http.StatusBadRequest:
		for uid := range after {
			if !before[uid] {
				t.Errorf("%s: stored, although refused with %d: %v\ninput: %s", k, code, err, input)
			}
		}
	default:
		o := &unstructured.Unstructured{}
		if err := json.Unmarshal(body, &o.Object); err != nil {
			t.Fatal(err)
		}
		if !after[string(o.GetUID())] {
			t.Errorf("%s: accepted, but not there\ninput: %s", k, input)
		}
		item := append(collection, o.GetName())
		if got, err := api.Get().AbsPath(item...).DoRaw(ctx); err != nil || !strings.Contains(string(got), string(o.GetUID())) {
			t.Errorf("%s: accepted, but cannot be read: %v\ninput: %s", k, err, input)
		}
		if err := api.Delete().AbsPath(item...).Body([]byte(`{"gracePeriodSeconds":0}`)).SetHeader("Content-Type", "application/json").Do(ctx).Error(); err != nil {
			t.Errorf("%s: accepted, but cannot be deleted: %v", k, err)
		}
		return true
	}
	return false
}

// uids are those of a collection's objects; the server makes some of its own at any time.
func uids(t *testing.T, api rest.Interface, collection []string) map[string]bool {
	t.Helper()
	data, err := api.Get().AbsPath(collection...).SetHeader("Accept", "application/json").DoRaw(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var list unstructured.UnstructuredList
	if err := list.UnmarshalJSON(data); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for i := range list.Items {
		found[string(list.Items[i].GetUID())] = true
	}
	return found
}
