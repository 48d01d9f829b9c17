package integration_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
)

const flowControlPath = "/apis/flowcontrol.apiserver.k8s.io/v1"

// eventually polls until done says so, and fails with what it said last.
func eventually(t *testing.T, what string, done func() (string, bool)) {
	t.Helper()
	last := ""
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(context.Context) (ok bool, _ error) {
		last, ok = done()
		return ok, nil
	})
	if err != nil {
		t.Fatalf("%s: %v; last: %s", what, err, clip(last))
	}
}

// The mandatory and the suggested objects are there, marked as the server's to maintain.
func TestDefaultFlowControl(t *testing.T) {
	for _, schema := range append(bootstrap.MandatoryFlowSchemas, bootstrap.SuggestedFlowSchemas...) {
		got := decode[flowcontrolv1.FlowSchema](t, get(t, flowControlPath+"/flowschemas/"+schema.Name).want(t, http.StatusOK))
		if got.Annotations[flowcontrolv1.AutoUpdateAnnotationKey] != "true" || got.Spec.MatchingPrecedence != schema.Spec.MatchingPrecedence {
			t.Errorf("%s: %+v", schema.Name, got)
		}
	}
	for _, level := range append(bootstrap.MandatoryPriorityLevelConfigurations, bootstrap.SuggestedPriorityLevelConfigurations...) {
		got := decode[flowcontrolv1.PriorityLevelConfiguration](t, get(t, flowControlPath+"/prioritylevelconfigurations/"+level.Name).want(t, http.StatusOK))
		if got.Annotations[flowcontrolv1.AutoUpdateAnnotationKey] != "true" || got.Spec.Type != level.Spec.Type {
			t.Errorf("%s: %+v", level.Name, got)
		}
	}
}

// Deletions are undone; edits are undone while the server owns the spec and stay once the annotation says otherwise.
func TestFlowControlIsMaintained(t *testing.T) {
	schema := func(name string) (out flowcontrolv1.FlowSchema, ok bool) {
		a := get(t, flowControlPath+"/flowschemas/"+name)
		return out, a.StatusCode == http.StatusOK && json.Unmarshal([]byte(a.body), &out) == nil
	}
	for _, name := range []string{flowcontrolv1.FlowSchemaNameCatchAll, "service-accounts"} {
		before, _ := schema(name)
		ask(t, api.Config, http.MethodDelete, flowControlPath+"/flowschemas/"+name, "").want(t, http.StatusOK)
		eventually(t, name+" comes back", func() (string, bool) {
			now, ok := schema(name)
			return fmt.Sprint(now), ok && now.UID != before.UID && now.Spec.MatchingPrecedence == before.Spec.MatchingPrecedence
		})
	}

	path := flowControlPath + "/flowschemas/service-accounts"
	patch(t, mergePatch, path, `{"spec":{"matchingPrecedence":8999}}`).want(t, http.StatusOK)
	eventually(t, "an edit is undone", func() (string, bool) {
		now, _ := schema("service-accounts")
		return fmt.Sprint(now), now.Spec.MatchingPrecedence == 9000
	})
	patch(t, mergePatch, path, `{"metadata":{"annotations":{"apf.kubernetes.io/autoupdate-spec":"false"}},"spec":{"matchingPrecedence":8999}}`).want(t, http.StatusOK)
	// Deleting another shows that maintenance has come by since.
	ask(t, api.Config, http.MethodDelete, flowControlPath+"/flowschemas/global-default", "").want(t, http.StatusOK)
	eventually(t, "global-default comes back", func() (string, bool) {
		now, ok := schema("global-default")
		return fmt.Sprint(now), ok
	})
	if now, _ := schema("service-accounts"); now.Spec.MatchingPrecedence != 8999 {
		t.Errorf("an administrator's edit was undone: %v", now.Spec)
	}
	patch(t, mergePatch, path, `{"metadata":{"annotations":{"apf.kubernetes.io/autoupdate-spec":"true"}}}`).want(t, http.StatusOK)
	eventually(t, "the spec is the server's again", func() (string, bool) {
		now, _ := schema("service-accounts")
		return fmt.Sprint(now), now.Spec.MatchingPrecedence == 9000
	})

	post(t, flowControlPath+"/flowschemas", `{"metadata":{"name":"of-an-earlier-release","annotations":{"apf.kubernetes.io/autoupdate-spec":"true"}},
		"spec":{"priorityLevelConfiguration":{"name":"global-default"},"matchingPrecedence":9998}}`).want(t, http.StatusCreated)
	ask(t, api.Config, http.MethodDelete, flowControlPath+"/flowschemas/probes", "").want(t, http.StatusOK)
	eventually(t, "a stray goes", func() (string, bool) {
		now, ok := schema("of-an-earlier-release")
		return fmt.Sprint(now), !ok
	})
}

// What administrators say of the exempt level's shares stays.
func TestExemptLevelMayBeTuned(t *testing.T) {
	path := flowControlPath + "/prioritylevelconfigurations/exempt"
	patch(t, mergePatch, path, `{"spec":{"exempt":{"nominalConcurrencyShares":5,"lendablePercent":10}}}`).want(t, http.StatusOK)
	ask(t, api.Config, http.MethodDelete, flowControlPath+"/flowschemas/probes", "").want(t, http.StatusOK)
	eventually(t, "maintenance comes by", func() (string, bool) {
		a := get(t, flowControlPath+"/flowschemas/probes")
		return a.body, a.StatusCode == http.StatusOK
	})
	got := decode[flowcontrolv1.PriorityLevelConfiguration](t, get(t, path))
	if e := got.Spec.Exempt; e == nil || ptr.Deref(e.NominalConcurrencyShares, 0) != 5 || ptr.Deref(e.LendablePercent, 0) != 10 {
		t.Errorf("got %+v", got.Spec)
	}
	patch(t, mergePatch, path, `{"spec":{"type":"Limited"}}`).want(t, http.StatusUnprocessableEntity)
}

// slowWebhook holds the creation of ConfigMaps in the namespace until the returned function is called.
func slowWebhook(t *testing.T, config *rest.Config, namespace string) (arrived <-chan struct{}, release func()) {
	t.Helper()
	came, gate := make(chan struct{}, 64), make(chan struct{})
	release = sync.OnceFunc(func() { close(gate) })
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		came <- struct{}{}
		<-gate
		review.Response = &admissionv1.AdmissionResponse{UID: review.Request.UID, Allowed: true}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	t.Cleanup(release)
	hook := &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "slow-" + namespace},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: "slow.example.com", AdmissionReviewVersions: []string{"v1"}, TimeoutSeconds: ptr.To[int32](30),
			SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{
				URL: ptr.To(server.URL), CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
			},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": namespace}},
			ObjectSelector:    &metav1.LabelSelector{MatchLabels: map[string]string{"slow": "yes"}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"configmaps"}},
			}},
		}},
	}
	api := kubernetes.NewForConfigOrDie(config).AdmissionregistrationV1().ValidatingWebhookConfigurations()
	if _, err := api.Create(t.Context(), hook, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return came, release
}

// A level with one seat and no queue takes one request at a time and refuses the next with 429; every answer says by which
// schema and level it was served; an edit of the level takes effect.
func TestOverload(t *testing.T) {
	ns := namespace(t)
	path := "/api/v1/namespaces/" + ns + "/configmaps"
	user := api.User("greedy")
	if out := post(t, "/apis/rbac.authorization.k8s.io/v1/namespaces/"+ns+"/rolebindings", `{"metadata":{"name":"greedy"},
		"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"admin"},
		"subjects":[{"apiGroup":"rbac.authorization.k8s.io","kind":"User","name":"greedy"}]}`); out.StatusCode != http.StatusCreated {
		t.Fatal(out.body)
	}
	level := decode[flowcontrolv1.PriorityLevelConfiguration](t, post(t, flowControlPath+"/prioritylevelconfigurations", `{"metadata":{"name":"tiny"},
		"spec":{"type":"Limited","limited":{"nominalConcurrencyShares":1,"borrowingLimitPercent":0,"limitResponse":{"type":"Reject"}}}}`).want(t, http.StatusCreated))
	schema := decode[flowcontrolv1.FlowSchema](t, post(t, flowControlPath+"/flowschemas", `{"metadata":{"name":"greedy"},"spec":{
		"priorityLevelConfiguration":{"name":"tiny"},"matchingPrecedence":100,
		"rules":[{"subjects":[{"kind":"User","user":{"name":"greedy"}}],
			"resourceRules":[{"verbs":["*"],"apiGroups":["*"],"resources":["*"],"namespaces":["*"]}]}]}}`).want(t, http.StatusCreated))
	t.Cleanup(func() {
		client := admin().FlowcontrolV1()
		if err := client.FlowSchemas().Delete(context.Background(), "greedy", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
		if err := client.PriorityLevelConfigurations().Delete(context.Background(), "tiny", metav1.DeleteOptions{}); err != nil {
			t.Error(err)
		}
	})
	eventually(t, "requests are of the new level", func() (string, bool) {
		a := ask(t, user, http.MethodGet, path, "")
		return fmt.Sprint(a.StatusCode, a.Header), a.StatusCode == http.StatusOK &&
			a.Header.Get(flowcontrolv1.ResponseHeaderMatchedFlowSchemaUID) == string(schema.UID) &&
			a.Header.Get(flowcontrolv1.ResponseHeaderMatchedPriorityLevelConfigurationUID) == string(level.UID)
	})

	arrived, release := slowWebhook(t, api.Config, ns)
	var held sync.WaitGroup
	defer held.Wait()
	defer release()
	codes := make(chan int, 64)
	create := func(i int) {
		held.Go(func() { codes <- createAs(user, path, i) })
	}
	// The webhook takes effect some time after it was made: requests pass it until one is held.
	sent := 0
	eventually(t, "a request is held", func() (string, bool) {
		create(sent)
		sent++
		select {
		case <-arrived:
			return "", true
		case code := <-codes:
			return fmt.Sprint(code), false
		}
	})
	// The level's share of the server's 600 seats is what the other levels leave it; fill it up.
	eventually(t, "the level is full", func() (string, bool) {
		create(sent)
		sent++
		select {
		case <-arrived:
			return "held", false
		case code := <-codes:
			return fmt.Sprint(code), code == http.StatusTooManyRequests
		}
	})
	refused := ask(t, user, http.MethodGet, path, "").want(t, http.StatusTooManyRequests, "Too many requests, please try again later.")
	if refused.Header.Get("Retry-After") == "" {
		t.Errorf("headers: %v", refused.Header)
	}
	get(t, path).want(t, http.StatusOK) // others are not disturbed
	get(t, "/debug/api_priority_and_fairness/dump_priority_levels").want(t, http.StatusOK, "PriorityLevelName", "tiny")
	get(t, "/debug/api_priority_and_fairness/dump_queues").want(t, http.StatusOK, "PriorityLevelName")
	dump := get(t, "/debug/api_priority_and_fairness/dump_requests").want(t, http.StatusOK, "FlowSchemaName", "greedy")
	if !strings.Contains(dump.body, "RequestIndexInQueue") {
		t.Errorf("dump_requests: %s", clip(dump.body))
	}

	patch(t, mergePatch, flowControlPath+"/prioritylevelconfigurations/tiny", `{"spec":{"limited":{"nominalConcurrencyShares":100}}}`).want(t, http.StatusOK)
	eventually(t, "a larger level takes more", func() (string, bool) {
		a := ask(t, user, http.MethodGet, path, "")
		return a.body, a.StatusCode == http.StatusOK
	})
}

// createAs creates a ConfigMap that the slow webhook holds, and says how that ended; 0: not at all.
func createAs(user *rest.Config, path string, i int) int {
	client, err := rest.HTTPClientFor(user)
	if err != nil {
		return 0
	}
	body := strings.NewReader(fmt.Sprintf(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"slow-%d","labels":{"slow":"yes"}}}`, i))
	resp, err := client.Post("https://"+strings.TrimPrefix(user.Host, "https://")+path, "application/json", body)
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}
