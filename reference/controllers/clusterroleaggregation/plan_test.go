package clusterroleaggregation

import (
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/auth/rbac/bootstrap"
)

func role(name, label string, verbs ...string) *rbacv1.ClusterRole {
	r := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if label != "" {
		r.Labels = map[string]string{label: "true"}
	}
	for _, v := range verbs {
		r.Rules = append(r.Rules, rbacv1.PolicyRule{Verbs: []string{v}, APIGroups: []string{""}, Resources: []string{"pods"}})
	}
	return r
}

func aggregate(r *rbacv1.ClusterRole, labels ...string) *rbacv1.ClusterRole {
	r.AggregationRule = &rbacv1.AggregationRule{}
	for _, l := range labels {
		r.AggregationRule.ClusterRoleSelectors = append(r.AggregationRule.ClusterRoleSelectors, metav1.LabelSelector{MatchLabels: map[string]string{l: "true"}})
	}
	return r
}

func TestGather(t *testing.T) {
	for name, c := range map[string]struct {
		role   *rbacv1.ClusterRole
		others []*rbacv1.ClusterRole
		want   string
	}{
		"by name":        {role: aggregate(role("r", ""), "x"), others: []*rbacv1.ClusterRole{role("b", "x", "list"), role("a", "x", "get"), role("c", "y", "watch")}, want: "get list"},
		"any selector":   {role: aggregate(role("r", ""), "x", "y"), others: []*rbacv1.ClusterRole{role("b", "y", "list"), role("a", "x", "get")}, want: "get list"},
		"each rule once": {role: aggregate(role("r", ""), "x"), others: []*rbacv1.ClusterRole{role("b", "x", "get", "list"), role("a", "x", "get")}, want: "get list"},
		"not itself":     {role: aggregate(role("r", "x", "escalate"), "x"), others: []*rbacv1.ClusterRole{role("a", "x", "get")}, want: "get"},
		"nothing":        {role: aggregate(role("r", "", "by-hand"), "x"), want: ""},
		"no aggregate":   {role: role("r", "", "own"), others: []*rbacv1.ClusterRole{role("a", "x", "get")}, want: "own"},
	} {
		got, err := gather(c.role, append(c.others, c.role))
		var verbs []string
		for _, r := range got {
			verbs = append(verbs, r.Verbs...)
		}
		if err != nil || strings.Join(verbs, " ") != c.want {
			t.Errorf("%s: got %v %v, want %s", name, verbs, err, c.want)
		}
	}
}

// What a cluster is born with is aggregated already: the controller has nothing to write at start.
func TestDefaultRolesAreAggregated(t *testing.T) {
	var all []*rbacv1.ClusterRole
	policy := bootstrap.Default()
	for i := range policy.ClusterRoles {
		all = append(all, &policy.ClusterRoles[i])
	}
	for _, r := range all {
		got, err := gather(r, all)
		if err != nil || !slices.EqualFunc(got, r.Rules, func(a, b rbacv1.PolicyRule) bool { return a.String() == b.String() }) {
			t.Errorf("%s would be changed (%v)", r.Name, err)
		}
	}
}
