package registry_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// Every built-in resource, from creation to deletion, through the whole server.
func TestResources(t *testing.T) {
	config := apiservertest.Start(t)
	t.Run("discovery", func(t *testing.T) { testDiscovery(t, config) })
	t.Run("component statuses", func(t *testing.T) { testComponentStatuses(t, config) })
	t.Run("metrics", func(t *testing.T) { testMetrics(t, config) })
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	// No controller makes the account that admission gives to pods.
	if _, err := client.Resource(schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}).Namespace("default").
		Create(context.Background(), object("v1/serviceaccounts", "default", `{}`), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for name, described := range discovered {
		if _, ok := samples[name]; !ok && strings.Contains(described, "create,delete,") && strings.Contains(described, "list") && !strings.Contains(name, "api") {
			t.Errorf("there is no sample of %s", name)
		}
	}
	replace := strings.NewReplacer(generated(t)...)
	for _, name := range slices.Sorted(maps.Keys(samples)) {
		s := samples[name]
		s.manifest = replace.Replace(s.manifest)
		if s.name == "" {
			s.name = "sample"
		}
		t.Run(name, func(t *testing.T) {
			w := &walk{sample: s, key: name, t: t, config: config}
			gv, plural := name[:strings.LastIndex(name, "/")], name[strings.LastIndex(name, "/")+1:]
			parsed, err := schema.ParseGroupVersion(gv)
			if err != nil {
				t.Fatal(err)
			}
			resource := client.Resource(parsed.WithResource(plural))
			w.resource = resource
			if strings.HasPrefix(discovered[name], "N ") {
				w.resource = resource.Namespace("default")
			}
			w.run(context.Background())
		})
	}
}

// generated are pairs of placeholders in the samples and what they stand for.
func generated(t *testing.T) []string {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, private)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, authority, authority, public, private)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	return []string{
		"AUTHORITY", strings.ReplaceAll(string(asPEM("CERTIFICATE", der)), "\n", `\n`),
		"REQUEST", base64.StdEncoding.EncodeToString(asPEM("CERTIFICATE REQUEST", request)),
		"STUB", base64.StdEncoding.EncodeToString(request),
	}
}

// object completes a manifest of a resource.
func object(key, name, manifest string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(manifest), &o.Object); err != nil {
		panic(key + ": " + err.Error())
	}
	o.SetAPIVersion(key[:strings.LastIndex(key, "/")])
	o.SetKind(strings.Fields(discovered[key])[1])
	o.SetName(name)
	return o
}

type walk struct {
	sample
	key      string
	t        *testing.T
	config   *rest.Config
	resource dynamic.ResourceInterface
}

func (w *walk) run(ctx context.Context) {
	t := w.t
	if _, err := w.resource.Create(ctx, object(w.key, w.name, w.manifest), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil {
		t.Fatalf("dry run: %v", err)
	}
	if _, err := w.resource.Get(ctx, w.name, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("a dry run was stored: %v", err)
	}
	created, err := w.resource.Create(ctx, object(w.key, w.name, w.manifest), metav1.CreateOptions{FieldManager: "creator"})
	if err != nil {
		t.Fatal(err)
	}
	patched, err := w.resource.Patch(ctx, w.name, types.MergePatchType, []byte(`{"metadata":{"labels":{"walk":"main"},"generation":77}}`), metav1.PatchOptions{})
	if err != nil || patched.GetLabels()["walk"] != "main" {
		t.Errorf("patched: %v, %v", err, patched)
	} else if grew := patched.GetGeneration() > created.GetGeneration(); grew != w.labelsCount {
		t.Errorf("labels changed the generation from %d to %d", created.GetGeneration(), patched.GetGeneration())
	}
	w.table(ctx)
	if _, ok := discovered[w.key+"/status"]; ok {
		w.statusPatch(ctx)
		w.statusOwners(ctx)
	}
	if err := w.resource.Delete(ctx, w.name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
		t.Errorf("delete: %v", err)
	}
}

// table reads the object as kubectl does.
func (w *walk) table(ctx context.Context) {
	client, err := kubernetes.NewForConfig(w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	path := "/apis/" + w.key
	if strings.HasPrefix(w.key, "v1/") {
		path = "/api/" + w.key
	}
	data, err := client.Discovery().RESTClient().Get().AbsPath(path).Param("labelSelector", "walk=main").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(ctx)
	if err != nil {
		w.t.Errorf("table: %v", err)
		return
	}
	table := &metav1.Table{}
	if err := json.Unmarshal(data, table); err != nil {
		w.t.Fatal(err)
	}
	if got := columnsOf(table); got != w.columns {
		w.t.Errorf("columns %s, want %s", got, w.columns)
	}
	if len(table.Rows) != 1 || len(table.Rows[0].Cells) != len(table.ColumnDefinitions) {
		w.t.Errorf("rows: %v", table.Rows)
	}
}

func columnsOf(table *metav1.Table) string {
	var names []string
	for _, c := range table.ColumnDefinitions {
		if c.Priority > 0 {
			c.Name += "*"
		}
		names = append(names, c.Name)
	}
	return strings.Join(names, "|")
}

// statusPatch changes metadata through /status, which some kinds allow, and the spec, which none does.
func (w *walk) statusPatch(ctx context.Context) {
	before, err := w.resource.Get(ctx, w.name, metav1.GetOptions{}, "status")
	if err != nil {
		w.t.Errorf("get status: %v", err)
		return
	}
	after, err := w.resource.Patch(ctx, w.name, types.MergePatchType, []byte(`{"metadata":{"annotations":{"walk":"status"}}}`), metav1.PatchOptions{}, "status")
	if err != nil {
		w.t.Errorf("patch status: %v", err)
		return
	}
	if kept := after.GetAnnotations()["walk"] == "status"; kept == w.fixedMeta {
		w.t.Errorf("an annotation through /status was kept: %v", kept)
	}
	if after.GetGeneration() != before.GetGeneration() {
		w.t.Errorf("/status changed the generation from %d to %d", before.GetGeneration(), after.GetGeneration())
	}
}

// statusOwners applies to both endpoints: each owns its half only.
func (w *walk) statusOwners(ctx context.Context) {
	if w.status == "" {
		w.t.Error("the sample has no status")
		return
	}
	both := object(w.key, w.name, w.manifest)
	var status map[string]any
	if err := json.Unmarshal([]byte(w.status), &status); err != nil {
		w.t.Fatal(err)
	}
	both.Object["status"] = status
	for manager, subresources := range map[string][]string{"main": nil, "status": {"status"}} {
		if _, err := w.resource.Apply(ctx, w.name, both, metav1.ApplyOptions{FieldManager: manager, Force: true}, subresources...); err != nil {
			w.t.Errorf("apply to %s: %v", manager, err)
		}
	}
	o, err := w.resource.Get(ctx, w.name, metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range o.GetManagedFields() {
		if m.Manager == "main" && owns(w.t, m, "f:status") {
			w.t.Errorf("the main endpoint owns %s", m.FieldsV1.Raw)
		}
		if m.Manager == "status" && (owns(w.t, m, "f:spec") || w.fixedMeta && owns(w.t, m, "f:metadata")) {
			w.t.Errorf("/status owns %s", m.FieldsV1.Raw)
		}
	}
}

func owns(t *testing.T, m metav1.ManagedFieldsEntry, key string) bool {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(m.FieldsV1.Raw, &fields); err != nil {
		t.Fatal(err)
	}
	_, ok := fields[key]
	return ok
}

// testComponentStatuses: etcd is well; nobody schedules or controls here.
func testComponentStatuses(t *testing.T, config *rest.Config) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	data, err := client.CoreV1().RESTClient().Get().Resource("componentstatuses").
		SetHeader("Accept", "application/json;as=Table;v=v1;g=meta.k8s.io").DoRaw(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	table := &metav1.Table{}
	if err := json.Unmarshal(data, table); err != nil {
		t.Fatal(err)
	}
	if got := columnsOf(table); got != "Name|Status|Message|Error" {
		t.Errorf("columns %s", got)
	}
	got := map[any]any{}
	for _, row := range table.Rows {
		got[row.Cells[0]] = row.Cells[1]
	}
	if len(got) != 3 || got["etcd-0"] != "Healthy" || got["scheduler"] != "Unhealthy" || got["controller-manager"] != "Unhealthy" {
		t.Errorf("components: %v", got)
	}
	if _, err := client.CoreV1().ComponentStatuses().Get(context.Background(), "nobody", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("a component that is none: %v", err)
	}
}

// testMetrics: nobody measures, and somebody else may take the group over.
func testMetrics(t *testing.T, config *rest.Config) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	pods := client.Resource(schema.GroupVersionResource{Group: "metrics.k8s.io", Version: "v1beta1", Resource: "pods"})
	list, err := pods.List(ctx, metav1.ListOptions{})
	if err != nil || list.GetKind() != "PodMetricsList" || len(list.Items) != 0 {
		t.Errorf("list: %v, %v", err, list)
	}
	if _, err := pods.Namespace("default").Get(ctx, "p", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("get: %v", err)
	}
	services := client.Resource(schema.GroupVersionResource{Group: "apiregistration.k8s.io", Version: "v1", Resource: "apiservices"})
	service, err := services.Get(ctx, "v1beta1.metrics.k8s.io", metav1.GetOptions{})
	if err != nil || service.GetLabels()["kube-aggregator.kubernetes.io/automanaged"] != "onstart" {
		t.Errorf("APIService: %v, %v", err, service)
	}
}
