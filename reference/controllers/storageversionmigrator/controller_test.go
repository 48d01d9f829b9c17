package storageversionmigrator

import (
	"context"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

var server *apiservertest.Server

func TestMain(m *testing.M) { os.Exit(apiservertest.Main(m, &server)) }

// cluster is what a test asks of the API server.
type cluster struct {
	*testing.T
	client     kubernetes.Interface
	extensions apiextensions.Interface
	controller *Controller
}

// start makes a controller, and runs it until the test ends.
func start(t *testing.T) *cluster {
	c := &cluster{T: t, client: kubernetes.NewForConfigOrDie(server.Config), extensions: apiextensions.NewForConfigOrDie(server.Config)}
	user := server.User("system:kube-controller-manager")
	client := kubernetes.NewForConfigOrDie(user)
	shared := informers.NewSharedInformerFactory(client, 0)
	c.controller = New(client, apiextensions.NewForConfigOrDie(user), metadata.NewForConfigOrDie(user), client.Discovery(), shared)
	shared.StartWithContext(t.Context())
	return c
}

func (c *cluster) run() {
	done := make(chan struct{})
	ctx, cancel := context.WithCancel(c.Context())
	go func() { defer close(done); c.controller.Run(ctx, 1) }()
	c.Cleanup(func() { cancel(); <-done })
}

// migrate asks for the migration and waits for its end.
func (c *cluster) migrate(resource metav1.GroupResource) *storagemigrationv1.StorageVersionMigration {
	c.Helper()
	migrations := c.client.StoragemigrationV1().StorageVersionMigrations()
	m, err := migrations.Create(c.Context(), &storagemigrationv1.StorageVersionMigration{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "m-"},
		Spec:       storagemigrationv1.StorageVersionMigrationSpec{Resource: resource},
	}, metav1.CreateOptions{})
	c.must(err)
	c.until("the migration of "+resource.String()+" to end", func(ctx context.Context) (bool, error) {
		m, err = migrations.Get(ctx, m.Name, metav1.GetOptions{})
		return err == nil && finished(m), err
	})
	return m
}

func (c *cluster) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *cluster) until(what string, condition wait.ConditionWithContextFunc) {
	c.Helper()
	if err := wait.PollUntilContextTimeout(c.Context(), 20*time.Millisecond, time.Minute, true, condition); err != nil {
		c.Fatalf("waiting for %s: %v", what, err)
	}
}

func conditions(m *storagemigrationv1.StorageVersionMigration) map[string]string {
	told := map[string]string{}
	for _, condition := range m.Status.Conditions {
		told[condition.Type] = string(condition.Status) + " " + condition.Reason
	}
	return told
}

func widgets(storage string) *apiextensionsv1.CustomResourceDefinition {
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "widgets.example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Singular: "widget", Kind: "Widget", ListKind: "WidgetList"},
		},
	}
	for _, version := range []string{"v1", "v2"} {
		crd.Spec.Versions = append(crd.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: version, Served: true, Storage: version == storage,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
				Type: "object", XPreserveUnknownFields: ptr.To(true),
			}},
		})
	}
	return crd
}

// What is stored in an old version is written anew, and then no longer counts among the stored versions.
func TestMigratesCustomResources(t *testing.T) {
	c := start(t)
	c.run()
	crds := c.extensions.ApiextensionsV1().CustomResourceDefinitions()
	_, err := crds.Create(t.Context(), widgets("v1"), metav1.CreateOptions{})
	c.must(err)
	objects := dynamic.NewForConfigOrDie(server.Config).Resource(schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "widgets"}).Namespace("default")
	var old *unstructured.Unstructured
	c.until("widgets to be served", func(ctx context.Context) (bool, error) {
		old, err = objects.Create(ctx, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "example.com/v1", "kind": "Widget", "metadata": map[string]any{"name": "old"}, "spec": map[string]any{"size": int64(3)},
		}}, metav1.CreateOptions{})
		return err == nil, nil
	})
	_, err = crds.Patch(t.Context(), "widgets.example.com", types.JSONPatchType, []byte(`[
		{"op": "replace", "path": "/spec/versions/0/storage", "value": false}, {"op": "replace", "path": "/spec/versions/1/storage", "value": true}]`), metav1.PatchOptions{})
	c.must(err)
	c.until("both versions to count as stored", func(ctx context.Context) (bool, error) {
		crd, err := crds.Get(ctx, "widgets.example.com", metav1.GetOptions{})
		return err == nil && len(crd.Status.StoredVersions) == 2, err
	})

	m := c.migrate(metav1.GroupResource{Group: "example.com", Resource: "widgets"})
	if got := conditions(m); got["Succeeded"] != "True StorageVersionMigrationSucceeded" || got["Running"] != "False StorageVersionMigrationInProgress" {
		t.Errorf("conditions %v", got)
	}
	if m.Status.ResourceVersion == "" {
		t.Error("the status does not tell from which version on objects were left alone")
	}
	crd, err := crds.Get(t.Context(), "widgets.example.com", metav1.GetOptions{})
	c.must(err)
	if got := crd.Status.StoredVersions; len(got) != 1 || got[0] != "v2" {
		t.Errorf("stored versions %v, want v2 alone", got)
	}
	now, err := objects.Get(t.Context(), "old", metav1.GetOptions{})
	c.must(err)
	if now.GetResourceVersion() == old.GetResourceVersion() {
		t.Error("the object has not been written anew")
	}
	if size, _, _ := unstructured.NestedInt64(now.Object, "spec", "size"); size != 3 || now.GetUID() != old.GetUID() {
		t.Errorf("the object has changed: %v", now.Object)
	}
}

// What is stored as it should be stays as it is, and says nothing of who looked at it.
func TestLeavesCurrentObjectsAlone(t *testing.T) {
	c := start(t)
	c.run()
	secrets := c.client.CoreV1().Secrets("default")
	before, err := secrets.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "s"}, StringData: map[string]string{"a": "b"}}, metav1.CreateOptions{})
	c.must(err)
	m := c.migrate(metav1.GroupResource{Resource: "secrets"})
	if !meta.IsStatusConditionTrue(m.Status.Conditions, "Succeeded") {
		t.Errorf("conditions %v", conditions(m))
	}
	after, err := secrets.Get(t.Context(), "s", metav1.GetOptions{})
	c.must(err)
	if after.ResourceVersion != before.ResourceVersion || len(after.ManagedFields) != len(before.ManagedFields) {
		t.Errorf("the secret was written: %s, then %s", before.ResourceVersion, after.ResourceVersion)
	}
}

// A resource that nobody serves fails, once it has had the time to appear; one without storage at once.
func TestFailsOnWhatCannotBeMigrated(t *testing.T) {
	c := start(t)
	c.controller.now = func() time.Time { return time.Now().Add(unknownFor) }
	c.run()
	for resource, want := range map[metav1.GroupResource]string{
		{Group: "example.org", Resource: "gadgets"}:                       "resource gadgets.example.org is not served",
		{Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}: "resource subjectaccessreviews.authorization.k8s.io cannot be listed and patched",
	} {
		m := c.migrate(resource)
		failure := meta.FindStatusCondition(m.Status.Conditions, "Failed")
		if failure == nil || failure.Reason != "StorageVersionMigrationFailed" || failure.Message != want {
			t.Errorf("migration of %v: %+v, want it failed with %q", resource, m.Status.Conditions, want)
		}
	}
}
