package server_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/apiserver/server"
)

const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, namespaces: [silent]}
- {level: Metadata, resources: [{group: "", resources: [secrets]}]}
- {level: RequestResponse, omitManagedFields: true, namespaces: [loud], resources: [{group: "", resources: [configmaps]}]}
- {level: Request, resources: [{group: "", resources: [configmaps]}]}
- {level: None}
`

// Each level of the policy gives the record that the documentation says, in a file for its owner alone.
func TestAudit(t *testing.T) {
	dir := t.TempDir()
	policy, log := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "audit.log")
	check(t, os.WriteFile(policy, []byte(auditPolicy), 0o600))
	s := apiservertest.New(t, func(o *server.Options) { o.Audit.PolicyFile, o.Audit.LogOptions.Path = policy, log })
	client := kubernetes.NewForConfigOrDie(s.Config).CoreV1()
	for _, ns := range []string{"silent", "loud"} {
		_, err := client.Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}, metav1.CreateOptions{})
		check(t, err)
	}
	for ns, name := range map[string]string{"silent": "a", "loud": "b", "default": "c"} {
		_, err := client.ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: map[string]string{"k": "v"}}, metav1.CreateOptions{})
		check(t, err)
	}
	_, err := client.Secrets("default").Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "d"}, StringData: map[string]string{"k": "hush"}}, metav1.CreateOptions{})
	check(t, err)
	// Impersonated, and refused.
	jane := rest.CopyConfig(s.Config)
	jane.Impersonate = rest.ImpersonationConfig{UserName: "jane"}
	if _, err := kubernetes.NewForConfigOrDie(jane).CoreV1().ConfigMaps("default").Get(t.Context(), "e", metav1.GetOptions{}); err == nil {
		t.Fatal("jane may read ConfigMaps")
	}
	var records map[string]auditv1.Event
	eventually(t, "the last record is written", func(context.Context) error {
		records = auditRecords(t, log)
		if _, ok := records["get configmaps e"]; !ok {
			return fmt.Errorf("got %d records", len(records))
		}
		return nil
	})
	if _, ok := records["create configmaps a"]; ok {
		t.Error("level None was written")
	}
	loud, quiet, secret, refused := records["create configmaps b"], records["create configmaps c"], records["create secrets d"], records["get configmaps e"]
	if loud.Level != auditv1.LevelRequestResponse || loud.RequestObject == nil || loud.ResponseObject == nil || bytes.Contains(loud.ResponseObject.Raw, []byte("managedFields")) {
		t.Errorf("RequestResponse: got %+v", loud)
	}
	if quiet.Level != auditv1.LevelRequest || quiet.RequestObject == nil || quiet.ResponseObject != nil {
		t.Errorf("Request: got %+v", quiet)
	}
	if secret.Level != auditv1.LevelMetadata || secret.RequestObject != nil || secret.ResponseObject != nil {
		t.Errorf("Metadata: got %+v", secret)
	}
	if quiet.Annotations["authorization.k8s.io/decision"] != "allow" || quiet.User.Username != "kubernetes-admin" || quiet.ResponseStatus.Code != 201 || quiet.Stage != auditv1.StageResponseComplete {
		t.Errorf("an allowed request: got %+v", quiet)
	}
	if refused.Annotations["authorization.k8s.io/decision"] != "forbid" || refused.ImpersonatedUser == nil || refused.ImpersonatedUser.Username != "jane" ||
		!slices.Contains(refused.ImpersonatedUser.Groups, "system:authenticated") || refused.ResponseStatus.Code != 403 {
		t.Errorf("an impersonated and refused request: got %+v", refused)
	}
	if content, err := os.ReadFile(log); err != nil || strings.Contains(string(content), "hush") {
		t.Errorf("the Secret's data is in the log, or it cannot be read: %v", err)
	}
	if info, err := os.Stat(log); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the log has mode %v, %v; wanted 0600", info.Mode(), err)
	}
}

// auditRecords are the records by "verb resource name".
func auditRecords(t *testing.T, file string) map[string]auditv1.Event {
	t.Helper()
	content, err := os.ReadFile(file)
	check(t, err)
	records := map[string]auditv1.Event{}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditv1.Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue // the last line, half written
		}
		if e.Stage == auditv1.StageRequestReceived {
			t.Errorf("a stage that the policy omits: %+v", e)
		}
		if e.ObjectRef != nil {
			name := e.ObjectRef.Name
			records[e.Verb+" "+e.ObjectRef.Resource+" "+name] = e
		}
	}
	return records
}
