package resourcequota_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/controllers/resourcequota"
)

const patience = time.Minute

// cluster is an API server with the controller, who may do what its role says and no more.
type cluster struct {
	kubernetes.Interface
	config *rest.Config
}

func start(t *testing.T) *cluster {
	t.Helper()
	server := apiservertest.New(t)
	config := server.User("system:serviceaccount:kube-system:resourcequota-controller", "system:serviceaccounts", "system:authenticated")
	client := kubernetes.NewForConfigOrDie(config)
	shared := informers.NewSharedInformerFactory(client, 0)
	c := resourcequota.New(client, metadata.NewForConfigOrDie(config), client.Discovery(), shared)
	ctx, cancel := context.WithCancel(t.Context())
	shared.StartWithContext(ctx)
	var running sync.WaitGroup
	running.Go(func() { c.Run(ctx, 5) })
	t.Cleanup(func() { cancel(); running.Wait(); shared.Shutdown() })
	return &cluster{kubernetes.NewForConfigOrDie(server.Config), server.Config}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func (c *cluster) namespace(t *testing.T, name string) {
	t.Helper()
	_, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	must(t, err)
	_, err = c.CoreV1().ServiceAccounts(name).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	must(t, err)
}

func (c *cluster) quota(t *testing.T, namespace, name string, hard corev1.ResourceList, scopes ...corev1.ResourceQuotaScope) {
	t.Helper()
	q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ResourceQuotaSpec{Hard: hard, Scopes: scopes}}
	_, err := c.CoreV1().ResourceQuotas(namespace).Create(t.Context(), q, metav1.CreateOptions{})
	must(t, err)
}

func newPod(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{TerminationGracePeriodSeconds: ptr.To[int64](0),
		Containers: []corev1.Container{{Name: "c", Image: "none.test/c"}}}}
}

// becomes waits for the quota's status to be what its spec says and to use exactly this much.
func (c *cluster) becomes(t *testing.T, namespace, name string, want corev1.ResourceList) {
	t.Helper()
	var last corev1.ResourceQuotaStatus
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		q, err := c.CoreV1().ResourceQuotas(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		last = q.Status
		return same(last.Hard, q.Spec.Hard) && same(last.Used, want), nil
	})
	if err != nil {
		t.Fatalf("%s: wanted %v used, last seen %v", name, want, last)
	}
}

func same(a, b corev1.ResourceList) bool {
	for name, n := range a {
		if m, ok := b[name]; !ok || n.Cmp(m) != 0 {
			return false
		}
	}
	return len(a) == len(b)
}

func TestController(t *testing.T) {
	c := start(t)
	for name, test := range map[string]func(*testing.T, *cluster, string){
		"life": life, "services": servicesChange, "scopes": scopes, "custom": custom, "tampering": tampering, "churn": churn,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.namespace(t, name)
			test(t, c, name)
		})
	}
}

// What was there before counts; what ends or goes does not.
func life(t *testing.T, c *cluster, ns string) {
	pods := c.CoreV1().Pods(ns)
	for _, name := range []string{"a", "b"} {
		_, err := pods.Create(t.Context(), newPod(name), metav1.CreateOptions{})
		must(t, err)
	}
	c.quota(t, ns, "q", list("pods", "5", "count/pods", "5", "configmaps", "3", "requests.storage", "5Gi", "count/deployments.apps", "1"))
	c.becomes(t, ns, "q", list("pods", "2", "count/pods", "2", "configmaps", "0", "requests.storage", "0", "count/deployments.apps", "0"))
	_, err := c.CoreV1().ConfigMaps(ns).Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "m"}}, metav1.CreateOptions{})
	must(t, err)
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "v"}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, Resources: corev1.VolumeResourceRequirements{Requests: list("storage", "2Gi")}}}
	_, err = c.CoreV1().PersistentVolumeClaims(ns).Create(t.Context(), claim, metav1.CreateOptions{})
	must(t, err)
	c.becomes(t, ns, "q", list("pods", "2", "count/pods", "2", "configmaps", "1", "requests.storage", "2Gi", "count/deployments.apps", "0"))

	_, err = pods.Patch(t.Context(), "a", types.MergePatchType, []byte(`{"status":{"phase":"Succeeded"}}`), metav1.PatchOptions{}, "status")
	must(t, err)
	must(t, c.CoreV1().ConfigMaps(ns).Delete(t.Context(), "m", metav1.DeleteOptions{}))
	c.becomes(t, ns, "q", list("pods", "1", "count/pods", "2", "configmaps", "0", "requests.storage", "2Gi", "count/deployments.apps", "0"))
	must(t, pods.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	_, err = c.CoreV1().ResourceQuotas(ns).Patch(t.Context(), "q", types.MergePatchType, []byte(`{"spec":{"hard":{"configmaps":null,"secrets":"1"}}}`), metav1.PatchOptions{})
	must(t, err)
	c.becomes(t, ns, "q", list("pods", "0", "count/pods", "0", "secrets", "0", "requests.storage", "2Gi", "count/deployments.apps", "0"))
}

func servicesChange(t *testing.T, c *cluster, ns string) {
	c.quota(t, ns, "q", list("services", "2", "services.nodeports", "1"))
	c.becomes(t, ns, "q", list("services", "0", "services.nodeports", "0"))
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: []corev1.ServicePort{{Port: 80}}}}
	service, err := c.CoreV1().Services(ns).Create(t.Context(), service, metav1.CreateOptions{})
	must(t, err)
	c.becomes(t, ns, "q", list("services", "1", "services.nodeports", "1"))
	service.Spec.Type, service.Spec.Ports[0].NodePort = corev1.ServiceTypeClusterIP, 0
	_, err = c.CoreV1().Services(ns).Update(t.Context(), service, metav1.UpdateOptions{})
	must(t, err)
	c.becomes(t, ns, "q", list("services", "1", "services.nodeports", "0"))
}

func scopes(t *testing.T, c *cluster, ns string) {
	c.quota(t, ns, "ends", list("pods", "5"), corev1.ResourceQuotaScopeTerminating)
	c.quota(t, ns, "stays", list("pods", "5"), corev1.ResourceQuotaScopeNotTerminating)
	c.becomes(t, ns, "ends", list("pods", "0"))
	c.becomes(t, ns, "stays", list("pods", "0"))
	_, err := c.CoreV1().Pods(ns).Create(t.Context(), newPod("p"), metav1.CreateOptions{})
	must(t, err)
	c.becomes(t, ns, "ends", list("pods", "0"))
	c.becomes(t, ns, "stays", list("pods", "1"))
	// Given a deadline, the pod moves from one quota to the other.
	_, err = c.CoreV1().Pods(ns).Patch(t.Context(), "p", types.MergePatchType, []byte(`{"spec":{"activeDeadlineSeconds":600}}`), metav1.PatchOptions{})
	must(t, err)
	c.becomes(t, ns, "ends", list("pods", "1"))
	c.becomes(t, ns, "stays", list("pods", "0"))
}

// A quota may name a resource before there is one.
func custom(t *testing.T, c *cluster, ns string) {
	c.quota(t, ns, "q", list("count/widgets.quota.test", "1", "pods", "1"))
	c.becomes(t, ns, "q", list("pods", "0"))
	crd := &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "widgets.quota.test"}, Spec: apiextensionsv1.CustomResourceDefinitionSpec{
		Group: "quota.test", Scope: apiextensionsv1.NamespaceScoped, Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "widgets", Kind: "Widget"},
		Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{
			OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", XPreserveUnknownFields: ptr.To(true)}}}}}}
	_, err := apiextensions.NewForConfigOrDie(c.config).ApiextensionsV1().CustomResourceDefinitions().Create(t.Context(), crd, metav1.CreateOptions{})
	must(t, err)
	c.becomes(t, ns, "q", list("pods", "0", "count/widgets.quota.test", "0"))
	widgets := dynamic.NewForConfigOrDie(c.config).Resource(schema.GroupVersionResource{Group: "quota.test", Version: "v1", Resource: "widgets"}).Namespace(ns)
	create := func(name string) error {
		_, err := widgets.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{"apiVersion": "quota.test/v1", "kind": "Widget",
			"metadata": map[string]any{"name": name}}}, metav1.CreateOptions{})
		return err
	}
	must(t, create("a"))
	if err := create("b"); !apierrors.IsForbidden(err) {
		t.Errorf("a second one: got %v, wanted 403", err)
	}
	must(t, widgets.Delete(t.Context(), "a", metav1.DeleteOptions{}))
	c.becomes(t, ns, "q", list("pods", "0", "count/widgets.quota.test", "0"))
}

// A status that somebody has written to is put right.
func tampering(t *testing.T, c *cluster, ns string) {
	c.quota(t, ns, "q", list("pods", "1"))
	c.becomes(t, ns, "q", list("pods", "0"))
	_, err := c.CoreV1().ResourceQuotas(ns).Patch(t.Context(), "q", types.MergePatchType, []byte(`{"status":{"hard":{"pods":"9"},"used":{"pods":"7"}}}`), metav1.PatchOptions{}, "status")
	must(t, err)
	c.becomes(t, ns, "q", list("pods", "0"))
}

// However many create and delete at once, there are never more pods than the quota allows, and in the
// end all is free again.
func churn(t *testing.T, c *cluster, ns string) {
	const hard, clients, each = 5, 6, 12
	c.quota(t, ns, "q", list("pods", fmt.Sprint(hard)))
	c.becomes(t, ns, "q", list("pods", "0"))
	// Admission goes by a watch of its own: it has heard of the status once it refuses.
	for i := 0; ; i++ {
		_, err := c.CoreV1().Pods(ns).Create(t.Context(), newPod(fmt.Sprintf("first-%d", i)), metav1.CreateOptions{})
		if apierrors.IsForbidden(err) {
			break
		}
		must(t, err)
	}
	must(t, c.CoreV1().Pods(ns).DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{}))
	c.becomes(t, ns, "q", list("pods", "0"))

	events, err := c.CoreV1().Pods(ns).Watch(t.Context(), metav1.ListOptions{})
	must(t, err)
	there, most := 0, 0
	var counting sync.WaitGroup
	counting.Go(func() {
		for e := range events.ResultChan() {
			switch e.Type {
			case watch.Added:
				there++
			case watch.Deleted:
				there--
			}
			most = max(most, there)
		}
	})
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			for j := range each {
				name := fmt.Sprintf("p-%d-%d", i, j)
				err := wait.PollUntilContextTimeout(t.Context(), 5*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
					_, err := c.CoreV1().Pods(ns).Create(ctx, newPod(name), metav1.CreateOptions{})
					if apierrors.IsForbidden(err) || apierrors.IsConflict(err) {
						return false, nil
					}
					return true, err
				})
				if err == nil {
					err = c.CoreV1().Pods(ns).Delete(t.Context(), name, metav1.DeleteOptions{})
				}
				if err != nil {
					t.Errorf("pod %s: %v", name, err)
					return
				}
			}
		})
	}
	running.Wait()
	c.becomes(t, ns, "q", list("pods", "0"))
	events.Stop()
	counting.Wait()
	if most > hard || most == 0 {
		t.Errorf("at one time there were %d pods; the quota is %d", most, hard)
	}
}
