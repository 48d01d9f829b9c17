package admission

import (
	"context"
	"encoding/json"
	"net/http"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionv1 "k8s.io/api/admission/v1"
	v1 "k8s.io/api/admissionregistration/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// reasonOf is the reason of a refusal.
func reasonOf(err error) metav1.StatusReason { return apierrors.ReasonForError(err) }

// within reads an object of an AdmissionRequest.
func within(raw []byte) (m corev1.ConfigMap) {
	GinkgoHelper()
	Expect(json.Unmarshal(raw, &m)).To(Succeed(), "%s", raw)
	return m
}

var _ = Describe("admission reviews", func() {
	f := New()

	f.It("admission/webhook-review", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.validate(ctx, h.validating("look", "allow", func(w *v1.ValidatingWebhook) {
			w.Rules = onRule("", "configmaps", v1.OperationAll)
			w.MatchConditions = named("m")
		}))
		maps := f.As("alice-"+f.Namespace, "system:masters", "crew").CoreV1().ConfigMaps(f.Namespace)
		made, err := maps.Create(ctx, configMap("m", map[string]string{"k": "old"}), metav1.CreateOptions{FieldManager: "by-hand"})
		Expect(err).NotTo(HaveOccurred())
		made.Data["k"] = "new"
		_, err = maps.Update(ctx, made, metav1.UpdateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(maps.Delete(ctx, "m", metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})).To(Succeed())

		var asked []admissionv1.AdmissionRequest
		uids := map[string]bool{}
		for _, operation := range []admissionv1.Operation{admissionv1.Create, admissionv1.Update, admissionv1.Delete} {
			request := h.askedLast(ctx, "m", operation)
			asked = append(asked, request)
			uids[string(request.UID)] = true
			Expect(request.Kind).To(Equal(metav1.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}))
			Expect(request.Resource).To(Equal(metav1.GroupVersionResource{Version: "v1", Resource: "configmaps"}))
			Expect(request.RequestKind).To(HaveValue(Equal(request.Kind)))
			Expect(request.RequestResource).To(HaveValue(Equal(request.Resource)))
			Expect(request.SubResource).To(BeEmpty())
			Expect(request.Namespace).To(Equal(f.Namespace))
			Expect(request.UserInfo.Username).To(Equal("alice-" + f.Namespace))
			Expect(request.UserInfo.Groups).To(ConsistOf("system:masters", "crew", "system:authenticated"))
			Expect(request.DryRun).To(HaveValue(BeFalse()))
		}
		Expect(uids).To(HaveLen(3), "each request has a uid of its own")
		Expect(within(asked[0].Object.Raw).Data).To(Equal(map[string]string{"k": "old"}))
		Expect(asked[0].OldObject.Raw).To(Or(BeEmpty(), BeEquivalentTo("null")))
		Expect(string(asked[0].Options.Raw)).To(And(ContainSubstring(`"kind":"CreateOptions"`), ContainSubstring(`"fieldManager":"by-hand"`)))
		Expect(within(asked[1].Object.Raw).Data).To(Equal(map[string]string{"k": "new"}))
		Expect(within(asked[1].OldObject.Raw).Data).To(Equal(map[string]string{"k": "old"}))
		Expect(string(asked[1].Options.Raw)).To(ContainSubstring(`"kind":"UpdateOptions"`))
		Expect(asked[2].Object.Raw).To(Or(BeEmpty(), BeEquivalentTo("null")))
		Expect(within(asked[2].OldObject.Raw).Data).To(Equal(map[string]string{"k": "new"}))
		Expect(string(asked[2].Options.Raw)).To(And(ContainSubstring(`"kind":"DeleteOptions"`), ContainSubstring(`"gracePeriodSeconds":0`)))
	})

	f.It("admission/webhook-order", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.validate(ctx, h.validating("look", "allow"))
		h.mutate(ctx, h.mutating("label", "label/colour/blue"))
		f.Create(ctx, configMap("m", nil))
		asked := h.asked(ctx, "m")
		Expect(asked).To(HaveLen(2), "the mutating webhook, then the validating one")
		Expect(within(asked[0].Object.Raw).Labels).To(BeEmpty())
		Expect(within(asked[1].Object.Raw).Labels).To(Equal(map[string]string{"colour": "blue"}))
	})

	f.It("admission/webhook-reinvocation", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		// The first can only do its work once the second has done its own.
		first := func(name string, policy v1.ReinvocationPolicyType) v1.MutatingWebhook {
			return h.mutating(name, "label-if/second/"+name+"/yes", func(w *v1.MutatingWebhook) { w.ReinvocationPolicy = &policy })
		}
		h.mutate(ctx, first("again", v1.IfNeededReinvocationPolicy), first("once", v1.NeverReinvocationPolicy), h.mutating("second", "label/second/yes"))
		m := configMap("m", nil)
		f.Create(ctx, m)
		Expect(m.Labels).To(Equal(map[string]string{"second": "yes", "again": "yes"}))
	})

	f.It("admission/webhook-dry-run", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.mutate(ctx, h.mutating("label", "label/colour/blue", func(w *v1.MutatingWebhook) { w.SideEffects = ptr.To(v1.SideEffectClassNoneOnDryRun) }))
		m := configMap("m", nil)
		Expect(f.DryCreate(ctx, m)).To(Succeed())
		Expect(m.Labels).To(Equal(map[string]string{"colour": "blue"}))
		Expect(h.askedLast(ctx, "m", admissionv1.Create).DryRun).To(HaveValue(BeTrue()))
		MustBeMissing(f.TryGet(ctx, configMap("m", nil)))
		for _, effects := range []v1.SideEffectClass{v1.SideEffectClassSome, v1.SideEffectClassUnknown} {
			c := &v1.MutatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace + "-effects"},
				Webhooks: []v1.MutatingWebhook{h.mutating("label", "allow", func(w *v1.MutatingWebhook) { w.SideEffects = &effects })}}
			MustBeInvalid(f.DryCreate(ctx, c), "webhooks[0].sideEffects")
		}
	})

	f.It("admission/webhook-connect", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		rules := append(onRule("", "pods/exec", v1.Connect), onRule("", "pods/attach", v1.Connect)...)
		h.validate(ctx, h.validating("no-entry", "deny/no-entry/403", func(w *v1.ValidatingWebhook) {
			// Options have no labels: no selector picks them.
			w.Rules, w.ObjectSelector = rules, nil
		}))
		_, err := f.TryExec(ctx, "hooks", "main", nil, "/tool", "ls", "/tls")
		Expect(err).To(MatchError(ContainSubstring("denied the request: no-entry")))
		request := h.askedLast(ctx, "hooks", admissionv1.Connect)
		Expect(request.Resource).To(Equal(metav1.GroupVersionResource{Version: "v1", Resource: "pods"}))
		Expect(request.SubResource).To(Equal("exec"))
		Expect(request.Kind).To(Equal(metav1.GroupVersionKind{Version: "v1", Kind: "PodExecOptions"}))
		Expect(string(request.Object.Raw)).To(And(ContainSubstring(`"command":["/tool","ls","/tls"]`), ContainSubstring(`"container":"main"`)))
		err = f.Attach(ctx, "hooks", "main", nil, GinkgoWriter)
		Expect(err).To(MatchError(ContainSubstring("denied the request: no-entry")))
		Expect(f.API.CoreV1().Pods(f.Namespace).GetLogs("hooks", &corev1.PodLogOptions{}).Do(ctx).Error()).To(Succeed(), "logs are only read")
	})

	f.It("admission/webhook-subresources", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		d := Deployment("web", 1, Idle())
		f.Create(ctx, d)
		h.validate(ctx, h.validating("no-scaling", "deny/no-scaling/403", func(w *v1.ValidatingWebhook) { w.Rules = onRule("apps", "deployments/scale", v1.Update) }))
		scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: f.Namespace}, Spec: autoscalingv1.ScaleSpec{Replicas: 2}}
		_, err := f.API.AppsV1().Deployments(f.Namespace).UpdateScale(ctx, "web", scale, metav1.UpdateOptions{})
		MustRefuse(err, http.StatusForbidden, "denied the request: no-scaling")
		request := h.askedLast(ctx, "web", admissionv1.Update)
		Expect(request.SubResource).To(Equal("scale"))
		Expect(request.Kind).To(Equal(metav1.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"}))
		Expect(request.Resource).To(Equal(metav1.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}))
		f.Scale(ctx, d, 2)
		Expect(*d.Spec.Replicas).To(BeEquivalentTo(2), "the resource itself is not the subresource")
	})

	f.It("admission/webhook-custom-resource", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		widgets := customResource(ctx, f)
		onWidgets := onRule(group(f), "widgets", v1.Create, v1.Update)
		h.mutate(ctx, h.mutating("label", "label/colour/blue", func(w *v1.MutatingWebhook) { w.Rules = onWidgets }))
		h.validate(ctx, h.validating("deny", "deny/no-room/403", func(w *v1.ValidatingWebhook) { w.Rules, w.MatchConditions = onWidgets, named("large") }))
		create := func(name string) (*unstructured.Unstructured, error) {
			return widgets.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
				"apiVersion": group(f) + "/v1", "kind": "Widget", "metadata": map[string]any{"name": name}, "size": int64(3)}}, metav1.CreateOptions{})
		}
		var made *unstructured.Unstructured
		f.WaitUntil(ctx, "a Widget can be made", EventTimeout, func(context.Context) (bool, string) {
			var err error
			made, err = create("small")
			if err != nil {
				return false, err.Error()
			}
			return true, ""
		})
		Expect(made.GetLabels()).To(Equal(map[string]string{"colour": "blue"}))
		request := h.askedLast(ctx, "small", admissionv1.Create)
		Expect(request.Kind).To(Equal(metav1.GroupVersionKind{Group: group(f), Version: "v1", Kind: "Widget"}))
		Expect(string(request.Object.Raw)).To(ContainSubstring(`"size":3`))
		_, err := create("large")
		MustRefuse(err, http.StatusForbidden, "denied the request: no-room")
	})
})
