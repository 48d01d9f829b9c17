package nodelifecycle_test

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
	"github.com/etalon-dev/etalon/reference/controllers/nodeipam"
	"github.com/etalon-dev/etalon/reference/controllers/nodelifecycle"
	"github.com/etalon-dev/etalon/reference/controllers/nodettl"
	"github.com/etalon-dev/etalon/reference/controllers/podgc"
	"github.com/etalon-dev/etalon/reference/controllers/tainteviction"
)

// A node renews its Lease every beat, and is taken for lost after grace: ten times
// slower than by default, since the hours of idleness at the end of each script are
// full of it.
const (
	beat  = 100 * time.Second
	grace = 500 * time.Second
	// late is more than any watch is behind, with the back-off of informers.
	late = 2 * time.Minute
	// ranges is how many nodes there are addresses for.
	ranges = 4
)

// The names of nodes, and the zones they are in.
var zones = map[string]string{"a1": "a", "a2": "a", "a3": "a", "a4": "a", "b1": "b", "b2": "b"}

var names = slices.Sorted(maps.Keys(zones))

// fleet is the nodes of one world, and what is remembered of them.
type fleet struct {
	mu     sync.Mutex
	w      *sim.World
	silent map[string]bool         // nodes whose kubelet is not heard
	sick   map[string]bool         // nodes whose kubelet says that it is not ready
	heard  map[types.UID]time.Time // when the node last gave a sign of life
	began  time.Time               // when the node-lifecycle-controller last started
	turns  map[string]time.Time    // when a zone's last node was evicted
	taints map[string][]*spell     // by node
	down   map[string]time.Time    // since when a zone is partly down, or all are under ""
	gone   map[string]time.Time    // when a node was last deleted
	wrong  error
}

// spell is a time in which a node had an evicting taint.
type spell struct {
	taint   corev1.Taint
	removed time.Time // zero: it still has
}

func newFleet() *fleet {
	return &fleet{
		silent: map[string]bool{}, sick: map[string]bool{}, heard: map[types.UID]time.Time{}, turns: map[string]time.Time{},
		taints: map[string][]*spell{}, down: map[string]time.Time{}, gone: map[string]time.Time{},
	}
}

func options() nodelifecycle.Options {
	o := nodelifecycle.Default()
	o.Grace, o.StartupGrace = grace, grace
	return o
}

func (f *fleet) controllers() map[string]sim.New {
	return map[string]sim.New{
		nodelifecycle.Name: func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.began = time.Now()
			return nodelifecycle.New(client, shared, events, options())
		},
		tainteviction.Name: sim.Controller(tainteviction.New),
		nodettl.Name: func(client kubernetes.Interface, shared informers.SharedInformerFactory, _ record.EventRecorder) sim.Runner {
			return nodettl.New(client, shared)
		},
		podgc.Name: func(client kubernetes.Interface, shared informers.SharedInformerFactory, _ record.EventRecorder) sim.Runner {
			return podgc.New(client, shared, 0, podgc.DefaultQuarantine)
		},
		nodeipam.Name: func(client kubernetes.Interface, shared informers.SharedInformerFactory, events record.EventRecorder) sim.Runner {
			return nodeipam.New(client, shared, events, nodeipam.Options{
				Allocate: true, Cluster: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/22")}, MaskIPv4: 24,
			})
		},
		"kubelets": func(kubernetes.Interface, informers.SharedInformerFactory, record.EventRecorder) sim.Runner { return f },
	}
}

// Run is what the kubelets do. Their network is always good: where nothing is heard
// of one, it is silent.
func (f *fleet) Run(ctx context.Context, _ int) {
	for n := 0; ; n++ {
		if f.w != nil {
			for _, name := range names {
				if n%10 == 0 {
					f.report(name)
				}
				f.endPods(name)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(beat / 10):
		}
	}
}

func (f *fleet) isHeard(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.silent[name] || f.w.Calm()
}

func (f *fleet) isSick(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.sick[name]
}

// report renews the node's Lease, and its status if that is not what it should be.
func (f *fleet) report(name string) {
	node, there := sim.Get[*corev1.Node](f.w, name)
	if !there || !f.isHeard(name) {
		return
	}
	want := corev1.ConditionTrue
	if f.isSick(name) {
		want = corev1.ConditionFalse
	}
	f.mu.Lock()
	f.heard[node.UID] = time.Now()
	f.mu.Unlock()
	leases, now := f.w.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease), ptr.To(metav1.NowMicro())
	if lease, err := leases.Get(context.Background(), name, metav1.GetOptions{}); err == nil {
		lease.Spec.RenewTime = now
		_, _ = leases.Update(context.Background(), lease, metav1.UpdateOptions{})
	} else {
		_, _ = leases.Create(context.Background(), &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: coordinationv1.LeaseSpec{RenewTime: now}}, metav1.CreateOptions{})
	}
	if readiness(node) == want {
		return
	}
	sim.UpdateStatus(f.w, name, func(node *corev1.Node) {
		node.Status.Conditions = nil
		for kind, status := range map[corev1.NodeConditionType]corev1.ConditionStatus{
			corev1.NodeReady: want, corev1.NodeMemoryPressure: corev1.ConditionFalse, corev1.NodeDiskPressure: corev1.ConditionFalse, corev1.NodePIDPressure: corev1.ConditionFalse,
		} {
			node.Status.Conditions = append(node.Status.Conditions, corev1.NodeCondition{
				Type: kind, Status: status, LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now(),
			})
		}
	})
}

// endPods lets go of deleted pods.
func (f *fleet) endPods(name string) {
	if node, there := sim.Get[*corev1.Node](f.w, name); !there || !f.isHeard(name) || node.DeletionTimestamp != nil {
		return
	}
	for _, pod := range sim.List[*corev1.Pod](f.w) {
		if pod.Spec.NodeName == name && pod.DeletionTimestamp != nil {
			_ = f.w.Client.CoreV1().Pods(pod.Namespace).Delete(context.Background(), pod.Name, *metav1.NewDeleteOptions(0))
		}
	}
}

func readiness(node *corev1.Node) corev1.ConditionStatus {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status
		}
	}
	return corev1.ConditionUnknown
}

func newNode(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelTopologyZone: zones[name]}}}
}

// newPod is a running pod. Its toleration of lost nodes is for so many seconds, for
// ever if negative, as that of a DaemonSet's; there is none if zero.
func newPod(name, node string, seconds int64) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now()},
		}},
	}
	for _, key := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		toleration := corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}
		if seconds > 0 {
			toleration.TolerationSeconds = &seconds
		}
		if seconds != 0 {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, toleration)
		}
	}
	return pod
}

// Whatever befalls nodes, the five controllers that look after them keep what they
// promise at each write, and come to rest as they should be.
func TestNodesInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		f := newFleet()
		onNode := func(do func(w *sim.World, name string)) sim.Action {
			return func(t *rapid.T) sim.Act {
				name := rapid.SampledFrom(names).Draw(t, "node")
				return func(w *sim.World) { do(w, name) }
			}
		}
		var objects []sim.Object
		for _, name := range names[:rapid.IntRange(0, len(names)).Draw(t, "nodes")] {
			objects = append(objects, newNode(name))
		}
		return sim.Scenario{
			Controllers: f.controllers(),
			Objects:     append(objects, newNode("b2")),
			Nodes:       -1,
			Actions: map[string]sim.Action{
				"node joins":      onNode(func(w *sim.World, name string) { w.Create(newNode(name)) }),
				"node joins too":  onNode(func(w *sim.World, name string) { w.Create(newNode(name)) }),
				"node is deleted": onNode(func(w *sim.World, name string) { sim.Delete[*corev1.Node](w, name) }),
				"node is replaced": onNode(func(w *sim.World, name string) {
					sim.Delete[*corev1.Node](w, name)
					w.Create(newNode(name))
				}),
				"node falls silent": onNode(func(_ *sim.World, name string) { f.set(f.silent, name, true) }),
				"node is heard": onNode(func(_ *sim.World, name string) {
					f.set(f.silent, name, false)
					f.report(name)
				}),
				"node falls sick": onNode(func(_ *sim.World, name string) {
					f.set(f.sick, name, true)
					f.report(name)
				}),
				"node recovers": onNode(func(_ *sim.World, name string) {
					f.set(f.sick, name, false)
					f.report(name)
				}),
				"zone falls silent": onNode(func(_ *sim.World, like string) {
					for _, name := range names {
						f.set(f.silent, name, f.silent[name] || zones[name] == zones[like])
					}
				}),
				"all fall silent": onNode(func(*sim.World, string) {
					for _, name := range names {
						f.set(f.silent, name, true)
					}
				}),
				"pod": f.pod, "another pod": f.pod,
				"pod is deleted": f.deletePod,
				"long time":      func(*rapid.T) sim.Act { return func(w *sim.World) { w.Sleep(grace + late) } },
				"some time":      func(*rapid.T) sim.Act { return func(w *sim.World) { w.Sleep(grace / 3) } },
			},
			Invariants: map[string]sim.Invariant{"the rules": f.check},
			Settled:    f.settled,
			Longest:    30,
		}
	})
}

func (f *fleet) set(of map[string]bool, name string, to bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	of[name] = to
}

func (f *fleet) pod(t *rapid.T) sim.Act {
	name := rapid.SampledFrom([]string{"p", "q", "r", "s", "t"}).Draw(t, "name")
	node := rapid.SampledFrom(append([]string{""}, names...)).Draw(t, "on")
	seconds := rapid.SampledFrom([]int64{-1, 0, 20, 300}).Draw(t, "tolerates")
	return func(w *sim.World) { w.Create(newPod(name, node, seconds)) }
}

func (f *fleet) deletePod(t *rapid.T) sim.Act {
	name := rapid.SampledFrom([]string{"p", "q", "r", "s", "t"}).Draw(t, "name")
	return func(w *sim.World) { sim.Delete[*corev1.Pod](w, name) }
}
