package server_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// verbs are the letters of testdata/authorization.txt.
var verbs = []struct {
	letter byte
	verb   string
	named  bool // about one object
}{
	{'g', "get", true}, {'l', "list", false}, {'w', "watch", false}, {'c', "create", false},
	{'u', "update", true}, {'p', "patch", true}, {'d', "delete", true}, {'x', "deletecollection", false},
}

// row is one line of the table: what each subject may do.
type row struct {
	scope, what string
	want        []string
}

// subject is a column: who asks, and about what.
type subject struct {
	user            user.Info
	namespace, name string
}

func member(name string, groups ...string) user.Info {
	return &user.DefaultInfo{Name: name, Groups: append(groups, user.AllAuthenticated)}
}

var subjects = map[string]subject{
	"cluster-admin": {member("cluster-admin-user"), "team", "x"},
	"admin":         {member("admin-user"), "team", "x"},
	"edit":          {member("edit-user"), "team", "x"},
	"view":          {member("view-user"), "team", "x"},
	"node":          {member("system:node:n1", user.NodesGroup), "kube-node-lease", "n1"},
	"controller":    {account("kube-system", "deployment-controller"), "team", "x"},
	"account":       {account("team", "robot"), "team", "x"},
	"anonymous":     {&user.DefaultInfo{Name: user.Anonymous, Groups: []string{user.AllUnauthenticated}}, "team", "x"},
}

func account(namespace, name string) user.Info {
	return member(serviceaccount.MakeUsername(namespace, name), serviceaccount.MakeGroupNames(namespace)...)
}

func table(t *testing.T) (columns []string, rows []row) {
	t.Helper()
	data, err := os.ReadFile("testdata/authorization.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) > 2 && fields[0] == "#" && fields[1] == "scope":
			columns = fields[3:]
		case len(fields) == 0 || fields[0] == "#":
		case len(fields) != len(columns)+2:
			t.Fatalf("%d columns, want %d: %s", len(fields), len(columns)+2, line)
		default:
			rows = append(rows, row{fields[0], fields[1], fields[2:]})
		}
	}
	return columns, rows
}

// attributes is the question of a subject. A Namespace is in itself.
func attributes(s subject, r row, verb string, named bool) authorizer.AttributesRecord {
	a := authorizer.AttributesRecord{User: s.user, Verb: verb, Path: r.what}
	if r.scope == "path" {
		return a
	}
	a.ResourceRequest, a.APIVersion = true, "v1"
	a.APIGroup, a.Resource, _ = strings.Cut(r.what, "/")
	a.APIGroup = strings.TrimPrefix(a.APIGroup, "core")
	a.Resource, a.Subresource, _ = strings.Cut(a.Resource, "/")
	if r.scope == "namespaced" {
		a.Namespace = s.namespace
	}
	if named || verb == "create" && a.Subresource != "" {
		a.Name = s.name
		if a.Resource == "namespaces" {
			a.Name, a.Namespace = s.namespace, s.namespace
		}
	}
	return a
}

func allowed(t *testing.T, z authorizer.UnconditionalAuthorizer, s subject, r row) string {
	t.Helper()
	got := ""
	for _, v := range verbs {
		if r.scope == "path" && v.verb != "get" {
			continue
		}
		decision, _, err := z.Authorize(t.Context(), attributes(s, r, v.verb, v.named))
		if err != nil {
			t.Errorf("%s %s: %v", v.verb, r.what, err)
		}
		if decision == authorizer.DecisionAllow {
			got += string(v.letter)
		}
	}
	switch {
	case got == "":
		return "-"
	case len(got) == len(verbs):
		return "*"
	}
	return got
}

// TestAuthorizationTable compares the decisions of a server's authorizers with what is documented.
func TestAuthorizationTable(t *testing.T) {
	server := apiservertest.New(t)
	client := kubernetes.NewForConfigOrDie(server.Config)
	columns, rows := table(t)
	bind(t, client)
	z := server.Authorizer()
	waitFor(t, z)
	for _, r := range rows {
		for i, column := range columns {
			s, known := subjects[column]
			if !known {
				t.Fatalf("who is %s?", column)
			}
			if got := allowed(t, z, s, r); got != r.want[i] {
				t.Errorf("%s on %s: may %s, documented is %s", column, r.what, got, r.want[i])
			}
		}
		elsewhere(t, z, r, r.want[slices.Index(columns, "account")])
	}
	complete(t, client, rows)
}

// elsewhere: a RoleBinding gives nothing in any other namespace, but for what a ServiceAccount has
// because it is one.
func elsewhere(t *testing.T, z authorizer.UnconditionalAuthorizer, r row, everybody string) {
	t.Helper()
	if r.scope != "namespaced" {
		return
	}
	for _, name := range []string{"admin", "edit", "view"} {
		s := subjects[name]
		s.namespace = "elsewhere"
		if got := allowed(t, z, s, r); got != everybody {
			t.Errorf("%s of another namespace on %s: may %s, want %s", name, r.what, got, everybody)
		}
	}
}

// complete: whatever the server serves, the table speaks of.
func complete(t *testing.T, client kubernetes.Interface, rows []row) {
	t.Helper()
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	for _, list := range lists {
		group, _, found := strings.Cut(list.GroupVersion, "/")
		if !found {
			group = "core"
		}
		for _, r := range list.APIResources {
			what, scope := group+"/"+r.Name, "cluster"
			if r.Namespaced {
				scope = "namespaced"
			}
			if !slices.ContainsFunc(rows, func(row row) bool { return row.what == what && row.scope == scope }) {
				t.Errorf("%s (%s) is served, and testdata/authorization.txt does not say who may do what with it", what, scope)
			}
		}
	}
}

func bind(t *testing.T, client kubernetes.Interface) {
	t.Helper()
	ref := func(name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name}
	}
	who := func(name string) []rbacv1.Subject {
		return []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: name + "-user"}}
	}
	_, err := client.RbacV1().ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "table"}, RoleRef: ref("cluster-admin"), Subjects: who("cluster-admin")}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"admin", "edit", "view"} {
		_, err := client.RbacV1().RoleBindings("team").Create(t.Context(), &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: role}, RoleRef: ref(role), Subjects: who(role)}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// waitFor: what was bound a moment ago counts once the server's informers know of it.
func waitFor(t *testing.T, z authorizer.UnconditionalAuthorizer) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		for _, name := range []string{"cluster-admin", "admin", "edit", "view"} {
			a := attributes(subjects[name], row{scope: "namespaced", what: "core/pods"}, "list", false)
			if decision, _, err := z.Authorize(ctx, a); err != nil || decision != authorizer.DecisionAllow {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
