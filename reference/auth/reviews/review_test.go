package reviews

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
)

// ann may list pods in blue and read /metrics; eve breaks the authorizer.
var policy = authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	switch u := a.GetUser().GetName(); {
	case u == "eve":
		return authorizer.DecisionNoOpinion, "", errors.New("broken")
	case u == "mallory":
		return authorizer.DecisionDeny, "never", nil
	case u == "ann" && a.IsResourceRequest() && a.GetVerb() == "list" && a.GetResource() == "pods" && a.GetNamespace() == "blue" && a.GetAPIVersion() == "*":
		return authorizer.DecisionAllow, "RBAC: allowed", nil
	case u == "ann" && !a.IsResourceRequest() && a.GetPath() == "/metrics":
		return authorizer.DecisionAllow, "RBAC: allowed", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
})

type rulesFunc func(namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error)

func (f rulesFunc) RulesFor(_ context.Context, _ user.Info, ns string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	return f(ns)
}

var rules = rulesFunc(func(ns string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	return []authorizer.ResourceRuleInfo{&authorizer.DefaultResourceRuleInfo{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"pods"}}}, nil, false, errors.New("a role is missing in " + ns)
})

func ask(t *testing.T, resource, who, namespace string, o runtime.Object) error {
	t.Helper()
	storages := AuthorizationGroup(policy, rules)["v1"]
	for k, v := range AuthenticationGroup(tokens, authenticator.Audiences{"api"})["v1"] {
		storages[k] = v
	}
	ctx := request.WithNamespace(context.Background(), namespace)
	if who != "" {
		ctx = request.WithUser(ctx, &user.DefaultInfo{Name: who, Groups: []string{"staff"}, Extra: map[string][]string{"k": {"v"}}})
	}
	_, err := storages[resource].(rest.Creater).Create(ctx, o, nil, &metav1.CreateOptions{})
	return err
}

var listPods = &authorizationv1.ResourceAttributes{Verb: "list", Resource: "pods", Namespace: "blue"}

func TestAccess(t *testing.T) {
	metrics := &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/metrics"}
	for _, c := range []struct {
		user  string
		r     *authorizationv1.ResourceAttributes
		paths *authorizationv1.NonResourceAttributes
		want  authorizationv1.SubjectAccessReviewStatus
	}{
		{"ann", listPods, nil, authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "RBAC: allowed"}},
		{"ann", nil, metrics, authorizationv1.SubjectAccessReviewStatus{Allowed: true, Reason: "RBAC: allowed"}},
		{"bob", listPods, nil, authorizationv1.SubjectAccessReviewStatus{}},
		{"mallory", listPods, nil, authorizationv1.SubjectAccessReviewStatus{Denied: true, Reason: "never"}},
		{"eve", listPods, nil, authorizationv1.SubjectAccessReviewStatus{EvaluationError: "broken"}},
	} {
		self := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: c.r, NonResourceAttributes: c.paths}}
		if err := ask(t, "selfsubjectaccessreviews", c.user, "", self); err != nil || cmp.Diff(c.want, self.Status) != "" {
			t.Errorf("%s herself: %+v %v, want %+v", c.user, self.Status, err, c.want)
		}
		sar := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{User: c.user, ResourceAttributes: c.r, NonResourceAttributes: c.paths}}
		if err := ask(t, "subjectaccessreviews", "admin", "", sar); err != nil || cmp.Diff(c.want, sar.Status) != "" {
			t.Errorf("about %s: %+v %v, want %+v", c.user, sar.Status, err, c.want)
		}
		if c.r == nil {
			continue
		}
		local := &authorizationv1.LocalSubjectAccessReview{ObjectMeta: metav1.ObjectMeta{Namespace: "blue"}, Spec: authorizationv1.SubjectAccessReviewSpec{User: c.user, ResourceAttributes: c.r}}
		if err := ask(t, "localsubjectaccessreviews", "admin", "blue", local); err != nil || cmp.Diff(c.want, local.Status) != "" {
			t.Errorf("about %s in blue: %+v %v, want %+v", c.user, local.Status, err, c.want)
		}
	}
}

func TestRefused(t *testing.T) {
	spec := authorizationv1.SubjectAccessReviewSpec{User: "ann", ResourceAttributes: listPods}
	both := spec
	both.NonResourceAttributes = &authorizationv1.NonResourceAttributes{Path: "/x"}
	nobody := spec
	nobody.User = ""
	selector := *listPods
	selector.FieldSelector = &authorizationv1.FieldSelectorAttributes{}
	twice := *listPods
	twice.LabelSelector = &authorizationv1.LabelSelectorAttributes{RawSelector: "a=b", Requirements: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "In", Values: []string{"b"}}}}
	for _, c := range []struct {
		resource, who, namespace string
		o                        runtime.Object
		want                     string
	}{
		{"subjectaccessreviews", "admin", "", &authorizationv1.SubjectAccessReview{Spec: both}, "spec.nonResourceAttributes: Invalid value"},
		{"subjectaccessreviews", "admin", "", &authorizationv1.SubjectAccessReview{Spec: nobody}, `spec.user: Invalid value: "": at least one of user or group must be specified`},
		{"subjectaccessreviews", "admin", "", &authorizationv1.SubjectAccessReview{Spec: spec, ObjectMeta: metav1.ObjectMeta{Name: "x"}}, "must be empty"},
		{"selfsubjectaccessreviews", "ann", "", &authorizationv1.SelfSubjectAccessReview{}, "exactly one of nonResourceAttributes or resourceAttributes must be specified"},
		{"selfsubjectaccessreviews", "", "", &authorizationv1.SelfSubjectAccessReview{}, "no user present on request"},
		{"selfsubjectaccessreviews", "ann", "", &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &selector}}, "requirements or rawSelector is required"},
		{"selfsubjectaccessreviews", "ann", "", &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &twice}}, "may not specified at the same time as requirements"},
		{"localsubjectaccessreviews", "admin", "red", &authorizationv1.LocalSubjectAccessReview{Spec: spec, ObjectMeta: metav1.ObjectMeta{Namespace: "red"}}, "must match metadata.namespace"},
		{"localsubjectaccessreviews", "admin", "red", &authorizationv1.LocalSubjectAccessReview{Spec: spec, ObjectMeta: metav1.ObjectMeta{Namespace: "blue"}}, "must match namespace: red"},
		{"selfsubjectrulesreviews", "ann", "", &authorizationv1.SelfSubjectRulesReview{}, "no namespace on request"},
		{"tokenreviews", "ann", "", &authenticationv1.TokenReview{}, "token is required for TokenReview in authentication"},
		{"selfsubjectreviews", "", "", &authenticationv1.SelfSubjectReview{}, "no user present on request"},
	} {
		if err := ask(t, c.resource, c.who, c.namespace, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.resource, err, c.want)
		}
	}
}

func TestRules(t *testing.T) {
	r := &authorizationv1.SelfSubjectRulesReview{Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: "blue"}}
	if err := ask(t, "selfsubjectrulesreviews", "ann", "", r); err != nil {
		t.Fatal(err)
	}
	want := authorizationv1.SubjectRulesReviewStatus{
		ResourceRules:    []authorizationv1.ResourceRule{{Verbs: []string{"list"}, APIGroups: []string{""}, Resources: []string{"pods"}}},
		NonResourceRules: []authorizationv1.NonResourceRule{}, EvaluationError: "a role is missing in blue"}
	if d := cmp.Diff(want, r.Status); d != "" {
		t.Error(d)
	}
}

// tokens knows "good", for the audiences api and vault, and "bad", which it rejects.
var tokens = authenticator.RequestFunc(func(req *http.Request) (*authenticator.Response, bool, error) {
	_ = req.URL.Path // the anonymous authenticator looks at it
	switch req.Header.Get("Authorization") {
	case "Bearer good":
		auds, _ := authenticator.AudiencesFrom(req.Context())
		return &authenticator.Response{User: &user.DefaultInfo{Name: "ann", Groups: []string{"staff"}}, Audiences: auds.Intersect(authenticator.Audiences{"api", "vault"})}, true, nil
	case "Bearer bad":
		return nil, false, errors.New("invalid bearer token")
	}
	return nil, false, nil
})

func TestTokenReviews(t *testing.T) {
	ann := authenticationv1.UserInfo{Username: "ann", Groups: []string{"staff"}}
	for _, c := range []struct {
		spec authenticationv1.TokenReviewSpec
		want authenticationv1.TokenReviewStatus
	}{
		{authenticationv1.TokenReviewSpec{Token: "good"}, authenticationv1.TokenReviewStatus{Authenticated: true, User: ann, Audiences: []string{"api"}}},
		{authenticationv1.TokenReviewSpec{Token: "good", Audiences: []string{"vault", "x"}}, authenticationv1.TokenReviewStatus{Authenticated: true, User: ann, Audiences: []string{"vault"}}},
		{authenticationv1.TokenReviewSpec{Token: "bad"}, authenticationv1.TokenReviewStatus{Error: "invalid bearer token"}},
		{authenticationv1.TokenReviewSpec{Token: "unknown"}, authenticationv1.TokenReviewStatus{}},
	} {
		r := &authenticationv1.TokenReview{Spec: c.spec}
		if err := ask(t, "tokenreviews", "admin", "", r); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(c.want, r.Status); d != "" {
			t.Errorf("%+v: %s", c.spec, d)
		}
	}
	mismatch := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: "good", Audiences: []string{"x"}}}
	if err := ask(t, "tokenreviews", "admin", "", mismatch); err == nil || mismatch.Status.User.Username != "" {
		t.Errorf("an authenticator that ignores audiences is believed: %+v %v", mismatch.Status, err)
	}
}

func TestWhoAmI(t *testing.T) {
	r := &authenticationv1.SelfSubjectReview{}
	if err := ask(t, "selfsubjectreviews", "ann", "", r); err != nil {
		t.Fatal(err)
	}
	want := authenticationv1.UserInfo{Username: "ann", Groups: []string{"staff"}, Extra: map[string]authenticationv1.ExtraValue{"k": {"v"}}}
	if d := cmp.Diff(want, r.Status.UserInfo); d != "" || r.CreationTimestamp.IsZero() {
		t.Errorf("%s %v", d, r.CreationTimestamp)
	}
}

func TestSelectors(t *testing.T) {
	r := &authorizationv1.ResourceAttributes{
		FieldSelector: &authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{
			{Key: "spec.nodeName", Operator: "In", Values: []string{"n1"}}, {Key: "x", Operator: "Exists"}}},
		LabelSelector: &authorizationv1.LabelSelectorAttributes{RawSelector: "app in (a,b)"},
	}
	a := attributesOf(&user.DefaultInfo{}, r, nil)
	if len(a.FieldSelectorRequirements) != 1 || a.FieldSelectorRequirements[0].Value != "n1" || a.FieldSelectorParsingErr == nil {
		t.Errorf("fields: %v %v", a.FieldSelectorRequirements, a.FieldSelectorParsingErr)
	}
	if len(a.LabelSelectorRequirements) != 1 || a.LabelSelectorRequirements[0].String() != "app in (a,b)" || a.LabelSelectorParsingErr != nil {
		t.Errorf("labels: %v %v", a.LabelSelectorRequirements, a.LabelSelectorParsingErr)
	}
}
