package admission_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

func newMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}
}

type (
	vwebhook = admissionregistrationv1.ValidatingWebhook
	mwebhook = admissionregistrationv1.MutatingWebhook
)

// TestWebhooks: what webhooks that are real HTTPS servers make of requests.
func TestWebhooks(t *testing.T) {
	client, warnings := connect(t, apiservertest.Start(t))
	h := newHooks(t)
	core := client.CoreV1()
	maps := rule("", "v1", "configmaps")

	t.Run("denial", func(t *testing.T) {
		newNamespace(t, client, "deny", nil)
		validating(t, client, "deny", h.at("/deny", deny(http.StatusTeapot, "no tea")), maps)
		err := known(t, client, "deny", refused)
		if want := `admission webhook "v.deny.example.com" denied the request: no tea`; err.Error() != want {
			t.Errorf("got %v, wanted %s", err, want)
		}
		if status, ok := err.(apierrors.APIStatus); !ok || status.Status().Code != http.StatusTeapot {
			t.Errorf("got %#v, wanted the webhook's code", err)
		}
		r := h.requests("/deny")[0]
		if r.Operation != admissionv1.Create || r.Namespace != "deny" || r.Name != "probe" || r.UserInfo.Username != "kubernetes-admin" || !ptr.Deref(r.DryRun, false) ||
			r.Kind.Kind != "ConfigMap" || r.Resource.Resource != "configmaps" || !strings.Contains(string(r.Object.Raw), `"kind":"ConfigMap"`) {
			t.Errorf("the webhook was asked %+v", r)
		}
		if _, err := core.ConfigMaps("default").Create(t.Context(), newMap("elsewhere"), metav1.CreateOptions{}); err != nil {
			t.Errorf("another namespace: %v", err)
		}
	})

	t.Run("failure policy", func(t *testing.T) {
		for _, c := range []struct {
			name   string
			config admissionregistrationv1.WebhookClientConfig
			want   string
		}{
			{"broken", h.at("/broken", broken), `failed calling webhook "v.broken.example.com": failed to call webhook: an error on the server ("out of order") has prevented the request from succeeding`},
			{"stranger", admissionregistrationv1.WebhookClientConfig{URL: ptr.To(h.URL)}, `failed calling webhook "v.stranger.example.com": failed to call webhook: Post`},
			{"no-service", admissionregistrationv1.WebhookClientConfig{Service: &admissionregistrationv1.ServiceReference{Namespace: "default", Name: "hook"}},
				`failed calling webhook "v.no-service.example.com": failed to call webhook: Post "https://hook.default.svc:443/?timeout=10s": service "hook" not found`},
		} {
			newNamespace(t, client, c.name, nil)
			validating(t, client, c.name, c.config, maps)
			if err := known(t, client, c.name, refused); !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, wanted %s", c.name, err, c.want)
			}
		}
		newNamespace(t, client, "ignored", nil)
		validating(t, client, "ignored", h.at("/ignored", broken), maps, func(w *vwebhook) { w.FailurePolicy = ptr.To(admissionregistrationv1.Ignore) })
		known(t, client, "ignored", func(err error) bool { return err == nil && len(h.requests("/ignored")) > 0 })
	})

	t.Run("timeout", func(t *testing.T) {
		newNamespace(t, client, "slow", nil)
		release := make(chan struct{})
		slow := func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			<-release
			return allow(r)
		}
		validating(t, client, "slow", h.at("/slow", slow), maps, func(w *vwebhook) { w.TimeoutSeconds = ptr.To(int32(1)) })
		err := known(t, client, "slow", refused)
		close(release)
		if !apierrors.IsInternalError(err) || !strings.Contains(err.Error(), `failed calling webhook "v.slow.example.com": failed to call webhook: Post`) || !strings.Contains(err.Error(), "context deadline exceeded") {
			t.Errorf("got %v, wanted a deadline", err)
		}
	})

	t.Run("selection", func(t *testing.T) {
		newNamespace(t, client, "some", nil)
		validating(t, client, "some", h.at("/some", deny(0, "selected")), maps, func(w *vwebhook) {
			w.ObjectSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "skip", Operator: metav1.LabelSelectorOpDoesNotExist}}}
			w.MatchConditions = []admissionregistrationv1.MatchCondition{{Name: "not-system", Expression: `!object.metadata.name.startsWith("system-")`}}
		})
		if err := known(t, client, "some", refused); err.(apierrors.APIStatus).Status().Code != http.StatusBadRequest {
			t.Errorf("got %#v, wanted 400 where the webhook names no code", err)
		}
		skipped := newMap("skipped")
		skipped.Labels = map[string]string{"skip": ""}
		for _, m := range []*corev1.ConfigMap{skipped, newMap("system-x")} {
			if _, err := core.ConfigMaps("some").Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
		}
	})

	t.Run("side effects", func(t *testing.T) {
		newNamespace(t, client, "effects", nil)
		validating(t, client, "effects", h.at("/effects", deny(0, "seen")), maps, func(w *vwebhook) {
			w.Name = "v1beta.effects.example.com"
			w.SideEffects = ptr.To(admissionregistrationv1.SideEffectClassNoneOnDryRun)
		})
		if err := known(t, client, "effects", refused); !strings.HasSuffix(err.Error(), "seen") {
			t.Errorf("a dry run did not reach a webhook that is safe in it: %v", err)
		}
	})

	t.Run("warnings and annotations", func(t *testing.T) {
		newNamespace(t, client, "warn", nil)
		warn := func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			return &admissionv1.AdmissionResponse{Allowed: true, Warnings: []string{"mind the gap"}, AuditAnnotations: map[string]string{"k": "v"}}
		}
		validating(t, client, "warn", h.at("/warn", warn), maps)
		warnings.take()
		known(t, client, "warn", func(err error) bool { return err == nil && warnings.take() == "mind the gap" })
	})

	t.Run("mutation", func(t *testing.T) {
		newNamespace(t, client, "mutate", nil)
		// The first adds what the second waits for; the second is asked in the order of names, and the
		// first once more, because the second changed the object.
		first := func(r *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
			if strings.Contains(string(r.Object.Raw), `"second"`) {
				return patch(`[{"op":"add","path":"/data/again","value":"yes"}]`)(r)
			}
			return patch(`[{"op":"add","path":"/data","value":{"first":"1"}}]`)(r)
		}
		mutating(t, client, "mutate",
			mwebhook{Name: "a.example.com", ClientConfig: h.at("/first", first), Rules: maps, ReinvocationPolicy: ptr.To(admissionregistrationv1.IfNeededReinvocationPolicy)},
			mwebhook{Name: "b.example.com", ClientConfig: h.at("/second", patch(`[{"op":"add","path":"/data/second","value":"2"}]`)), Rules: maps})
		var got *corev1.ConfigMap
		eventually(t, "both webhooks were asked", func(ctx context.Context) bool {
			var err error
			got, err = core.ConfigMaps("mutate").Create(ctx, newMap("m"), metav1.CreateOptions{DryRun: []string{"All"}})
			return err == nil && len(got.Data) > 0
		})
		if want := map[string]string{"first": "1", "second": "2", "again": "yes"}; fmt.Sprint(got.Data) != fmt.Sprint(want) {
			t.Errorf("got %v, wanted %v", got.Data, want)
		}
	})

	t.Run("bad patch", func(t *testing.T) {
		newNamespace(t, client, "bad-patch", nil)
		mutating(t, client, "bad-patch", mwebhook{Name: "bad.example.com", ClientConfig: h.at("/bad-patch", patch(`[{"op":"remove","path":"/nowhere"}]`)), Rules: maps})
		if err := known(t, client, "bad-patch", refused); !apierrors.IsInternalError(err) {
			t.Errorf("got %v, wanted 500", err)
		}
	})

	t.Run("equivalent versions", func(t *testing.T) {
		newNamespace(t, client, "equivalent", nil)
		validating(t, client, "equivalent", h.at("/equivalent", deny(0, "scaler")), rule("autoscaling", "v1", "horizontalpodautoscalers"))
		var err error
		eventually(t, "the other version is refused too", func(ctx context.Context) bool {
			err = client.AutoscalingV2().RESTClient().Post().Namespace("equivalent").Resource("horizontalpodautoscalers").Param("dryRun", "All").
				Body([]byte(`{"apiVersion":"autoscaling/v2","kind":"HorizontalPodAutoscaler","metadata":{"name":"h"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"d","apiVersion":"apps/v1"}}}`)).
				Do(ctx).Error()
			return refused(err) && len(h.requests("/equivalent")) > 0
		})
		r := h.requests("/equivalent")[0]
		if r.Kind.Version != "v1" || r.RequestKind.Version != "v2" || !strings.Contains(string(r.Object.Raw), `"autoscaling/v1"`) {
			t.Errorf("got %+v, wanted the version that the rule names: %v", r, err)
		}
	})

	t.Run("subresources", func(t *testing.T) {
		newNamespace(t, client, "sub", nil)
		if _, err := core.Pods("sub").Create(t.Context(), newPod("p"), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "d"}, Spec: appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: newPod("").Spec}}}
		if _, err := client.AppsV1().Deployments("sub").Create(t.Context(), d, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		rules := slices.Concat(maps, rule("", "v1", "pods/exec"), rule("", "v1", "pods/eviction"), rule("", "v1", "pods/status"), rule("apps", "v1", "deployments/scale"))
		validating(t, client, "sub", h.at("/sub", deny(0, "not this")), rules)
		known(t, client, "sub", refused)
		scale := &autoscalingv1.Scale{ObjectMeta: metav1.ObjectMeta{Name: "d", Namespace: "sub"}, Spec: autoscalingv1.ScaleSpec{Replicas: 2}}
		for name, call := range map[string]func() error{
			"CONNECT pods/exec": func() error {
				return core.RESTClient().Post().Namespace("sub").Resource("pods").Name("p").SubResource("exec").VersionedParams(&corev1.PodExecOptions{Command: []string{"ls"}, Stdout: true}, scheme.ParameterCodec).Do(t.Context()).Error()
			},
			"CREATE pods/eviction": func() error {
				return client.PolicyV1().Evictions("sub").Evict(t.Context(), &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "sub"}})
			},
			"UPDATE pods/status": func() error {
				pod := newPod("p")
				pod.Namespace = "sub"
				_, err := core.Pods("sub").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
				return err
			},
			"UPDATE deployments/scale": func() error {
				_, err := client.AppsV1().Deployments("sub").UpdateScale(t.Context(), "d", scale, metav1.UpdateOptions{})
				return err
			},
		} {
			if err := call(); err == nil || !strings.Contains(err.Error(), `denied the request: not this`) {
				t.Errorf("%s: got %v", name, err)
			}
			asked := h.requests("/sub")
			last := asked[len(asked)-1]
			if got := fmt.Sprintf("%s %s/%s", last.Operation, last.Resource.Resource, last.SubResource); got != name {
				t.Errorf("the webhook was asked for %s, wanted %s", got, name)
			}
		}
		if _, err := core.Pods("sub").Create(t.Context(), newPod("q"), metav1.CreateOptions{}); err != nil {
			t.Errorf("a rule of subresources matched the resource: %v", err)
		}
	})

	t.Run("configurations are out of reach", func(t *testing.T) {
		config := h.at("/self", deny(0, "mine for ever"))
		validating(t, client, "self", config, rule("*", "*", "*"), func(w *vwebhook) {
			w.NamespaceSelector = nil
			w.Rules = append(rule("admissionregistration.k8s.io", "*", "*"), w.Rules...)
			w.ObjectSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"self": "yes"}}
		})
		known(t, client, "default", func(error) bool {
			m := newMap("probe")
			m.Labels = map[string]string{"self": "yes"}
			_, err := core.ConfigMaps("default").Create(t.Context(), m, metav1.CreateOptions{DryRun: []string{"All"}})
			return refused(err)
		})
		api := client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
		got, err := api.Get(t.Context(), "self", metav1.GetOptions{})
		if err != nil || got.Generation != 1 {
			t.Fatalf("got generation %d, %v", got.Generation, err)
		}
		got.Labels = map[string]string{"self": "yes"}
		if got, err = api.Update(t.Context(), got, metav1.UpdateOptions{}); err != nil || got.Generation != 1 {
			t.Errorf("a label: got generation %d, %v", got.Generation, err)
		}
		got.Webhooks[0].TimeoutSeconds = ptr.To(int32(3))
		if got, err = api.Update(t.Context(), got, metav1.UpdateOptions{}); err != nil || got.Generation != 2 {
			t.Errorf("a change: got generation %d, %v", got.Generation, err)
		}
		if err := api.Delete(t.Context(), "self", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
}
