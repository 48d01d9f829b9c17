package escalation

import (
	"context"
	"errors"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/request"
	"pgregory.net/rapid"
)

func rule(verbs, group, resource string, names ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: strings.Fields(verbs), APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: names}
}

func TestConfirm(t *testing.T) {
	ann := &user.DefaultInfo{Name: "ann", Groups: []string{"staff", "system:authenticated"}}
	const start = `user "ann" (groups=["staff" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:` + "\n"
	for name, c := range map[string]struct {
		held, wanted []rbacv1.PolicyRule
		resolution   error
		want         string
	}{
		"held":       {held: []rbacv1.PolicyRule{rule("*", "", "pods")}, wanted: []rbacv1.PolicyRule{rule("get list", "", "pods", "x")}},
		"nothing":    {},
		"one verb":   {held: []rbacv1.PolicyRule{rule("get", "", "pods")}, wanted: []rbacv1.PolicyRule{rule("get list watch", "", "pods")}, want: start + `{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}`},
		"any name":   {held: []rbacv1.PolicyRule{rule("get", "", "pods", "x")}, wanted: []rbacv1.PolicyRule{rule("get", "", "pods")}, want: start + `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`},
		"a name":     {wanted: []rbacv1.PolicyRule{rule("get", "apps", "deployments", "x")}, want: start + `{APIGroups:["apps"], Resources:["deployments"], ResourceNames:["x"], Verbs:["get"]}`},
		"path":       {wanted: []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}}}, want: start + `{NonResourceURLs:["/metrics"], Verbs:["get"]}`},
		"sorted":     {wanted: []rbacv1.PolicyRule{rule("get", "", "pods"), rule("get", "", "configmaps")}, want: start + `{APIGroups:[""], Resources:["configmaps"], Verbs:["get"]}` + "\n" + `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`},
		"resolution": {wanted: []rbacv1.PolicyRule{rule("get", "", "pods")}, resolution: errors.New("a role is gone"), want: start + `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}; resolution errors: [a role is gone]`},
	} {
		got := ""
		if err := Confirm(ann, c.held, c.wanted, c.resolution); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// Compact changes how rules are written, never what they grant.
func TestCompactGrantsTheSame(t *testing.T) {
	some := func(values ...string) *rapid.Generator[[]string] {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 1, 2, rapid.ID[string])
	}
	rapid.Check(t, func(t *rapid.T) {
		rules := rapid.SliceOf(rapid.Custom(func(t *rapid.T) rbacv1.PolicyRule {
			r := rbacv1.PolicyRule{Verbs: some("get", "list", "*").Draw(t, "verbs"), APIGroups: some("", "apps").Draw(t, "groups"), Resources: some("pods", "pods/log").Draw(t, "resources")}
			if rapid.Bool().Draw(t, "named") {
				r.ResourceNames = some("a", "b").Draw(t, "names")
			}
			return r
		})).Draw(t, "rules")
		u := &user.DefaultInfo{}
		if err := Confirm(u, rules, Compact(rules), nil); err != nil {
			t.Fatalf("grants more: %v", err)
		}
		if err := Confirm(u, Compact(rules), rules, nil); err != nil {
			t.Fatalf("grants less: %v", err)
		}
	})
}

// only allows the one request that it describes: verb resource namespace/name.
type only string

func (o only) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if strings.Join([]string{a.GetVerb(), a.GetResource(), a.GetNamespace() + "/" + a.GetName()}, " ") == string(o) {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

func TestSpecialVerbs(t *testing.T) {
	ctx := request.WithUser(t.Context(), &user.DefaultInfo{Name: "ann"})
	on := func(group, resource string) context.Context {
		return request.WithRequestInfo(ctx, &request.RequestInfo{APIGroup: group, Resource: resource, Namespace: "blue", Name: "r"})
	}
	if !MayEscalate(on(rbacv1.GroupName, "roles"), only("escalate roles blue/r")) {
		t.Error("escalate is not enough to escalate")
	}
	if MayEscalate(on(rbacv1.GroupName, "rolebindings"), only("escalate rolebindings blue/r")) || MayEscalate(on("x", "roles"), only("escalate roles blue/r")) {
		t.Error("escalate counts where there is nothing to escalate")
	}
	if !MayBind(ctx, only("bind clusterroles blue/r"), rbacv1.RoleRef{Kind: "ClusterRole", Name: "r"}, "blue") {
		t.Error("bind is not enough to bind")
	}
	if MayBind(ctx, only("bind roles blue/r"), rbacv1.RoleRef{Kind: "ClusterRole", Name: "r"}, "blue") {
		t.Error("bind on a Role is enough to bind a ClusterRole")
	}
	if Superuser(ctx) || !Superuser(request.WithUser(ctx, &user.DefaultInfo{Groups: []string{"system:masters"}})) {
		t.Error("superusers are not exactly the members of system:masters")
	}
}
