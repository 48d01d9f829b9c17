package namespace

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// pods are what has to be gone before anything else is touched.
var pods = corev1.SchemeGroupVersion.WithResource("pods")

// content is a kind of object that a namespace can hold.
type content struct {
	resource   schema.GroupVersionResource
	list       bool // objects can be listed
	collection bool // they can be deleted in one request
}

// contents reads from the discovery documents what can be deleted: one version
// of each namespaced resource that has the verb delete. It is in a fixed order,
// and returns the group versions it could not parse as an error.
func contents(lists []*metav1.APIResourceList) ([]content, error) {
	var found []content
	var bad error
	for _, list := range lists {
		gv, err := schema.ParseGroupVersion(list.GroupVersion)
		if err != nil {
			bad = err
			continue
		}
		for _, resource := range list.APIResources {
			if !resource.Namespaced || !slices.Contains(resource.Verbs, "delete") {
				continue
			}
			found = append(found, content{
				resource:   gv.WithResource(resource.Name),
				list:       slices.Contains(resource.Verbs, "list"),
				collection: slices.Contains(resource.Verbs, "deletecollection"),
			})
		}
	}
	slices.SortFunc(found, func(a, b content) int {
		return slices.Compare([]string{a.resource.Group, a.resource.Resource}, []string{b.resource.Group, b.resource.Resource})
	})
	return found, bad
}

// patience is when to look again at a namespace that is not empty yet: soon at
// first, and less often the longer it has been waiting for its finalizers.
func patience(waited time.Duration) time.Duration {
	return min(max(waited/4, 100*time.Millisecond), 5*time.Second)
}

// finalizing reports whether the namespace is deleted and still has this
// controller's finalizer.
func finalizing(ns *corev1.Namespace) bool {
	return ns.DeletionTimestamp != nil && slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes)
}
