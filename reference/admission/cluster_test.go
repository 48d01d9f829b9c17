package admission_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// recorder keeps the warnings that a server sends.
type recorder struct {
	mu    sync.Mutex
	texts []string
}

func (r *recorder) HandleWarningHeader(_ int, _, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.texts = append(r.texts, text)
}

// take returns the warnings since it was last called.
func (r *recorder) take() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	texts := r.texts
	r.texts = nil
	return strings.Join(texts, "\n")
}

func connect(t *testing.T, config *rest.Config) (kubernetes.Interface, *recorder) {
	t.Helper()
	r := &recorder{}
	config = rest.CopyConfig(config)
	config.WarningHandler = r
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	return client, r
}

// eventually polls until ok says yes. Mostly that is at once; new kinds reach policies only when the
// library forgets what it knew of the API, every 30 s.
func eventually(t *testing.T, what string, ok func(ctx context.Context) bool) {
	t.Helper()
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 2*time.Minute, true, func(ctx context.Context) (bool, error) { return ok(ctx), nil })
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// newNamespace makes a namespace in which pods can be made.
func newNamespace(t *testing.T, client kubernetes.Interface, name string, labels map[string]string) {
	t.Helper()
	_, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	sa := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	if _, err := client.CoreV1().ServiceAccounts(name).Create(t.Context(), sa, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func newPod(name string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}}}
}

func newClaim(name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}}}}
}

// TestDefaultPlugins: what every API server does to requests, without any flag.
func TestDefaultPlugins(t *testing.T) {
	client, warnings := connect(t, apiservertest.Start(t))
	newNamespace(t, client, "ns", nil)
	core := client.CoreV1()

	t.Run("RuntimeClass", func(t *testing.T) {
		class := &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "sandboxed"}, Handler: "kata",
			Overhead:   &nodev1.Overhead{PodFixed: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m")}},
			Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"kata": "yes"}}}
		if _, err := client.NodeV1().RuntimeClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		pod := newPod("sandboxed")
		pod.Spec.RuntimeClassName = ptr.To("sandboxed")
		got, err := core.Pods("ns").Create(t.Context(), pod, metav1.CreateOptions{})
		if err != nil || got.Spec.Overhead.Cpu().String() != "250m" || got.Spec.NodeSelector["kata"] != "yes" {
			t.Errorf("got %+v, %v", got.Spec, err)
		}
		pod = newPod("nowhere")
		pod.Spec.RuntimeClassName = ptr.To("nowhere")
		_, err = core.Pods("ns").Create(t.Context(), pod, metav1.CreateOptions{})
		if want := `pods "nowhere" is forbidden: pod rejected: RuntimeClass "nowhere" not found`; !apierrors.IsForbidden(err) || err.Error() != want {
			t.Errorf("got %v, wanted %s", err, want)
		}
	})

	t.Run("DefaultStorageClass and protection", func(t *testing.T) {
		class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast", Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}}, Provisioner: "example.com/p"}
		if _, err := client.StorageV1().StorageClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a claim gets the default class", func(ctx context.Context) bool {
			got, err := core.PersistentVolumeClaims("ns").Create(ctx, newClaim("c"), metav1.CreateOptions{DryRun: []string{"All"}})
			return err == nil && ptr.Deref(got.Spec.StorageClassName, "") == "fast"
		})
		got, err := core.PersistentVolumeClaims("ns").Create(t.Context(), newClaim("c"), metav1.CreateOptions{})
		if err != nil || len(got.Finalizers) != 1 || got.Finalizers[0] != "kubernetes.io/pvc-protection" {
			t.Fatalf("got finalizers %v, %v", got.Finalizers, err)
		}
		got.Spec.Resources.Requests[corev1.ResourceStorage] = resource.MustParse("2Gi")
		if _, err := core.PersistentVolumeClaims("ns").Update(t.Context(), got, metav1.UpdateOptions{}); !apierrors.IsForbidden(err) && !apierrors.IsInvalid(err) {
			t.Errorf("an unbound claim grew: %v", err)
		}
	})

	t.Run("DefaultIngressClass", func(t *testing.T) {
		class := &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "web", Annotations: map[string]string{networkingv1.AnnotationIsDefaultIngressClass: "true"}},
			Spec: networkingv1.IngressClassSpec{Controller: "example.com/c"}}
		if _, err := client.NetworkingV1().IngressClasses().Create(t.Context(), class, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Name: "i"}, Spec: networkingv1.IngressSpec{
			DefaultBackend: &networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "s", Port: networkingv1.ServiceBackendPort{Number: 80}}}}}
		eventually(t, "an Ingress gets the default class", func(ctx context.Context) bool {
			got, err := client.NetworkingV1().Ingresses("ns").Create(ctx, ingress, metav1.CreateOptions{DryRun: []string{"All"}})
			return err == nil && ptr.Deref(got.Spec.IngressClassName, "") == "web"
		})
	})

	t.Run("TaintNodesByCondition", func(t *testing.T) {
		got, err := core.Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{})
		if err != nil || len(got.Spec.Taints) != 1 || got.Spec.Taints[0].ToString() != "node.kubernetes.io/not-ready:NoSchedule" {
			t.Errorf("got %v, %v", got.Spec.Taints, err)
		}
	})

	t.Run("PodSecurity", func(t *testing.T) {
		newNamespace(t, client, "secure", map[string]string{"pod-security.kubernetes.io/warn": "baseline"})
		pod := newPod("p")
		pod.Spec.HostNetwork = true
		if _, err := core.Pods("secure").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, want := warnings.take(), `would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)`; got != want {
			t.Errorf("got warning %q, wanted %q", got, want)
		}
		label := `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`
		if _, err := core.Namespaces().Patch(t.Context(), "secure", types.MergePatchType, []byte(label), metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, want := warnings.take(), `existing pods in namespace "secure" violate the new PodSecurity enforce level "restricted:latest"`+"\n"+
			"p: host namespaces, allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"; got != want {
			t.Errorf("got warning %q, wanted %q", got, want)
		}
		eventually(t, "the new level is enforced", func(ctx context.Context) bool {
			_, err := core.Pods("secure").Create(ctx, newPod("q"), metav1.CreateOptions{DryRun: []string{"All"}})
			return apierrors.IsForbidden(err) && strings.HasPrefix(err.Error(), `pods "q" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "c" must set`)
		})
		label = `{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"strict"}}}`
		if _, err := core.Namespaces().Patch(t.Context(), "secure", types.MergePatchType, []byte(label), metav1.PatchOptions{}); !apierrors.IsInvalid(err) {
			t.Errorf("an unknown level: got %v, wanted 422", err)
		}
	})

	t.Run("NamespaceLifecycle", func(t *testing.T) {
		_, err := core.ConfigMaps("missing").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c"}}, metav1.CreateOptions{})
		if want := `namespaces "missing" not found`; !apierrors.IsNotFound(err) || err.Error() != want {
			t.Errorf("got %v, wanted %s", err, want)
		}
		for _, name := range []string{"default", "kube-system", "kube-public"} {
			err := core.Namespaces().Delete(t.Context(), name, metav1.DeleteOptions{})
			if want := `namespaces "` + name + `" is forbidden: this namespace may not be deleted`; !apierrors.IsForbidden(err) || err.Error() != want {
				t.Errorf("got %v, wanted %s", err, want)
			}
		}
		newNamespace(t, client, "ending", nil)
		if err := core.Namespaces().Delete(t.Context(), "ending", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err = core.ConfigMaps("ending").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "c"}}, metav1.CreateOptions{})
		want := `configmaps "c" is forbidden: unable to create new content in namespace ending because it is being terminated`
		if !apierrors.IsForbidden(err) || !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || err.Error() != want {
			t.Errorf("got %v, wanted %s", err, want)
		}
	})
}
