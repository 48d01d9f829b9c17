package abac

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func write(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.jsonl")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func line(spec string) string {
	return `{"apiVersion":"abac.authorization.kubernetes.io/v1beta1","kind":"Policy","spec":{` + spec + `}}`
}

// The examples are those of the documentation.
func TestDocumentedExamples(t *testing.T) {
	policies, err := Load(write(t,
		"# who may what", "",
		line(`"user":"alice","namespace":"*","resource":"*","apiGroup":"*"`),
		line(`"user":"kubelet","namespace":"*","resource":"pods","readonly":true`),
		line(`"user":"kubelet","namespace":"*","resource":"events"`),
		line(`"user":"bob","namespace":"projectCaribou","resource":"pods","readonly":true`),
		line(`"group":"system:authenticated","readonly":true,"nonResourcePath":"*"`),
		line(`"group":"system:unauthenticated","readonly":true,"nonResourcePath":"/version"`),
		line(`"user":"system:serviceaccount:kube-system:default","namespace":"*","resource":"*","apiGroup":"*"`),
		line(`"user":"*","namespace":"open","resource":"configmaps"`),
		line(`"user":"carol","group":"staff","namespace":"*","resource":"secrets"`),
		line(`"user":"dave","nonResourcePath":"/logs/*"`),
		`{"user":"old","namespace":"legacy","readonly":true}`,
	))
	if err != nil {
		t.Fatal(err)
	}
	z := New(policies)
	for _, c := range []struct {
		user, verb, group, resource, namespace, path string
		want                                         bool
	}{
		{"alice", "delete", "apps", "deployments", "any", "", true},
		{"alice", "get", "", "nodes", "", "", true},
		{"alice", "post", "", "", "", "/x", false},
		{"kubelet", "list", "", "pods", "a", "", true},
		{"kubelet", "create", "", "pods", "a", "", false},
		{"kubelet", "create", "", "events", "a", "", true},
		{"kubelet", "create", "events.k8s.io", "events", "a", "", false},
		{"bob", "watch", "", "pods", "projectCaribou", "", true},
		{"bob", "list", "", "pods", "", "", false},
		{"bob", "get", "", "", "", "/metrics", true},
		{"bob", "post", "", "", "", "/metrics", false},
		{"system:anonymous", "get", "", "", "", "/version", true},
		{"system:anonymous", "get", "", "", "", "/metrics", false},
		{"system:anonymous", "get", "", "configmaps", "open", "", false},
		{"anybody", "update", "", "configmaps", "open", "", true},
		{"carol", "get", "", "secrets", "a", "", false}, // not in staff
		{"staffed-carol", "get", "", "secrets", "a", "", false},
		{"dave", "put", "", "", "", "/logs/today", true},
		{"dave", "put", "", "", "", "/log", false},
		{"old", "get", "apps", "deployments", "legacy", "", true},
		{"old", "get", "apps", "deployments", "other", "", false},
	} {
		groups := []string{user.AllAuthenticated}
		if c.user == user.Anonymous {
			groups = []string{user.AllUnauthenticated}
		}
		a := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: c.user, Groups: groups}, Verb: c.verb, APIGroup: c.group,
			Resource: c.resource, Namespace: c.namespace, Path: c.path, ResourceRequest: c.path == ""}
		decision, reason, err := z.Authorize(t.Context(), a)
		if got := decision == authorizer.DecisionAllow; got != c.want || err != nil || !got && reason != "No policy matched." {
			t.Errorf("%+v: got %v %q %v", c, decision, reason, err)
		}
	}
	resources, paths, incomplete, err := z.RulesFor(t.Context(), &user.DefaultInfo{Name: "bob", Groups: []string{user.AllAuthenticated}}, "projectCaribou")
	if err != nil || incomplete || len(resources) != 1 || strings.Join(resources[0].GetVerbs(), " ") != "get list watch" {
		t.Errorf("bob's rules: %v %v %v %v", resources, paths, incomplete, err)
	}
}

func TestErrorsNameFileAndLine(t *testing.T) {
	for text, want := range map[string]string{
		"{": "line 2: {: unexpected end of JSON input",
		`{"apiVersion":"abac.authorization.kubernetes.io/v2","kind":"Policy"}`: `line 2: {"apiVersion":"abac.authorization.kubernetes.io/v2","kind":"Policy"}: no kind "Policy" is registered for version "abac.authorization.kubernetes.io/v2"`,
	} {
		path := write(t, "# comment", text)
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "error reading policy file "+path+", "+want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	if _, err := Load("/nowhere"); err == nil || !strings.HasPrefix(err.Error(), "error reading policy file /nowhere: ") {
		t.Errorf("a file that is not there: %v", err)
	}
}
