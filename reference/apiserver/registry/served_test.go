package registry_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// The resources as a client sees them, through the whole server.
func TestServed(t *testing.T) {
	client, err := kubernetes.NewForConfig(apiservertest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	// No controller makes the account that admission gives to pods.
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := client.CoreV1().ServiceAccounts("default").Create(ctx, account, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]func(*testing.T, context.Context, kubernetes.Interface){
		"pod table": podTable, "apply and scale": applyAndScale, "field selectors": fieldSelectors,
		"verbs": verbs, "service": serviceNumbers, "events": events,
	} {
		t.Run(name, func(t *testing.T) { test(t, ctx, client) })
	}
}

func createPod(t *testing.T, ctx context.Context, client kubernetes.Interface, name string) *corev1.Pod {
	t.Helper()
	pod, err := client.CoreV1().Pods("default").Create(ctx, &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "etalon.dev/tool:v1"}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

func podTable(t *testing.T, ctx context.Context, client kubernetes.Interface) {
	createPod(t, ctx, client, "table")
	data, err := client.CoreV1().RESTClient().Get().Namespace("default").Resource("pods").Name("table").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
	if err != nil {
		t.Fatal(err)
	}
	table := &metav1.Table{}
	if err := json.Unmarshal(data, table); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range table.ColumnDefinitions {
		names = append(names, c.Name)
	}
	if got, want := strings.Join(names, " "), "Name Ready Status Restarts Age IP Node Nominated Node Readiness Gates"; got != want {
		t.Errorf("columns %s, want %s", got, want)
	}
	if c := table.Rows[0].Cells; c[0] != "table" || c[1] != "0/1" || c[2] != "Pending" || c[3] != "0" || c[6] != "<none>" {
		t.Errorf("row %v", c)
	}
}

func applyAndScale(t *testing.T, ctx context.Context, client kubernetes.Interface) {
	manifest := []byte(`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},
		"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v1"}]}}},"status":{"replicas":9}}`)
	api := client.AppsV1().Deployments("default")
	var d *appsv1.Deployment
	for range 2 { // the second changes nothing
		var err error
		if d, err = api.Patch(ctx, "web", types.ApplyPatchType, manifest, metav1.PatchOptions{FieldManager: "test"}); err != nil {
			t.Fatal(err)
		}
		if d.Generation != 1 || d.Status.Replicas != 0 {
			t.Fatalf("applied: generation %d, status %+v", d.Generation, d.Status)
		}
	}
	scale, err := api.UpdateScale(ctx, "web", &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"}, Spec: autoscalingv1.ScaleSpec{Replicas: 5},
	}, metav1.UpdateOptions{FieldManager: "scaler"})
	if err != nil || scale.Spec.Replicas != 5 {
		t.Fatalf("scaled: %v, %+v", err, scale)
	}
	if _, err = api.Patch(ctx, "web", types.ApplyPatchType, manifest, metav1.PatchOptions{FieldManager: "test"}); !apierrors.IsConflict(err) {
		t.Errorf("applying what the scaler manages: %v", err)
	}
	d.Status.Replicas, d.Spec.Replicas = 3, nil
	d.ResourceVersion = ""
	if d, err = api.UpdateStatus(ctx, d, metav1.UpdateOptions{}); err != nil || d.Status.Replicas != 3 || *d.Spec.Replicas != 5 || d.Generation != 2 {
		t.Errorf("status: %v, %+v", err, d)
	}
}

func fieldSelectors(t *testing.T, ctx context.Context, client kubernetes.Interface) {
	createPod(t, ctx, client, "bound")
	createPod(t, ctx, client, "loose")
	err := client.CoreV1().Pods("default").Bind(ctx, &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: "bound"}, Target: corev1.ObjectReference{Kind: "Node", Name: "node-7"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	list, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=node-7,status.phase!=Failed"})
	if err != nil || len(list.Items) != 1 || list.Items[0].Name != "bound" {
		t.Errorf("by node: %v, %v", err, list.Items)
	}
	if _, err := client.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.hostname=x"}); !apierrors.IsBadRequest(err) {
		t.Errorf("by a field that is none: %v", err)
	}
}

func verbs(t *testing.T, _ context.Context, client kubernetes.Interface) {
	resources, err := client.Discovery().ServerResourcesForGroupVersion("v1")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]metav1.APIResource{}
	for _, r := range resources.APIResources {
		got[r.Name] = r
	}
	for name, want := range map[string]string{
		"pods": "create,delete,deletecollection,get,list,patch,update,watch", "namespaces": "create,delete,get,list,patch,update,watch",
		"pods/binding": "create", "pods/eviction": "create", "bindings": "create", "namespaces/finalize": "update",
		"pods/status": "get,patch,update", "replicationcontrollers/scale": "get,patch,update",
	} {
		if verbs := strings.Join(got[name].Verbs, ","); verbs != want {
			t.Errorf("%s: %s, want %s", name, verbs, want)
		}
	}
	if r := got["pods"]; strings.Join(r.ShortNames, ",") != "po" || strings.Join(r.Categories, ",") != "all" || r.SingularName != "pod" {
		t.Errorf("pods: %+v", r)
	}
}

func serviceNumbers(t *testing.T, ctx context.Context, client kubernetes.Interface) {
	api := client.CoreV1().Services("default")
	s, err := api.Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "np"},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80}}},
	}, metav1.CreateOptions{})
	if err != nil || s.Spec.ClusterIP == "" || s.Spec.Ports[0].NodePort < 30000 {
		t.Fatalf("created: %v, %+v", err, s)
	}
	address, err := client.NetworkingV1().IPAddresses().Get(ctx, s.Spec.ClusterIP, metav1.GetOptions{})
	if err != nil || address.Spec.ParentRef.Name != "np" {
		t.Errorf("its address: %v, %+v", err, address)
	}
	if err := api.Delete(ctx, "np", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.NetworkingV1().IPAddresses().Get(ctx, s.Spec.ClusterIP, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("its address afterwards: %v", err)
	}
}

// One event, two views.
func events(t *testing.T, ctx context.Context, client kubernetes.Interface) {
	_, err := client.CoreV1().Events("default").Create(ctx, &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e"}, Reason: "Tested", Message: "hello", Type: "Normal",
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "table"},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := client.EventsV1().Events("default").Get(ctx, "e", metav1.GetOptions{})
	if err != nil || e.Note != "hello" || e.Regarding.Name != "table" {
		t.Errorf("as events.k8s.io: %v, %+v", err, e)
	}
	list, err := client.EventsV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: "regarding.name=table"})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("by field: %v, %+v", err, list)
	}
}
