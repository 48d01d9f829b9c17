package api

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func gvr(group, version, resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: version, Resource: resource}
}

// converted defines Sites of v1beta1, which is stored, and v1, between which the webhook at path converts.
func converted(ctx context.Context, f *Framework, path string) *custom {
	GinkgoHelper()
	ca := f.ServeTLS(ctx, "convert", nil)
	return define(ctx, f,
		version("v1beta1", `{type: object, properties: {hostPort: {type: string}}}`)+version("v1", `{type: object, properties: {host: {type: string}, port: {type: string}}}`),
		fmt.Sprintf(`{conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {caBundle: %s, service: {namespace: %s, name: convert, path: /%s}}}}}`,
			base64.StdEncoding.EncodeToString(ca), f.Namespace, path))
}

var _ = Describe("versions of custom resources", func() {
	f := New()

	f.It("api/crd-versions", func(ctx SpecContext) {
		c := define(ctx, f, version("v1alpha1", anything)+version("v1", anything)+"- {name: v2, served: false, storage: false, schema: {openAPIV3Schema: "+anything+"}}\n")
		made := c.create(ctx, "v1alpha1", "same", `{spec: {a: 1}}`)
		seen := c.get(ctx, "v1", "same")
		Expect(seen.GetAPIVersion()).To(Equal(c.group + "/v1"))
		Expect(seen.GetUID()).To(Equal(made.GetUID()))
		Expect(seen.Object["spec"]).To(Equal(made.Object["spec"]))
		f.Ask(ctx, http.MethodGet, c.path("v2"), "").Must(http.StatusNotFound)
		var group metav1.APIGroup
		f.WaitUntil(ctx, "discovery tells both served versions", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, "/apis/"+c.group, "")
			if answer.Code == http.StatusOK {
				answer.Into(&group)
			}
			return len(group.Versions) == 2, answer.String()
		})
		Expect(group.PreferredVersion.Version).To(Equal("v1"), "a stable version goes before an alpha")
		c.change(ctx, `{versions: [{name: v1alpha1, served: false, storage: true, schema: {openAPIV3Schema: `+anything+`}}, {name: v1, served: true, storage: false, schema: {openAPIV3Schema: `+anything+`}}]}`)
		f.WaitUntil(ctx, "v1alpha1 is not served any more", SettleTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, c.path("v1alpha1"), "")
			return answer.Code == http.StatusNotFound, answer.String()
		})
		c.get(ctx, "v1", "same")
	})

	f.It("api/crd-stored-versions", func(ctx SpecContext) {
		const in = `schema: {openAPIV3Schema: ` + anything + `}`
		c := define(ctx, f, version("v1alpha1", anything)+version("v1", anything))
		Expect(at(c.current(ctx), "status", "storedVersions")).To(Equal([]any{"v1alpha1"}))
		c.change(ctx, `{versions: [{name: v1alpha1, served: true, storage: false, `+in+`}, {name: v1, served: true, storage: true, `+in+`}]}`)
		Expect(at(c.current(ctx), "status", "storedVersions")).To(ConsistOf("v1alpha1", "v1"))
		remove := func() error {
			_, err := definitions(f).Patch(ctx, c.name(), types.MergePatchType, asJSON(`{spec: {versions: [{name: v1, served: true, storage: true, `+in+`}]}}`), metav1.PatchOptions{})
			return err
		}
		MustBeInvalid(remove(), "status.storedVersions[0]", "v1alpha1")
		_, err := definitions(f).Patch(ctx, c.name(), types.MergePatchType, asJSON(`{status: {storedVersions: [v1]}}`), metav1.PatchOptions{}, "status")
		Expect(err).NotTo(HaveOccurred())
		Expect(remove()).To(Succeed())
		// One version is stored, no more and no fewer.
		none := definition(f, version("v1", anything))
		none.Object["spec"].(map[string]any)["versions"].([]any)[0].(map[string]any)["storage"] = false
		_, err = definitions(f).Create(ctx, none, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		MustBeInvalid(err, "spec.versions", "must have exactly one version marked as storage version")
	})

	f.It("api/crd-conversion", func(ctx SpecContext) {
		c := converted(ctx, f, "convert")
		c.create(ctx, "v1beta1", "old", `{hostPort: 'a.b:80'}`)
		f.WaitUntil(ctx, "the old Site can be read as v1", NetworkTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, c.path("v1")+"/old", "")
			return answer.Code == http.StatusOK, answer.String()
		})
		old := c.get(ctx, "v1", "old")
		Expect(old.Object).To(And(HaveKeyWithValue("host", "a.b"), HaveKeyWithValue("port", "80"), Not(HaveKey("hostPort")), HaveKeyWithValue("apiVersion", c.group+"/v1")))
		made := c.create(ctx, "v1", "new", `{host: c.d, port: '81'}`)
		Expect(made.Object).To(HaveKeyWithValue("host", "c.d"))
		Expect(c.get(ctx, "v1beta1", "new").Object).To(And(HaveKeyWithValue("hostPort", "c.d:81"), Not(HaveKey("host"))))
		_, err := c.patch(ctx, "v1", "new", `{port: '82'}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(c.get(ctx, "v1beta1", "new").Object).To(HaveKeyWithValue("hostPort", "c.d:82"))
		list, err := c.in("v1").List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(HaveLen(2))
		w, err := c.in("v1").Watch(ctx, metav1.ListOptions{ResourceVersion: list.GetResourceVersion()})
		Expect(err).NotTo(HaveOccurred())
		defer w.Stop()
		c.create(ctx, "v1beta1", "watched", `{hostPort: 'e.f:83'}`)
		var event watch.Event
		Eventually(ctx, w.ResultChan()).WithTimeout(EventTimeout).Should(Receive(&event))
		Expect(event.Object.(*unstructured.Unstructured).Object).To(And(HaveKeyWithValue("host", "e.f"), HaveKeyWithValue("port", "83")))
	})

	f.It("api/crd-conversion-failure", func(ctx SpecContext) {
		c := converted(ctx, f, "convert-nothing")
		c.create(ctx, "v1beta1", "kept", `{hostPort: 'a.b:80'}`)
		f.WaitUntil(ctx, "reading as v1 fails as the webhook says", NetworkTimeout, func(ctx context.Context) (bool, string) {
			answer := f.Ask(ctx, http.MethodGet, c.path("v1")+"/kept", "")
			return answer.Code == http.StatusInternalServerError && strings.Contains(string(answer.Body), "failing, as it was told to"), answer.String()
		})
		_, err := c.try(ctx, "v1", "new", `{host: c.d, port: '81'}`)
		MustRefuse(err, http.StatusInternalServerError, "conversion webhook for", "failing, as it was told to")
		Expect(c.get(ctx, "v1beta1", "kept").Object).To(HaveKeyWithValue("hostPort", "a.b:80"), "what is read as it is stored needs no conversion")
		f.Ask(ctx, http.MethodGet, c.path("v1beta1")+"/new", "").Must(http.StatusNotFound)
	})
})
