package revisions

import (
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/polymorphichelpers"
)

func rawExtension(data string) runtime.RawExtension { return runtime.RawExtension{Raw: []byte(data)} }

// kubectl finds the history, tells what is in it, and goes back in it.
func TestKubectlReadsAndUndoes(t *testing.T) {
	kind := appsv1.SchemeGroupVersion.WithKind("StatefulSet").GroupKind()
	set := statefulSet("v1")
	set.Annotations = map[string]string{"kubernetes.io/change-cause": "the first"}
	client := fake.NewClientset(set)
	store := instantStore(client)
	roll(t, store, set)
	set.Spec.Template, set.Annotations = template("v2"), nil
	roll(t, store, set)
	if _, err := client.AppsV1().StatefulSets("default").Update(t.Context(), set, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}

	viewer, err := polymorphichelpers.HistoryViewerFor(kind, client)
	if err != nil {
		t.Fatal(err)
	}
	if shown, err := viewer.ViewHistory("default", "web", 0); err != nil || !strings.Contains(shown, "1         the first\n2         <none>\n") {
		t.Errorf("history is %q, %v", shown, err)
	}
	if shown, err := viewer.ViewHistory("default", "web", 1); err != nil || !strings.Contains(shown, "v1") {
		t.Errorf("revision 1 is %q, %v", shown, err)
	}

	back, err := polymorphichelpers.RollbackerFor(kind, client)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"rolled back", "skipped rollback (current template already matches revision 1)"} {
		if said, err := back.Rollback(set, nil, 1, util.DryRunNone); err != nil || said != want {
			t.Errorf("undo says %q, %v; want %q", said, err, want)
		}
	}
	undone, err := client.AppsV1().StatefulSets("default").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || undone.Spec.Template.Spec.Containers[0].Image != "v1" {
		t.Fatalf("the template is %+v, %v", undone.Spec.Template, err)
	}
	if current, _ := roll(t, store, undone); current.Revision != 3 {
		t.Errorf("the revision used again is %d, want 3", current.Revision)
	}
}
