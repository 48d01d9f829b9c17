package admission

import (
	"context"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	v1 "k8s.io/api/admissionregistration/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

func scaler(name string) *autoscalingv1.HorizontalPodAutoscaler {
	return &autoscalingv1.HorizontalPodAutoscaler{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: autoscalingv1.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "none-such"}, MaxReplicas: 1}}
}

var _ = Describe("what webhooks are asked", func() {
	f := New()

	f.It("admission/webhook-rules", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.validate(ctx, h.validating("no-secrets", "deny/no-secrets/403", func(w *v1.ValidatingWebhook) { w.Rules = onRule("", "secrets", v1.Create) }),
			h.validating("no-updates", "deny/no-updates/403", func(w *v1.ValidatingWebhook) { w.Rules = onRule("", "services", v1.Update) }),
			h.validating("no-cluster", "deny/no-cluster/403", func(w *v1.ValidatingWebhook) { w.Rules[0].Scope = ptr.To(v1.ClusterScope) }),
			h.validating("no-accounts", "deny/no-accounts/403", func(w *v1.ValidatingWebhook) {
				w.Rules = onRule("", "serviceaccounts", v1.OperationAll)
				w.Rules[0].Scope = ptr.To(v1.NamespacedScope)
			}))
		MustRefuse(f.TryCreate(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot"}}), http.StatusForbidden, "no-accounts")
		MustRefuse(f.TryCreate(ctx, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}}), http.StatusForbidden, "no-secrets")
		service := Service("web")
		m := configMap("m", nil)
		f.Create(ctx, service, m)
		MustRefuse(f.TryEdit(ctx, service, func() { service.Labels = map[string]string{"a": "b"} }), http.StatusForbidden, "no-updates")
		f.Edit(ctx, m, func() { m.Data = map[string]string{"k": "v"} })
		f.Delete(ctx, service)
	})

	f.It("admission/webhook-namespace-selector", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		other := f.NewNamespace(ctx, "other").Name
		key := "conformance.etalon.dev/strict"
		h.validate(ctx, h.validating("strict", "deny/strict-here/403", func(w *v1.ValidatingWebhook) {
			w.NamespaceSelector = &metav1.LabelSelector{MatchLabels: map[string]string{key: f.Namespace}}
		}))
		create := func() error {
			_, err := f.API.CoreV1().ConfigMaps(other).Create(ctx, configMap("m", nil), dryRun)
			return err
		}
		Expect(create()).To(Succeed(), "a namespace without the label")
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: other}}
		f.Patch(ctx, namespace, fmt.Sprintf(`{"metadata":{"labels":{%q:%q}}}`, key, f.Namespace))
		f.WaitUntil(ctx, "the labelled namespace is subject to the webhook", EventTimeout, func(context.Context) (bool, string) {
			err := create()
			return err != nil, "it was accepted"
		})
		MustRefuse(create(), http.StatusForbidden, "denied the request: strict-here")
		f.Patch(ctx, namespace, fmt.Sprintf(`{"metadata":{"labels":{%q:null}}}`, key))
		f.WaitUntil(ctx, "the namespace without the label is no longer", EventTimeout, func(context.Context) (bool, string) {
			err := create()
			return err == nil, fmt.Sprint(err)
		})
		f.Create(ctx, configMap("m", nil))
	})

	f.It("admission/webhook-object-selector", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.validate(ctx, h.validating("frozen", "deny/frozen/403", func(w *v1.ValidatingWebhook) {
			w.Rules = onRule("", "configmaps", v1.Create, v1.Update)
			w.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"frozen": "yes"}}
		}))
		with := configMap("with", nil)
		with.Labels = map[string]string{"frozen": "yes"}
		MustRefuse(f.TryCreate(ctx, with), http.StatusForbidden, "denied the request: frozen")
		without := configMap("without", nil)
		f.Create(ctx, without)
		// Either object counts, the one that was and the one that would be.
		MustRefuse(f.TryEdit(ctx, without, func() { without.Labels = map[string]string{"frozen": "yes"} }), http.StatusForbidden, "denied the request: frozen")
		f.Edit(ctx, without, func() { without.Data = map[string]string{"k": "v"} })
	})

	f.It("admission/webhook-match-conditions", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.validate(ctx, h.validating("conditions", "deny/matched/403", func(w *v1.ValidatingWebhook) {
			w.MatchConditions = []v1.MatchCondition{
				{Name: "not-ours", Expression: "!request.userInfo.username.startsWith('trusted-')"},
				{Name: "with-data", Expression: "has(object.data) && 'k' in object.data"},
			}
		}), h.validating("erring", "deny/never-asked", func(w *v1.ValidatingWebhook) {
			w.MatchConditions = []v1.MatchCondition{{Name: "errs", Expression: "object.metadata.labels['missing'] == 'x'"}, {Name: "by-name", Expression: "request.name == 'erring'"}}
		}))
		MustRefuse(f.TryCreate(ctx, configMap("matched", map[string]string{"k": "v"})), http.StatusForbidden, "denied the request: matched")
		// A condition that is false decides, whatever another one errs on.
		f.Create(ctx, configMap("other", map[string]string{"other": "v"}))
		_, err := f.As("trusted-"+f.Namespace, "system:masters").CoreV1().ConfigMaps(f.Namespace).Create(ctx, configMap("trusted", map[string]string{"k": "v"}), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		// One that errs, and none that is false, counts as a failure of the webhook.
		MustRefuse(f.TryCreate(ctx, configMap("erring", nil)), http.StatusForbidden, `configmaps "erring" is forbidden`)
		Expect(h.asked(ctx, "erring")).To(BeEmpty())
	})

	f.It("admission/webhook-match-policy", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		rule := func(policy v1.MatchPolicyType, name string) func(*v1.ValidatingWebhook) {
			return func(w *v1.ValidatingWebhook) {
				w.Rules, w.MatchPolicy, w.MatchConditions = onRule("autoscaling", "horizontalpodautoscalers", v1.Create), &policy, named(name)
				w.Rules[0].APIVersions = []string{"v2"}
			}
		}
		h.validate(ctx, h.validating("equivalent", "deny/equivalent/403", rule(v1.Equivalent, "equivalent")), h.validating("exact", "deny/exact/403", rule(v1.Exact, "exact")))
		MustRefuse(f.TryCreate(ctx, scaler("equivalent")), http.StatusForbidden, "denied the request: equivalent")
		request := h.askedLast(ctx, "equivalent", admissionv1.Create)
		Expect(request.Kind.Version).To(Equal("v2"), "the webhook gets the version it asked for")
		Expect(request.Resource.Version).To(Equal("v2"))
		Expect(request.RequestKind.Version).To(Equal("v1"), "and hears of the one that was sent")
		Expect(request.RequestResource.Version).To(Equal("v1"))
		Expect(string(request.Object.Raw)).To(ContainSubstring(`"apiVersion":"autoscaling/v2"`))
		f.Create(ctx, scaler("exact"))
		Expect(h.asked(ctx, "exact")).To(BeEmpty())
	})

	f.It("admission/webhook-configurations-exempt", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		mine := &metav1.LabelSelector{MatchLabels: map[string]string{"conformance.etalon.dev/exempt": f.Namespace}}
		rules := append(onRule("admissionregistration.k8s.io", "validatingwebhookconfigurations", v1.OperationAll), onRule("admissionregistration.k8s.io", "mutatingwebhookconfigurations", v1.OperationAll)...)
		h.validate(ctx, h.validating("self", "deny/never/403", func(w *v1.ValidatingWebhook) { w.Rules, w.NamespaceSelector, w.ObjectSelector = rules, nil, mine }))
		h.mutate(ctx, h.mutating("self", "label/touched/yes", func(w *v1.MutatingWebhook) { w.Rules, w.NamespaceSelector, w.ObjectSelector = rules, nil, mine }))
		meta := metav1.ObjectMeta{Name: f.Namespace + "-exempt", Labels: mine.MatchLabels}
		validating, mutating := &v1.ValidatingWebhookConfiguration{ObjectMeta: meta}, &v1.MutatingWebhookConfiguration{ObjectMeta: meta}
		f.CreateForCluster(ctx, validating, mutating)
		f.Edit(ctx, validating, func() { validating.Annotations = map[string]string{"a": "b"} })
		Expect(validating.Labels).To(Equal(mine.MatchLabels))
		Expect(mutating.Labels).To(Equal(mine.MatchLabels))
		f.Delete(ctx, validating)
		f.Delete(ctx, mutating)
		Expect(h.asked(ctx, meta.Name)).To(BeEmpty())
	})
})
