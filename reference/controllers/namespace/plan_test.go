package namespace

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func TestConditions(t *testing.T) {
	bad := newReport()
	bad.discovery = errors.New("no answer")
	bad.versions = errors.New("unexpected GroupVersion string: a/b/c")
	bad.deletion = []error{errors.New("secrets: forbidden")}
	bad.remaining = map[schema.GroupVersionResource]int{pods: 2, {Group: "apps", Version: "v1", Resource: "replicasets"}: 1}
	bad.finalizers = map[string]int{"example.com/b": 1, "example.com/a": 3}
	for name, test := range map[string]struct {
		report *report
		want   []string
	}{
		"all well": {newReport(), []string{
			"NamespaceDeletionDiscoveryFailure False ResourcesDiscovered All resources successfully discovered",
			"NamespaceDeletionGroupVersionParsingFailure False ParsedGroupVersions All legacy kube types successfully parsed",
			"NamespaceDeletionContentFailure False ContentDeleted All content successfully deleted, may be waiting on finalization",
			"NamespaceContentRemaining False ContentRemoved All content successfully removed",
			"NamespaceFinalizersRemaining False ContentHasNoFinalizers All content-preserving finalizers finished",
		}},
		"nothing well": {bad, []string{
			"NamespaceDeletionDiscoveryFailure True DiscoveryFailed no answer",
			"NamespaceDeletionGroupVersionParsingFailure True GroupVersionParsingFailed unexpected GroupVersion string: a/b/c",
			"NamespaceDeletionContentFailure True ContentDeletionFailed Failed to delete all resource types, 1 remaining: secrets: forbidden",
			"NamespaceContentRemaining True SomeResourcesRemain Some resources are remaining: pods. has 2 resource instances, replicasets.apps has 1 resource instances",
			"NamespaceFinalizersRemaining True SomeFinalizersRemain Some content in the namespace has finalizers remaining: example.com/a in 3 resource instances, example.com/b in 1 resource instances",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := conditions(nil, test.report, t0)
			for i, c := range got {
				if text := fmt.Sprintf("%s %s %s %s", c.Type, c.Status, c.Reason, c.Message); text != test.want[i] {
					t.Errorf("got  %q\nwant %q", text, test.want[i])
				}
			}
			later := conditions(got, test.report, t0.Add(time.Hour))
			if !slices.Equal(got, later) {
				t.Error("conditions that have not changed have a new time")
			}
		})
	}
}

func TestContents(t *testing.T) {
	got, err := contents([]*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "secrets", Namespaced: true, Verbs: metav1.Verbs{"delete", "deletecollection", "list"}},
			{Name: "nodes", Verbs: metav1.Verbs{"delete", "list"}},
			{Name: "bindings", Namespaced: true, Verbs: metav1.Verbs{"create"}},
			{Name: "pods", Namespaced: true, Verbs: metav1.Verbs{"delete", "list"}},
		}},
		{GroupVersion: "a/b/c"},
	})
	want := []content{{resource: pods, list: true}, {resource: corev1.SchemeGroupVersion.WithResource("secrets"), list: true, collection: true}}
	if !slices.Equal(got, want) || err == nil {
		t.Errorf("contents %+v, error %v; want %+v and an error", got, err, want)
	}
}

func TestPatience(t *testing.T) {
	for waited, want := range map[time.Duration]time.Duration{
		-time.Second: 100 * time.Millisecond, 0: 100 * time.Millisecond, 4 * time.Second: time.Second, time.Hour: 5 * time.Second,
	} {
		if got := patience(waited); got != want {
			t.Errorf("after %s: %s, want %s", waited, got, want)
		}
	}
}
