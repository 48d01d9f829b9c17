package simulation

import (
	"context"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

var server *apiservertest.Server

func TestMain(m *testing.M) { os.Exit(apiservertest.Main(m, &server)) }

func quantity(n int64) *resource.Quantity { return resource.NewQuantity(n, resource.DecimalSI) }

const patience = 30 * time.Second

// start runs a simulator as a user who has its roles and nothing else. stop ends it.
func start(t *testing.T, change ...func(*Options)) (client *kubernetes.Clientset, stop func()) {
	t.Helper()
	client = kubernetes.NewForConfigOrDie(server.Config)
	allow(t, client)
	o := DefaultOptions()
	o.Config, o.NodePrefix = server.User("simulation"), strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-"))+"-"
	o.Nodes = 2
	for _, f := range change {
		f(&o)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		if err := Run(ctx, o); err != nil {
			t.Error(err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); group.Wait() })
	t.Cleanup(func() {
		stop()
		now := metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0))}
		if err := client.CoreV1().Pods("default").DeleteCollection(context.Background(), now, metav1.ListOptions{}); err != nil {
			t.Error(err)
		}
	})
	return client, stop
}

// allow grants the user its roles, and makes what controllers would make: the ServiceAccount of pods.
func allow(t *testing.T, client *kubernetes.Clientset) {
	t.Helper()
	rbac := client.RbacV1()
	subjects := []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "simulation"}}
	meta := metav1.ObjectMeta{Name: RoleName}
	_, err := rbac.ClusterRoles().Create(t.Context(), ClusterRole(), metav1.CreateOptions{})
	made(t, err)
	_, err = rbac.ClusterRoleBindings().Create(t.Context(), &rbacv1.ClusterRoleBinding{ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: RoleName}}, metav1.CreateOptions{})
	made(t, err)
	_, err = rbac.Roles(corev1.NamespaceNodeLease).Create(t.Context(), LeaseRole(), metav1.CreateOptions{})
	made(t, err)
	_, err = rbac.RoleBindings(corev1.NamespaceNodeLease).Create(t.Context(), &rbacv1.RoleBinding{ObjectMeta: meta, Subjects: subjects,
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: RoleName}}, metav1.CreateOptions{})
	made(t, err)
	_, err = client.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	made(t, err)
}

func made(t *testing.T, err error) {
	t.Helper()
	if err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
}

// podOn is a pod that is bound by whoever creates it.
func podOn(node, name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default", Labels: map[string]string{"test": node}},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "main", Image: "registry.example/main:1"}}},
	}
	for _, f := range change {
		f(p)
	}
	return p
}

// await follows a pod until it is as wanted, and returns all versions of it that were seen on the way.
func await(t *testing.T, client *kubernetes.Clientset, name string, wanted func(watch.EventType, *corev1.Pod) bool) []*corev1.Pod {
	t.Helper()
	return awaitSince(t, client, name, "", wanted)
}

// awaitSince leaves out what was before that resource version.
func awaitSince(t *testing.T, client *kubernetes.Clientset, name, since string, wanted func(watch.EventType, *corev1.Pod) bool) []*corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	w, err := client.CoreV1().Pods("default").Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name, ResourceVersion: since})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Stop()
	var seen []*corev1.Pod
	for e := range w.ResultChan() {
		p, ok := e.Object.(*corev1.Pod)
		if !ok {
			t.Fatalf("event %v", e)
		}
		seen = append(seen, p)
		if wanted(e.Type, p) {
			return seen
		}
	}
	t.Fatalf("pod %s did not become what was wanted; last seen: %+v", name, seen)
	return nil
}

func isPodReady(_ watch.EventType, p *corev1.Pod) bool { return shapeOf(&p.Status).ready }

func awaitNode(t *testing.T, client *kubernetes.Clientset, name string) *corev1.Node {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		n, err := client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		if err == nil {
			if ready, _ := isReady(n); ready {
				return n
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("node %s is not ready: %v", name, err)
		}
	}
}

func awaitLease(t *testing.T, client *kubernetes.Clientset, node string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		lease, err := client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(t.Context(), node, metav1.GetOptions{})
		if err == nil {
			if lease.OwnerReferences[0].Name != node || *lease.Spec.LeaseDurationSeconds != 40 || *lease.Spec.HolderIdentity != node {
				t.Errorf("Lease %+v", lease)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("Lease of %s: %v", node, err)
		}
	}
}

func TestNodesAndTheirPods(t *testing.T) {
	client, _ := start(t, func(o *Options) { o.Zones = 2 })
	prefix := strings.ToLower(t.Name()) + "-"
	n := awaitNode(t, client, prefix+"2")
	if n.Labels[corev1.LabelTopologyZone] != "zone-2" || n.Labels[corev1.LabelHostname] != n.Name || n.Spec.PodCIDR != "100.64.1.0/24" ||
		n.Status.Allocatable.Pods().Value() != 110 {
		t.Errorf("got %+v", n)
	}
	awaitLease(t, client, prefix+"1")
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), podOn(n.Name, "web"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	seen := await(t, client, "web", isPodReady)
	if len(seen) > 2 {
		t.Errorf("%d versions of a pod that is ready at once, wanted the new one and the ready one", len(seen))
	}
	p := seen[len(seen)-1]
	for _, want := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.PodReadyToStartContainers, corev1.ContainersReady, corev1.PodReady} {
		if !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == want && c.Status == corev1.ConditionTrue && c.ObservedGeneration == 1
		}) {
			t.Errorf("condition %s is not true in %+v", want, p.Status.Conditions)
		}
	}
	if p.Status.PodIP != "100.64.1.2" || p.Status.HostIP != "198.18.0.2" || p.Status.StartTime == nil || p.Status.QOSClass != corev1.PodQOSBestEffort {
		t.Errorf("status %+v", p.Status)
	}
	if err := client.CoreV1().Pods("default").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	seen = awaitSince(t, client, "web", p.ResourceVersion, func(e watch.EventType, _ *corev1.Pod) bool { return e == watch.Deleted })
	if last := seen[len(seen)-1]; last.Status.Phase != corev1.PodSucceeded {
		t.Errorf("its last phase was %s", last.Status.Phase)
	}
}

// A pod's finalizers keep its object, and its end is told once.
func TestAFinalizerKeepsThePod(t *testing.T) {
	client, _ := start(t)
	node := strings.ToLower(t.Name()) + "-1"
	held := podOn(node, "held", func(p *corev1.Pod) { p.Finalizers = []string{"example.com/hold"} })
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), held, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, client, "held", isPodReady)
	if err := client.CoreV1().Pods("default").Delete(t.Context(), "held", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	seen := await(t, client, "held", func(_ watch.EventType, p *corev1.Pod) bool {
		return p.Status.Phase == corev1.PodSucceeded && p.DeletionGracePeriodSeconds != nil && *p.DeletionGracePeriodSeconds == 0
	})
	patch := []byte(`{"metadata":{"finalizers":null}}`)
	if _, err := client.CoreV1().Pods("default").Patch(t.Context(), "held", "application/merge-patch+json", patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	awaitSince(t, client, "held", seen[len(seen)-1].ResourceVersion, func(e watch.EventType, _ *corev1.Pod) bool { return e == watch.Deleted })
}

// A simulator that starts anew finds its nodes and pods, changes nothing of them, and goes on.
func TestANewSimulatorGoesOn(t *testing.T) {
	client, stop := start(t)
	node := strings.ToLower(t.Name()) + "-1"
	for _, p := range []*corev1.Pod{
		podOn(node, "kept"),
		podOn(node, "gated", func(p *corev1.Pod) {
			p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/gate"}}
		}),
		podOn(node, "ended", func(p *corev1.Pod) {
			p.Spec.RestartPolicy = corev1.RestartPolicyNever
			p.Annotations = map[string]string{RunFor: "0s"}
		}),
	} {
		if _, err := client.CoreV1().Pods("default").Create(t.Context(), p, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	kept := await(t, client, "kept", isPodReady)
	gated := await(t, client, "gated", func(_ watch.EventType, p *corev1.Pod) bool { return shapeOf(&p.Status).containersReady })
	ended := await(t, client, "ended", func(_ watch.EventType, p *corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	stop()
	start(t)
	// The one that comes shows that the list of those that were there has been seen to.
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), podOn(node, "newcomer"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	newcomer := await(t, client, "newcomer", isPodReady)
	for _, was := range []*corev1.Pod{kept[len(kept)-1], gated[len(gated)-1], ended[len(ended)-1]} {
		is, err := client.CoreV1().Pods("default").Get(t.Context(), was.Name, metav1.GetOptions{})
		if err != nil || is.ResourceVersion != was.ResourceVersion {
			t.Errorf("pod %s was written: %v\n%+v\n%+v", was.Name, err, was.Status, is.Status)
		}
	}
	if ip := newcomer[len(newcomer)-1].Status.PodIP; ip == kept[len(kept)-1].Status.PodIP || ip == gated[len(gated)-1].Status.PodIP {
		t.Errorf("the newcomer has the address %s of another", ip)
	}
	// A gate that opens makes the pod ready.
	open := []byte(`{"status":{"conditions":[{"type":"example.com/gate","status":"True"}]}}`)
	if _, err := client.CoreV1().Pods("default").Patch(t.Context(), "gated", "application/strategic-merge-patch+json", open, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	await(t, client, "gated", isPodReady)
}

// Others may write a pod's status; what is the node's it takes back.
func TestTheNodeHasTheLastWord(t *testing.T) {
	client, _ := start(t)
	node := strings.ToLower(t.Name()) + "-1"
	if _, err := client.CoreV1().Pods("default").Create(t.Context(), podOn(node, "disputed"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	await(t, client, "disputed", isPodReady)
	other := []byte(`{"status":{"conditions":[{"type":"Ready","status":"False","reason":"Other"},{"type":"example.com/mine","status":"True"}]}}`)
	changed, err := client.CoreV1().Pods("default").Patch(t.Context(), "disputed", "application/strategic-merge-patch+json", other, metav1.PatchOptions{}, "status")
	if err != nil {
		t.Fatal(err)
	}
	seen := await(t, client, "disputed", func(_ watch.EventType, p *corev1.Pod) bool {
		return versionOf(p) > versionOf(changed) && shapeOf(&p.Status).ready
	})
	p := seen[len(seen)-1]
	if !slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == "example.com/mine" }) {
		t.Error("a condition that is not the node's has gone")
	}
	// Its deletion with no grace needs nobody's consent.
	if err := client.CoreV1().Pods("default").Delete(t.Context(), "disputed", metav1.DeleteOptions{GracePeriodSeconds: ptr.To(int64(0))}); err != nil {
		t.Fatal(err)
	}
}
