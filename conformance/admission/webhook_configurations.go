package admission

import (
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	v1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("webhook configurations", func() {
	f := New()

	f.It("admission/webhook-configuration-changed", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		c := h.validate(ctx, h.validating("deny", "deny/first/403"))
		MustRefuse(f.TryCreate(ctx, configMap("m", nil)), http.StatusForbidden, "denied the request: first")

		// Each change moves the marker too, by which we know that it is in force.
		value, path, selector := h.marker()
		f.Edit(ctx, c, func() {
			c.Webhooks[0].Rules[0].Operations = []v1.OperationType{v1.Update}
			c.Webhooks[1].ClientConfig, c.Webhooks[1].ObjectSelector = h.at(path), selector
		})
		h.waitInForce(ctx, value, true)
		f.Create(ctx, configMap("m", nil))

		value, path, selector = h.marker()
		Expect(f.TryPatch(ctx, c, "application/strategic-merge-patch+json", `{"webhooks":[
			{"name":"deny.hooks.etalon.dev","clientConfig":{"service":{"name":"hooks","namespace":"`+f.Namespace+`","path":"/admit/deny/second/403"}},"rules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["configmaps"]}]},
			{"name":"marker.hooks.etalon.dev","clientConfig":{"service":{"name":"hooks","namespace":"`+f.Namespace+`","path":"/admit/`+path+`"}},"objectSelector":{"matchLabels":{"`+markerLabel+`":"`+selector.MatchLabels[markerLabel]+`"}}}]}`)).To(Succeed())
		h.waitInForce(ctx, value, true)
		MustRefuse(f.TryCreate(ctx, configMap("n", nil)), http.StatusForbidden, "denied the request: second")

		f.Delete(ctx, c)
		h.waitInForce(ctx, value, false)
		f.Create(ctx, configMap("n", nil))
	})

	f.It("admission/webhook-configurations-deleted", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.mutate(ctx, h.mutating("label", "label/one/yes"))
		h.mutate(ctx, h.mutating("label", "label/two/yes"))
		mine := metav1.ListOptions{LabelSelector: RunLabel + "=" + f.Namespace}
		configurations := f.API.AdmissionregistrationV1().MutatingWebhookConfigurations()
		list, err := configurations.List(ctx, mine)
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(HaveLen(2))
		m := configMap("m", nil)
		f.Create(ctx, m)
		Expect(m.Labels).To(Equal(map[string]string{"one": "yes", "two": "yes"}))
		Expect(configurations.DeleteCollection(ctx, metav1.DeleteOptions{}, mine)).To(Succeed())
		list, err = configurations.List(ctx, mine)
		Expect(err).NotTo(HaveOccurred())
		Expect(list.Items).To(BeEmpty())
		h.waitInForce(ctx, "in-force-1", false)
		h.waitInForce(ctx, "in-force-2", false)
		n := configMap("n", nil)
		f.Create(ctx, n)
		Expect(n.Labels).To(BeEmpty())
	})

	f.It("admission/webhook-configuration-defaults", func(ctx SpecContext) {
		client := v1.WebhookClientConfig{Service: &v1.ServiceReference{Namespace: f.Namespace, Name: "none-such"}}
		rules, effects, versions := onRule("", "configmaps", v1.Create), ptr.To(v1.SideEffectClassNone), []string{"v1"}
		validating := &v1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace},
			Webhooks: []v1.ValidatingWebhook{{Name: hookName("a"), ClientConfig: client, Rules: rules, SideEffects: effects, AdmissionReviewVersions: versions}}}
		mutating := &v1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace},
			Webhooks: []v1.MutatingWebhook{{Name: hookName("a"), ClientConfig: client, Rules: rules, SideEffects: effects, AdmissionReviewVersions: versions}}}
		Expect(f.DryCreate(ctx, validating)).To(Succeed())
		Expect(f.DryCreate(ctx, mutating)).To(Succeed())
		a, b := validating.Webhooks[0], mutating.Webhooks[0]
		for _, w := range []v1.ValidatingWebhook{a, {FailurePolicy: b.FailurePolicy, MatchPolicy: b.MatchPolicy, TimeoutSeconds: b.TimeoutSeconds,
			NamespaceSelector: b.NamespaceSelector, ObjectSelector: b.ObjectSelector, Rules: b.Rules, ClientConfig: b.ClientConfig}} {
			Expect(w.FailurePolicy).To(HaveValue(Equal(v1.Fail)))
			Expect(w.MatchPolicy).To(HaveValue(Equal(v1.Equivalent)))
			Expect(w.TimeoutSeconds).To(HaveValue(BeEquivalentTo(10)))
			Expect(w.NamespaceSelector).To(HaveValue(Equal(metav1.LabelSelector{})))
			Expect(w.ObjectSelector).To(HaveValue(Equal(metav1.LabelSelector{})))
			Expect(w.Rules[0].Scope).To(HaveValue(Equal(v1.AllScopes)))
			Expect(w.ClientConfig.Service.Port).To(HaveValue(BeEquivalentTo(443)))
		}
		Expect(b.ReinvocationPolicy).To(HaveValue(Equal(v1.NeverReinvocationPolicy)))
	})

	f.It("admission/webhook-configuration-malformed", func(ctx SpecContext) {
		h := &hooks{f: f}
		for field, spoil := range map[string]func(*v1.ValidatingWebhook){
			"webhooks[0].name":                    func(w *v1.ValidatingWebhook) { w.Name = "short.name" },
			"webhooks[0].timeoutSeconds":          func(w *v1.ValidatingWebhook) { w.TimeoutSeconds = ptr.To[int32](31) },
			"webhooks[0].failurePolicy":           func(w *v1.ValidatingWebhook) { w.FailurePolicy = ptr.To(v1.FailurePolicyType("Perhaps")) },
			"webhooks[0].admissionReviewVersions": func(w *v1.ValidatingWebhook) { w.AdmissionReviewVersions = []string{"v0"} },
			"webhooks[0].clientConfig":            func(w *v1.ValidatingWebhook) { w.ClientConfig.URL = ptr.To("https://example.com") },
			"webhooks[0].clientConfig.url": func(w *v1.ValidatingWebhook) {
				w.ClientConfig = v1.WebhookClientConfig{URL: ptr.To("http://example.com")}
			},
			"webhooks[0].clientConfig.service.path": func(w *v1.ValidatingWebhook) { w.ClientConfig.Service.Path = ptr.To("no/slash") },
			"webhooks[0].rules[0].operations[0]":    func(w *v1.ValidatingWebhook) { w.Rules[0].Operations[0] = "READ" },
			"webhooks[0].rules[0].apiVersions":      func(w *v1.ValidatingWebhook) { w.Rules[0].APIVersions = nil },
			"webhooks[0].matchConditions[0].expression": func(w *v1.ValidatingWebhook) {
				w.MatchConditions = []v1.MatchCondition{{Name: "a", Expression: "object.("}}
			},
			"webhooks[0].matchConditions[1].name": func(w *v1.ValidatingWebhook) {
				w.MatchConditions = []v1.MatchCondition{{Name: "a", Expression: "true"}, {Name: "a", Expression: "true"}}
			},
			"webhooks[0].objectSelector.matchExpressions[0].operator": func(w *v1.ValidatingWebhook) {
				w.ObjectSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}
			},
		} {
			c := &v1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Webhooks: []v1.ValidatingWebhook{h.validating("a", "allow", spoil)}}
			MustBeInvalid(f.DryCreate(ctx, c), field)
		}
		twice := &v1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Webhooks: []v1.ValidatingWebhook{h.validating("a", "allow"), h.validating("a", "allow")}}
		MustBeInvalid(f.DryCreate(ctx, twice), "webhooks[1].name")
	})
})
