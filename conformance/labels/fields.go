package labels

import (
	"context"
	"net/http"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// podsByField lists the names of the pods that a field selector picks, sorted.
func podsByField(ctx context.Context, f *Framework, selector string) []string {
	GinkgoHelper()
	list, err := f.API.CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{FieldSelector: selector})
	Expect(err).NotTo(HaveOccurred(), "list with the field selector %q", selector)
	names := []string{}
	for _, item := range list.Items {
		names = append(names, item.Name)
	}
	slices.Sort(names)
	return names
}

var _ = Describe("field selectors", func() {
	f := New()

	f.It("labels/field-selectors", func(ctx SpecContext) {
		// Pods of a node that does not exist have a node name and stay Pending; nothing runs.
		bound := Pod("bound", "sleep", "1h")
		bound.Spec.NodeName = "none-such.conformance.etalon.dev"
		never := Idle()
		never.Name = "never"
		never.Spec.RestartPolicy = corev1.RestartPolicyNever
		f.Create(ctx, bound, never)
		f.Patch(ctx, never, `{"status":{"phase":"Failed"}}`, "status")
		for selector, names := range map[string][]string{
			"metadata.name=never":                              {"never"},
			"metadata.name!=never":                             {"bound"},
			"spec.nodeName==none-such.conformance.etalon.dev":  {"bound"},
			"spec.nodeName=":                                   {"never"},
			"spec.restartPolicy=Never":                         {"never"},
			"status.phase=Pending":                             {"bound"},
			"status.phase!=Pending,spec.restartPolicy!=Always": {"never"},
			"metadata.namespace=" + f.Namespace:                {"bound", "never"},
			"metadata.namespace=none-such":                     {},
		} {
			Expect(podsByField(ctx, f, selector)).To(Equal(names), "what %q picks", selector)
		}
	})

	f.It("labels/field-selectors-unsupported", func(ctx SpecContext) {
		_, err := f.API.CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "spec.hostname=web"})
		MustRefuse(err, http.StatusBadRequest, "field label not supported")
		_, err = f.API.CoreV1().ConfigMaps(f.Namespace).List(ctx, metav1.ListOptions{FieldSelector: "data.key=value"})
		MustRefuse(err, http.StatusBadRequest)
	})
})
