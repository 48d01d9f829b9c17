package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// livingKind is a kind of object whose life we follow.
type livingKind struct {
	group, version, resource string
	cluster                  bool
	// manifest is an object of the kind in YAML, without metadata; it starts nothing.
	manifest string
	// status is what can be written to the status subresource, in YAML; empty where the kind has none.
	status string
}

const livesLabel = "conformance.etalon.dev/lives"

// live lets objects of the kind be created, read, listed, watched, patched, replaced, reported on and
// deleted, one by one and as a collection.
func (k livingKind) live(ctx SpecContext, f *Framework) {
	GinkgoHelper()
	By(k.resource + " of " + k.group + "/" + k.version)
	everywhere := f.Dynamic().Resource(gvr(k.group, k.version, k.resource))
	var client dynamic.ResourceInterface = everywhere
	if !k.cluster {
		client = everywhere.Namespace(f.Namespace)
	}
	mine := metav1.ListOptions{LabelSelector: livesLabel + "=" + f.Namespace}
	if k.cluster {
		DeferCleanup(func(ctx SpecContext) {
			Expect(client.DeleteCollection(ctx, metav1.DeleteOptions{}, mine)).To(Succeed(), "remove the %s", k.resource)
		}, NodeTimeout(CleanUpTimeout))
	}
	describe := func(name string) *unstructured.Unstructured {
		object := FromYAML(k.manifest)
		object.SetName(f.Namespace + name)
		object.SetLabels(map[string]string{livesLabel: f.Namespace})
		return object
	}
	list, err := everywhere.List(ctx, mine)
	Expect(err).NotTo(HaveOccurred(), "list the %s", k.resource)
	Expect(list.Items).To(BeEmpty())
	watching := mine
	watching.ResourceVersion = list.GetResourceVersion()
	w, err := client.Watch(ctx, watching)
	Expect(err).NotTo(HaveOccurred(), "watch the %s", k.resource)
	defer w.Stop()

	made, err := client.Create(ctx, describe("-one"), metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred(), "create one of the %s", k.resource)
	Expect(made.GetUID()).NotTo(BeEmpty())
	Expect(made.GetCreationTimestamp().Time).NotTo(BeZero())
	_, err = client.Create(ctx, describe("-one"), metav1.CreateOptions{})
	MustRefuse(err, http.StatusConflict, "already exists")
	got, err := client.Get(ctx, made.GetName(), metav1.GetOptions{})
	Expect(err).NotTo(HaveOccurred(), "get one of the %s", k.resource)
	Expect(got.GetUID()).To(Equal(made.GetUID()))
	list, err = everywhere.List(ctx, mine)
	Expect(err).NotTo(HaveOccurred())
	Expect(list.Items).To(HaveLen(1), "the list of all %s", k.resource)

	patched, err := client.Patch(ctx, made.GetName(), types.MergePatchType, []byte(`{"metadata":{"annotations":{"patched":"yes"}}}`), metav1.PatchOptions{})
	Expect(err).NotTo(HaveOccurred(), "patch one of the %s", k.resource)
	Expect(patched.GetAnnotations()).To(HaveKeyWithValue("patched", "yes"))
	f.WaitUntil(ctx, "one of the "+k.resource+" is replaced", APITimeout, func(ctx context.Context) (bool, string) {
		current, err := client.Get(ctx, made.GetName(), metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		current.SetAnnotations(map[string]string{"patched": "yes", "updated": "yes"})
		updated, err := client.Update(ctx, current, metav1.UpdateOptions{})
		if apierrors.IsConflict(err) { // its controller was faster
			return false, err.Error()
		}
		Expect(err).NotTo(HaveOccurred(), "update one of the %s", k.resource)
		Expect(updated.GetAnnotations()).To(And(HaveKeyWithValue("patched", "yes"), HaveKeyWithValue("updated", "yes")))
		return true, ""
	})
	if k.status != "" {
		reported, err := client.Patch(ctx, made.GetName(), types.MergePatchType, asJSON("{status: "+k.status+"}"), metav1.PatchOptions{}, "status")
		Expect(err).NotTo(HaveOccurred(), "patch the status of one of the %s", k.resource)
		Expect(within(Fields(k.status), reported.Object["status"])).To(BeTrue(), "wanted in the status of %s: %s\nseen: %v", k.resource, k.status, reported.Object["status"])
		read, err := client.Get(ctx, made.GetName(), metav1.GetOptions{}, "status")
		Expect(err).NotTo(HaveOccurred(), "get the status of one of the %s", k.resource)
		Expect(read.GetUID()).To(Equal(made.GetUID()))
	}
	Expect(client.Delete(ctx, made.GetName(), metav1.DeleteOptions{})).To(Succeed(), "delete one of the %s", k.resource)
	Expect(nextOf(ctx, w)).To(Equal("ADDED " + made.GetName()))
	for changes := 0; ; changes++ {
		event := nextOf(ctx, w)
		if event == "DELETED "+made.GetName() {
			Expect(changes).To(BeNumerically(">=", 2), "changes that the watch told")
			break
		}
		Expect(event).To(Equal("MODIFIED " + made.GetName()))
	}
	_, err = client.Get(ctx, made.GetName(), metav1.GetOptions{})
	MustBeMissing(err)

	for _, name := range []string{"-two", "-three"} {
		_, err = client.Create(ctx, describe(name), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred(), "create another of the %s", k.resource)
	}
	Expect(client.DeleteCollection(ctx, metav1.DeleteOptions{}, mine)).To(Succeed(), "delete the collection of %s", k.resource)
	f.WaitUntil(ctx, "all "+k.resource+" of the spec are gone", SettleTimeout, func(ctx context.Context) (bool, string) {
		list, err := client.List(ctx, mine)
		if err != nil {
			return false, err.Error()
		}
		return len(list.Items) == 0, fmt.Sprintf("%d are left: %v", len(list.Items), list.Items)
	})
}

// within says whether everything of want is in got: every field of an object, every element of a list.
func within(want, got any) bool {
	switch want := want.(type) {
	case map[string]any:
		fields, _ := got.(map[string]any)
		for name, value := range want {
			if has, ok := fields[name]; !ok || !within(value, has) {
				return false
			}
		}
		return true
	case []any:
		elements, _ := got.([]any)
		for _, value := range want {
			found := false
			for _, has := range elements {
				found = found || within(value, has)
			}
			if !found {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(want, got)
}
