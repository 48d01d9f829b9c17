package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAuthorizationFlags(t *testing.T) {
	config := func(text string) Authorization {
		return Authorization{ConfigFile: file(t, "authz.yaml", "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\n"+text)}
	}
	for name, c := range map[string]struct {
		flags Authorization
		modes string
		err   string
	}{
		"default":       {Authorization{}, "Node RBAC", ""},
		"order":         {Authorization{Modes: []string{"RBAC", "Node", "AlwaysAllow"}}, "RBAC Node AlwaysAllow", ""},
		"unknown":       {Authorization{Modes: []string{"Magic"}}, "", `authorization-mode "Magic" is not a valid mode`},
		"twice":         {Authorization{Modes: []string{"RBAC", "RBAC"}}, "", `authorization-mode "RBAC" has mode specified more than once`},
		"no policies":   {Authorization{Modes: []string{"ABAC"}}, "", "authorization-mode ABAC's authorization policy file not passed"},
		"no ABAC":       {Authorization{PolicyFile: "x"}, "", "cannot specify --authorization-policy-file without mode ABAC"},
		"no kubeconfig": {Authorization{Modes: []string{"Webhook"}}, "", "authorization-mode Webhook's authorization config file not passed"},
		"no Webhook":    {Authorization{WebhookConfigFile: "x"}, "", "cannot specify --authorization-webhook-config-file without mode Webhook"},
		"both":          {Authorization{Modes: []string{"RBAC"}, ConfigFile: "x"}, "", "--authorization-config can not be specified when --authorization-mode or --authorization-webhook-* flags are defined"},
		"file":          {config("authorizers:\n- {type: RBAC, name: rbac}\n- {type: Node, name: node}\n"), "RBAC Node", ""},
		"file, none":    {config("authorizers: []\n"), "", "authorizers: Required value: at least one authorization mode must be defined"},
		"file, twice":   {config("authorizers:\n- {type: RBAC, name: a}\n- {type: RBAC, name: b}\n"), "", `authorizers[1].type: Duplicate value: "RBAC"`},
		"file, unknown": {config("authorizers:\n- {type: Magic, name: a}\n"), "", `authorizers[0].type: Unsupported value: "Magic"`},
	} {
		got, err := c.flags.complete()
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got %v, want %s", name, err, c.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var modes []string
		for _, a := range got.Authorizers {
			modes = append(modes, string(a.Type))
		}
		if strings.Join(modes, " ") != c.modes {
			t.Errorf("%s: got %v, want %s", name, modes, c.modes)
		}
	}
}

func authorized(t *testing.T, flags Authorization) *authorizers {
	t.Helper()
	cfg := genericapiserver.NewConfig(scheme.Codecs)
	z, err := applyAuthorization(cfg, flags, informers.NewSharedInformerFactory(fake.NewClientset(), 0), (&stores{}).owner)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

var ann = &user.DefaultInfo{Name: "ann", Groups: []string{"system:authenticated"}}

func TestAuthorizationChain(t *testing.T) {
	policies := file(t, "policies", `{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{"user":"ann","namespace":"*","resource":"pods"}}`)
	root := &user.DefaultInfo{Name: "root", Groups: []string{"system:masters"}}
	for name, c := range map[string]struct {
		flags    Authorization
		user     user.Info
		resource string
		want     authorizer.Decision
		reason   string
	}{
		"superusers are not asked":       {Authorization{Modes: []string{"AlwaysDeny"}}, root, "pods", authorizer.DecisionAllow, ""},
		"nobody else is let through":     {Authorization{Modes: []string{"AlwaysDeny"}}, ann, "pods", authorizer.DecisionNoOpinion, "alwaysdeny: Everything is forbidden."},
		"everybody is let through":       {Authorization{Modes: []string{"AlwaysAllow"}}, ann, "pods", authorizer.DecisionAllow, ""},
		"the next one is asked":          {Authorization{Modes: []string{"RBAC", "ABAC"}, PolicyFile: policies}, ann, "pods", authorizer.DecisionAllow, ""},
		"the reasons of all are told":    {Authorization{Modes: []string{"RBAC", "ABAC"}, PolicyFile: policies}, ann, "secrets", authorizer.DecisionNoOpinion, "abac: No policy matched."},
		"a node without a name is named": {Authorization{}, &user.DefaultInfo{Name: "system:node:", Groups: []string{"system:nodes"}}, "pods", authorizer.DecisionNoOpinion, `node: unknown node for user "system:node:"`},
	} {
		got, reason, err := authorized(t, c.flags).all.Authorize(t.Context(), authorizer.AttributesRecord{User: c.user, Verb: "get", Resource: c.resource, Namespace: "a", Name: "x", ResourceRequest: true})
		if got != c.want || reason != c.reason || err != nil {
			t.Errorf("%s: got %v %q %v, want %v %q", name, got, reason, err, c.want, c.reason)
		}
	}
}

// TestAuthorizationWebhook asks a server that lets ann get pods, denies bob, and does not answer about eve.
func TestAuthorizationWebhook(t *testing.T) {
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review authorizationv1.SubjectAccessReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.APIVersion != "authorization.k8s.io/v1" {
			t.Errorf("asked %q: %v", review.APIVersion, err)
		}
		asked[review.Spec.User]++
		switch review.Spec.User {
		case "ann":
			review.Status.Allowed = true
		case "bob":
			review.Status.Denied, review.Status.Reason = true, "not bob"
		case "eve":
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(review); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	kubeconfig := file(t, "kubeconfig", fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","clusters":[{"name":"c","cluster":{"server":%q}}],"contexts":[{"name":"x","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u"}],"current-context":"x"}`, server.URL))
	config := func(failurePolicy string) Authorization {
		return Authorization{ConfigFile: file(t, "authz.yaml", fmt.Sprintf(`{"apiVersion":"apiserver.config.k8s.io/v1","kind":"AuthorizationConfiguration","authorizers":[
			{"type":"Webhook","name":"hook","webhook":{"timeout":"3s","subjectAccessReviewVersion":"v1","matchConditionSubjectAccessReviewVersion":"v1","failurePolicy":%q,
			"connectionInfo":{"type":"KubeConfigFile","kubeConfigFile":%q},"matchConditions":[{"expression":"request.user != 'carol'"}]}},
			{"type":"AlwaysAllow","name":"rest"}]}`, failurePolicy, kubeconfig))}
	}
	ask := func(z *authorizers, name string) (authorizer.Decision, string) {
		decision, reason, _ := z.all.Authorize(context.Background(), authorizer.AttributesRecord{User: &user.DefaultInfo{Name: name}, Verb: "get", Resource: "pods", ResourceRequest: true})
		return decision, reason
	}
	strict := authorized(t, config("Deny"))
	for name, want := range map[string]authorizer.Decision{"ann": authorizer.DecisionAllow, "bob": authorizer.DecisionDeny, "carol": authorizer.DecisionAllow, "eve": authorizer.DecisionDeny} {
		if got, reason := ask(strict, name); got != want || name == "bob" && reason != "not bob" {
			t.Errorf("%s: got %v %q, want %v", name, got, reason, want)
		}
	}
	if asked["carol"] != 0 {
		t.Error("the webhook is asked about what its matchConditions leave out")
	}
	before := asked["ann"]
	if ask(strict, "ann"); asked["ann"] != before {
		t.Error("an answer is not remembered")
	}
	if got, _ := ask(authorized(t, config("NoOpinion")), "eve"); got != authorizer.DecisionAllow {
		t.Errorf("with failurePolicy NoOpinion: got %v, want the next authorizer's answer", got)
	}
	if _, _, incomplete, err := strict.rules.RulesFor(t.Context(), ann, "default"); !incomplete || err == nil || !strings.Contains(err.Error(), "webhook authorizer does not support user rule resolution") {
		t.Errorf("rules: incomplete %t, %v", incomplete, err)
	}
}
