package labels

import (
	"context"
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// selected lists the names of the spec's ConfigMaps that the selector picks, sorted; the
// cluster's own kube-root-ca.crt is left out.
func selected(ctx context.Context, f *Framework, selector string) []string {
	GinkgoHelper()
	list, err := f.API.CoreV1().ConfigMaps(f.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	Expect(err).NotTo(HaveOccurred(), "list with the selector %q", selector)
	names := []string{}
	for _, item := range list.Items {
		if item.Name != "kube-root-ca.crt" {
			names = append(names, item.Name)
		}
	}
	slices.Sort(names)
	return names
}

// some creates objects that differ in the labels app and tier; "bare" has none.
func some(ctx context.Context, f *Framework) {
	GinkgoHelper()
	f.Create(ctx,
		labelled("web-front", map[string]string{"app": "web", "tier": "front"}),
		labelled("web-back", map[string]string{"app": "web", "tier": "back"}),
		labelled("db", map[string]string{"app": "db"}),
		labelled("bare", nil))
}

// expectSelected checks what each selector picks.
func expectSelected(ctx context.Context, f *Framework, want map[string][]string) {
	GinkgoHelper()
	for selector, names := range want {
		Expect(selected(ctx, f, selector)).To(Equal(names), "what %q picks", selector)
	}
}

var _ = Describe("label selectors", func() {
	f := New()

	f.It("labels/select-equality", func(ctx SpecContext) {
		some(ctx, f)
		expectSelected(ctx, f, map[string][]string{
			"":                 {"bare", "db", "web-back", "web-front"},
			"app=web":          {"web-back", "web-front"},
			"app==web":         {"web-back", "web-front"},
			"app = web":        {"web-back", "web-front"},
			"app!=web":         {"bare", "db"},
			"app=none":         {},
			"app=":             {},
			"tier!=front":      {"bare", "db", "web-back"},
			"app=we":           {},
			"example.com/a!=b": {"bare", "db", "web-back", "web-front"},
		})
	})

	f.It("labels/select-set", func(ctx SpecContext) {
		some(ctx, f)
		expectSelected(ctx, f, map[string][]string{
			"app in (web)":          {"web-back", "web-front"},
			"app in (web,db)":       {"db", "web-back", "web-front"},
			"app in (web, none)":    {"web-back", "web-front"},
			"app notin (web)":       {"bare", "db"},
			"tier notin (front,db)": {"bare", "db", "web-back"},
			"tier":                  {"web-back", "web-front"},
			"!tier":                 {"bare", "db"},
			"!app":                  {"bare"},
		})
	})

	f.It("labels/select-and", func(ctx SpecContext) {
		some(ctx, f)
		expectSelected(ctx, f, map[string][]string{
			"app=web,tier=front":                  {"web-front"},
			"app=web,tier!=front":                 {"web-back"},
			"app,!tier":                           {"db"},
			"app in (web,db),tier notin (back)":   {"db", "web-front"},
			"app=web,app=db":                      {},
			"app,tier,app=web,tier in (back,mid)": {"web-back"},
		})
	})

	f.It("labels/select-malformed", func(ctx SpecContext) {
		for _, selector := range []string{"a in b", "a,,b", "=b", "a in (", "a=b c", "!a=b", "-a=b"} {
			_, err := f.API.CoreV1().ConfigMaps(f.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
			MustRefuse(err, http.StatusBadRequest)
		}
	})

	f.It("labels/select-deletecollection", func(ctx SpecContext) {
		some(ctx, f)
		err := f.API.CoreV1().ConfigMaps(f.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app=web,tier in (back,front)"})
		Expect(err).NotTo(HaveOccurred())
		Expect(selected(ctx, f, "")).To(Equal([]string{"bare", "db"}))
	})
})
