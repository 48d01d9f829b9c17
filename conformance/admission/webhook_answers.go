package admission

import (
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	v1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// named restricts a webhook to the object of that name, so that several can be judged in one configuration.
func named(name string) []v1.MatchCondition {
	return []v1.MatchCondition{{Name: "by-name", Expression: fmt.Sprintf("request.name == %q", name)}}
}

var _ = Describe("what webhooks answer", func() {
	f := New()

	f.It("admission/webhook-mutates", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.mutate(ctx, h.mutating("label", "label/colour/blue"))
		bare, labelled := configMap("bare", map[string]string{"k": "v"}), configMap("labelled", nil)
		labelled.Labels = map[string]string{"own": "kept", "colour": "red"}
		f.Create(ctx, bare, labelled)
		for range 2 { // what the server answered, then what it keeps
			Expect(bare.Labels).To(Equal(map[string]string{"colour": "blue"}))
			Expect(bare.Data).To(Equal(map[string]string{"k": "v"}))
			Expect(labelled.Labels).To(Equal(map[string]string{"own": "kept", "colour": "blue"}))
			f.Get(ctx, bare)
			f.Get(ctx, labelled)
		}
	})

	f.It("admission/webhook-mutation-judged", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.mutate(ctx, h.mutating("label", "label/colour/"+strings.Repeat("b", 64)))
		MustBeInvalid(f.TryCreate(ctx, configMap("m", nil)), "metadata.labels", "must be no more than 63 bytes")
		MustBeMissing(f.TryGet(ctx, configMap("m", nil)))
	})

	f.It("admission/webhook-denies", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.validate(ctx, h.validating("plain", "deny/no-more", func(w *v1.ValidatingWebhook) { w.MatchConditions = named("plain") }),
			h.validating("coded", "deny/out-of-room/507/no-storage", func(w *v1.ValidatingWebhook) { w.MatchConditions = named("coded") }))
		h.mutate(ctx, h.mutating("early", "deny/too-early/403", func(w *v1.MutatingWebhook) { w.MatchConditions = named("early") }))
		MustRefuse(f.TryCreate(ctx, configMap("plain", nil)), http.StatusBadRequest, `admission webhook "plain.hooks.etalon.dev" denied the request: no-more`)
		err := f.TryCreate(ctx, configMap("coded", nil))
		MustRefuse(err, http.StatusInsufficientStorage, `admission webhook "coded.hooks.etalon.dev" denied the request: out-of-room`)
		Expect(string(reasonOf(err))).To(Equal("no-storage"))
		MustRefuse(f.TryCreate(ctx, configMap("early", nil)), http.StatusForbidden, `admission webhook "early.hooks.etalon.dev" denied the request: too-early`)
		f.Create(ctx, configMap("other", nil))
		for _, name := range []string{"plain", "coded", "early"} {
			MustBeMissing(f.TryGet(ctx, configMap(name, nil)))
		}
	})

	f.It("admission/webhook-denies-changes", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		m := configMap("m", map[string]string{"k": "old"})
		f.Create(ctx, m)
		c := h.validate(ctx, h.validating("keep", "deny/keep-it/403", func(w *v1.ValidatingWebhook) {
			w.Rules = onRule("", "configmaps", v1.Update, v1.Delete)
			w.MatchConditions = []v1.MatchCondition{{Name: "by-name", Expression: "oldObject.metadata.name == 'm'"}} // deleting a collection names none
		}))
		MustRefuse(f.TryEdit(ctx, m, func() { m.Data["k"] = "new" }), http.StatusForbidden, "denied the request: keep-it")
		MustRefuse(f.TryPatch(ctx, m.DeepCopy(), "application/merge-patch+json", `{"data":{"k":"new"}}`), http.StatusForbidden, "denied the request: keep-it")
		MustRefuse(f.TryDelete(ctx, m), http.StatusForbidden, "denied the request: keep-it")
		err := f.API.CoreV1().ConfigMaps(f.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "metadata.name=m"})
		MustRefuse(err, http.StatusForbidden, "denied the request: keep-it")
		f.Get(ctx, m)
		Expect(m.Data).To(Equal(map[string]string{"k": "old"}))
		f.Delete(ctx, c)
		h.waitInForce(ctx, "in-force-1", false)
		f.Delete(ctx, m)
	})

	f.It("admission/webhook-warns", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		h.validate(ctx, h.validating("warn", "warn/mind-the-gap"))
		client, heard := listen(f)
		_, err := client.CoreV1().ConfigMaps(f.Namespace).Create(ctx, configMap("m", nil), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(heard.take()).To(Equal("mind-the-gap"))
	})

	f.It("admission/webhook-failure-policy", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		broken := map[string]v1.WebhookClientConfig{"status": h.at("status/500"), "garbage": h.at("garbage"), "other-uid": h.at("other-uid"), "no-service": h.at("allow"), "wrong-port": h.at("allow")}
		broken["no-service"].Service.Name = "none-such"
		broken["wrong-port"].Service.Port = ptr.To[int32](444)
		var fail []v1.ValidatingWebhook
		var ignore []v1.MutatingWebhook
		for kind, client := range broken {
			fail = append(fail, h.validating(kind, "", func(w *v1.ValidatingWebhook) {
				w.ClientConfig, w.MatchConditions, w.FailurePolicy = client, named("fail-"+kind), ptr.To(v1.Fail)
			}))
			ignore = append(ignore, h.mutating(kind, "", func(w *v1.MutatingWebhook) {
				w.ClientConfig, w.MatchConditions, w.FailurePolicy = client, named("ignore-"+kind), ptr.To(v1.Ignore)
			}))
		}
		h.validate(ctx, fail...)
		h.mutate(ctx, ignore...)
		for kind := range broken {
			MustRefuse(f.TryCreate(ctx, configMap("fail-"+kind, nil)), http.StatusInternalServerError, fmt.Sprintf("failed calling webhook %q", hookName(kind)))
			MustBeMissing(f.TryGet(ctx, configMap("fail-"+kind, nil)))
			f.Create(ctx, configMap("ignore-"+kind, nil))
		}
	})

	f.It("admission/webhook-timeout", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		// Longer than any request of this suite may take: were it waited for, no answer would come.
		late := func(policy v1.FailurePolicyType, name string) func(*v1.ValidatingWebhook) {
			return func(w *v1.ValidatingWebhook) {
				w.TimeoutSeconds, w.FailurePolicy, w.MatchConditions = ptr.To[int32](1), &policy, named(name)
			}
		}
		h.validate(ctx, h.validating("fail", "wait/120", late(v1.Fail, "fail")), h.validating("ignore", "wait/120", late(v1.Ignore, "ignore")),
			h.validating("in-time", "wait/0.1", func(w *v1.ValidatingWebhook) { w.MatchConditions = named("in-time") }))
		MustRefuse(f.TryCreate(ctx, configMap("fail", nil)), http.StatusInternalServerError, `failed calling webhook "fail.hooks.etalon.dev"`)
		f.Create(ctx, configMap("ignore", nil), configMap("in-time", nil))
	})

	f.It("admission/webhook-certificate", func(ctx SpecContext) {
		h := serveHooks(ctx, f)
		stranger, _ := selfSigned("hooks." + f.Namespace + ".svc")
		h.validate(ctx, h.validating("stranger", "allow", func(w *v1.ValidatingWebhook) {
			w.ClientConfig.CABundle, w.MatchConditions = stranger, named("stranger")
		}))
		f.Create(ctx, configMap("other", nil))
		MustRefuse(f.TryCreate(ctx, configMap("stranger", nil)), http.StatusInternalServerError, `failed calling webhook "stranger.hooks.etalon.dev"`, "x509")
		Expect(h.asked(ctx, "stranger")).To(BeEmpty())
	})
})
