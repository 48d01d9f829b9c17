package scheduler

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/admission/taintnodesbycondition"
	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/apiserver/server"
)

// TestWithAPIServer runs the scheduler as it is deployed, with leader election and as its own
// user, against a real API server.
func TestWithAPIServer(t *testing.T) {
	// No controller is here to take new nodes' taint away.
	server := apiservertest.New(t, func(o *server.Options) { o.Admission.Disable = []string{taintnodesbycondition.PluginName} })
	client, err := kubernetes.NewForConfig(clientConfig(server.Config))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() {
		stopped <- Run(ctx, Options{Config: server.User("system:kube-scheduler"), LeaderElect: true, Seed: 1})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		lease, err := client.CoordinationV1().Leases(leaseNamespace).Get(context.WithoutCancel(ctx), leaseName, metav1.GetOptions{})
		if err != nil || ptr.Deref(lease.Spec.HolderIdentity, "") != "" {
			t.Errorf("the lease is not given up: %+v, %v", lease.Spec, err)
		}
	})
	awaitServiceAccount(ctx, t, client)

	const nodes, pods = 50, 1000
	// First, so that the scheduler knows it once it knows any other.
	addNode(ctx, t, client, "tainted", "4", corev1.Taint{Key: "k", Effect: corev1.TaintEffectNoSchedule})
	for i := range nodes {
		addNode(ctx, t, client, fmt.Sprintf("node-%d", i), "4")
	}
	t.Run("many pods", func(t *testing.T) {
		// 1000 pods of 200m fill 50 nodes of 4 CPUs to the last millicore.
		began := time.Now()
		var writers sync.WaitGroup
		for w := range 10 {
			writers.Go(func() {
				for i := w; i < pods; i += 10 {
					p := plainPod(fmt.Sprintf("pod-%d", i), "200m")
					if _, err := client.CoreV1().Pods("default").Create(ctx, p, metav1.CreateOptions{}); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		writers.Wait()
		used := awaitBound(ctx, t, client, pods)
		t.Logf("%d pods created and bound in %v", pods, time.Since(began).Round(time.Millisecond))
		if len(used) != nodes {
			t.Errorf("%d nodes are used, want all %d", len(used), nodes)
		}
		for n, cpu := range used {
			if cpu.MilliValue() > 4000 {
				t.Errorf("%s is overcommitted: %s of 4 CPUs", n, cpu.String())
			}
		}
	})
	t.Run("no room until a node comes", func(t *testing.T) {
		create(ctx, t, client, plainPod("late", "200m"))
		p := await(ctx, t, client, "late", "unschedulable", unschedulable)
		want := "0/51 nodes are available: 1 node(s) had untolerated taint(s), 50 Insufficient cpu. " +
			"preemption: 0/51 nodes are available: 1 Preemption is not helpful for scheduling, 50 No preemption victims found for incoming pod."
		if got := scheduledCondition(p).Message; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if e := event(ctx, t, client, "late", "FailedScheduling"); e.Note != want {
			t.Errorf("got event %s", e.Note)
		}
		addNode(ctx, t, client, "extra", "4")
		if p := await(ctx, t, client, "late", "bound", bound); p.Spec.NodeName != "extra" || scheduledCondition(p).Status != corev1.ConditionTrue {
			t.Errorf("on %s, %+v", p.Spec.NodeName, scheduledCondition(p))
		}
	})
	t.Run("gated", func(t *testing.T) {
		p := plainPod("gated", "100m")
		p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/wait"}}
		create(ctx, t, client, p)
		p = await(ctx, t, client, "gated", "gated", func(p *corev1.Pod) bool {
			return scheduledCondition(p).Reason == corev1.PodReasonSchedulingGated
		})
		p.Spec.SchedulingGates = nil
		if _, err := client.CoreV1().Pods("default").Update(ctx, p, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		await(ctx, t, client, "gated", "bound", bound)
	})
	t.Run("idle", func(t *testing.T) {
		const tries = 50
		var least time.Duration
		for i := range tries {
			began := time.Now()
			create(ctx, t, client, plainPod(fmt.Sprintf("quick-%d", i), "1m"))
			await(ctx, t, client, fmt.Sprintf("quick-%d", i), "bound", bound)
			if d := time.Since(began); least == 0 || d < least {
				least = d
			}
		}
		t.Logf("from create to bound, best of %d: %v", tries, least.Round(100*time.Microsecond))
	})
}

func plainPod(name, cpu string) *corev1.Pod {
	p := pod(name, cpu)
	p.UID = ""
	return p
}

func addNode(ctx context.Context, t *testing.T, client kubernetes.Interface, name, cpu string, taints ...corev1.Taint) {
	t.Helper()
	n := node(name, cpu)
	n.Status.Capacity = n.Status.Allocatable
	n.Spec.Taints = taints
	if _, err := client.CoreV1().Nodes().Create(ctx, n, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// awaitServiceAccount makes the ServiceAccount that pods need; no controller is there to do it.
func awaitServiceAccount(ctx context.Context, t *testing.T, client kubernetes.Interface) {
	t.Helper()
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		_, err := client.CoreV1().ServiceAccounts("default").Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
		return err == nil, nil
	})
	if err != nil {
		t.Fatal("no ServiceAccount default:", err)
	}
}

// awaitBound waits until so many pods are bound and tells the CPU requested on each node.
func awaitBound(ctx context.Context, t *testing.T, client kubernetes.Interface, want int) map[string]resource.Quantity {
	t.Helper()
	var used map[string]resource.Quantity
	n := 0
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 2*patience, true, func(ctx context.Context) (bool, error) {
		list, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		used, n = map[string]resource.Quantity{}, 0
		for i := range list.Items {
			if p := &list.Items[i]; bound(p) {
				n++
				sum := used[p.Spec.NodeName]
				sum.Add(*p.Spec.Containers[0].Resources.Requests.Cpu())
				used[p.Spec.NodeName] = sum
			}
		}
		return n == want, nil
	})
	if err != nil {
		t.Fatalf("%d of %d pods are bound: %v", n, want, err)
	}
	return used
}
