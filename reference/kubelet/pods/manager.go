// Package pods runs the node's pods: one worker for each brings what runs towards what the API
// server wants.
package pods

import (
	"context"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/cpumanager"
	"github.com/etalon-dev/etalon/reference/kubelet/images"
	"github.com/etalon-dev/etalon/reference/kubelet/memorymanager"
	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
	"github.com/etalon-dev/etalon/reference/kubelet/objects"
	"github.com/etalon-dev/etalon/reference/kubelet/plan"
	"github.com/etalon-dev/etalon/reference/kubelet/resize"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
	"github.com/etalon-dev/etalon/reference/kubelet/static"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
	"github.com/etalon-dev/etalon/reference/kubelet/topology"
	"github.com/etalon-dev/etalon/reference/kubelet/users"
	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// sweepEvery is how often the node is searched for what belongs to no pod.
const sweepEvery = time.Minute

// Cgroups makes and removes the pods' cgroups.
type Cgroups interface {
	Ensure(path string, l cgroups.Limits) error
	Remove(path string) error
	// Pods returns the path of every pod's cgroup, by the pod's uid.
	Pods() map[types.UID]string
	// Unified tells whether the machine has cgroups version 2, Swaps whether they limit swapping.
	Unified() bool
	Swaps() bool
	// Read returns the limits of a cgroup, MemoryUsage how much memory is in use there; false if that is not known.
	Read(path string) cgroups.Limits
	MemoryUsage(path string) (int64, bool)
}

// Mirrors keeps, at the API server, one mirror of each static pod.
type Mirrors interface {
	// Set says how a static pod is.
	Set(pod *v1.Pod, s v1.PodStatus)
	// Forget says that nothing is left of a static pod.
	Forget(pod *v1.Pod)
}

// Config is what a Manager works with.
type Config struct {
	Client   kubernetes.Interface
	Runtime  *runtime.Client
	Cgroups  Cgroups
	Recorder record.EventRecorder
	Statuses *status.Manager
	// Mirrors hears of the pods that are the node's own.
	Mirrors  Mirrors
	Spec     spec.Node
	NodeName string
	// MaxDelay is the longest pause before a crashing container is restarted; zero stands for the usual one.
	MaxDelay time.Duration
	// HostIPs are the node's addresses, the primary first.
	HostIPs []string
	// Node returns the node as last seen by the API server.
	Node func() *v1.Node
	// FreshNode is Node after another look.
	FreshNode func(context.Context) *v1.Node
	// Topology hands out what containers get for themselves, nil if they get nothing: CPUs knows who has which CPUs, Memory who has
	// which nodes' memory; nil if nobody has.
	Topology *topology.Manager
	CPUs     *cpumanager.Manager
	Memory   *memorymanager.Manager
	// Devices knows the devices of plugins; nil if there are none.
	Devices Devices
	// Allocations remembers what was allocated to pods that were resized.
	Allocations *resize.Checkpoint
	// Volumes are the pods' volumes.
	Volumes *volumes.Manager
	// Services returns the Services of all namespaces.
	Services func() []*v1.Service
	// Images says how images are pulled.
	Images images.Config
	// Pressure returns what the node runs short of, sorted; nil stands for a node that never does.
	Pressure func() []v1.NodeConditionType
	// Security is what pods may ask for, Users gives ids to those with a user namespace.
	Security Security
	Users    *users.Ranges
}

// Manager has a worker for every pod of the node.
type Manager struct {
	Config
	objects *objects.Store
	images  *images.Puller
	volumes *volumes.Manager
	classes classes

	ctx     context.Context
	mu      sync.Mutex
	workers map[types.UID]*worker
	// next are static pods that wait until nothing is left of the one whose name they have.
	next map[types.NamespacedName]*v1.Pod
	// taken are the pods that hold resources of the node.
	taken map[types.UID]*v1.Pod
	// wishes are changes of their resources that the node has not agreed to.
	wishes  map[types.UID]*wish
	running sync.WaitGroup
	// makingRoom are pods that end for critical ones, and waiting those, which are told when one has ended.
	makingRoom map[types.UID]bool
	waiting    []types.UID
	// closed: the node shuts down and takes no pods any more.
	closed bool
}

func (m *Manager) maxDelay() time.Duration {
	if m.MaxDelay > 0 {
		return m.MaxDelay
	}
	return plan.MaxDelay
}

// New returns a Manager without pods. Its workers end with ctx; the containers stay.
func New(ctx context.Context, c Config) *Manager {
	m := &Manager{Config: c, ctx: ctx, workers: map[types.UID]*worker{}, next: map[types.NamespacedName]*v1.Pod{}, taken: map[types.UID]*v1.Pod{}, wishes: map[types.UID]*wish{}}
	m.classes.cgroups = c.Cgroups
	m.objects = objects.New(ctx, c.Client, m.ObjectsChanged)
	m.images = images.New(c.Runtime.Images, m.objects, c.Recorder, c.Images)
	m.volumes = c.Volumes
	return m
}

// Update hands over the newest version of a pod of this node.
func (m *Manager) Update(pod *v1.Pod) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.workers[pod.UID]
	if w == nil {
		if static.Is(pod) && m.namesake(pod) {
			m.next[nameOf(pod)] = pod
			return
		}
		w = m.start(pod)
	}
	w.tell(func(b *box) { b.pod = pod })
}

func nameOf(pod *v1.Pod) types.NamespacedName {
	return types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}
}

// namesake tells whether another static pod of the name is not gone yet: a changed description replaces its pod, and
// the two must not run at the same time. m.mu is held.
func (m *Manager) namesake(pod *v1.Pod) bool {
	for _, w := range m.workers {
		if other := w.current(); other.UID != pod.UID && nameOf(other) == nameOf(pod) && (static.Is(other) || other.Spec.NodeName == "") {
			return true
		}
	}
	return false
}

// Gone says that the API server does not have the pod any more.
func (m *Manager) Gone(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, pod := range m.next {
		if pod.UID == uid {
			delete(m.next, name)
		}
	}
	if w := m.workers[uid]; w != nil {
		w.tell(func(b *box) { b.gone = true })
	}
}

// Wake has the pod looked at: something of it changed in the runtime.
func (m *Manager) Wake(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.workers[uid]; w != nil {
		w.tell(func(b *box) { b.changed = true })
	}
}

// ObjectsChanged has the pod looked at: a ConfigMap or Secret that it refers to changed.
func (m *Manager) ObjectsChanged(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.workers[uid]; w != nil {
		w.tell(func(b *box) { b.objects = true })
	}
}

// Pods returns every pod of the node, as last seen.
func (m *Manager) Pods() []*v1.Pod {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := make([]*v1.Pod, 0, len(m.workers))
	for _, w := range m.workers {
		out = append(out, w.current())
	}
	return out
}

// Pod returns the pod of that name, nil if the node has none. Of namesakes (one being
// deleted, one new) it is the younger.
func (m *Manager) Pod(namespace, name string) *v1.Pod {
	var found *v1.Pod
	for _, p := range m.Pods() {
		if p.Namespace == namespace && p.Name == name &&
			(found == nil || found.CreationTimestamp.Before(&p.CreationTimestamp)) {
			found = p
		}
	}
	return found
}

// Sweep gives each pod that has anything on this node, and that nobody wants here, a
// worker that removes it. It must not be called before every pod was handed over once.
func (m *Manager) Sweep(ctx context.Context) {
	log := klog.FromContext(ctx)
	found, err := m.Runtime.List(ctx)
	if err != nil {
		log.V(2).Info("Cannot look for orphans in the runtime", "err", err)
		return
	}
	dirs, err := m.volumes.Pods()
	if err != nil {
		log.Error(err, "Cannot look for orphaned directories")
	}
	for _, uid := range dirs {
		if _, ok := found[uid]; !ok {
			found[uid] = runtime.Identity{UID: uid}
		}
	}
	for _, uid := range m.Users.Pods() {
		if _, ok := found[uid]; !ok {
			found[uid] = runtime.Identity{UID: uid}
		}
	}
	for uid := range m.Cgroups.Pods() {
		if _, ok := found[uid]; !ok {
			found[uid] = runtime.Identity{UID: uid}
		}
	}
	for uid, id := range m.logged() {
		if found[uid].Name == "" {
			found[uid] = id
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for uid, id := range found {
		if m.workers[uid] != nil {
			continue
		}
		log.Info("Removing what is left of a pod that is gone", "pod", klog.KRef(id.Namespace, id.Name), "uid", uid)
		w := m.start(&v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: uid, Name: id.Name, Namespace: id.Namespace}})
		w.tell(func(b *box) { b.gone = true })
	}
}

// Run follows the runtime and, once complete is closed, sweeps, until ctx ends and all workers have. It is complete
// when every pod was handed over once.
func (m *Manager) Run(ctx context.Context, complete <-chan struct{}) {
	go m.Runtime.Watch(ctx, m.Wake)
	select {
	case <-ctx.Done():
		m.running.Wait()
		return
	case <-complete:
	}
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	m.retain()
	for m.Sweep(ctx); ; {
		select {
		case <-ctx.Done():
			m.running.Wait()
			return
		case <-ticker.C:
			m.Sweep(ctx)
		}
	}
}

// start begins a worker; m.mu is held.
func (m *Manager) start(pod *v1.Pod) *worker {
	w := newWorker(m, pod)
	m.workers[pod.UID] = w
	m.objects.Register(pod)
	m.running.Go(func() {
		w.run(m.ctx)
		m.mu.Lock()
		defer m.mu.Unlock()
		if m.ctx.Err() != nil {
			return
		}
		m.forget(pod.UID)
		if next := m.next[nameOf(pod)]; next != nil && !m.namesake(next) {
			delete(m.next, nameOf(pod))
			m.start(next)
		} else if static.Is(pod) {
			m.Mirrors.Forget(pod)
		}
	})
	return w
}

func (m *Manager) forget(uid types.UID) {
	delete(m.workers, uid)
	delete(m.taken, uid)
	delete(m.wishes, uid)
	m.unpin(uid)
	if err := m.Allocations.Delete(uid); err != nil {
		klog.ErrorS(err, "Cannot forget an allocation", "uid", uid)
	}
	m.objects.Release(uid)
	m.images.Forget(uid)
	m.volumes.Forget(uid)
	m.Users.Release(uid)
	m.Statuses.Forget(uid)
	metrics.Probes.Forget(uid)
}

// Status returns the pod's status as the agent last worked it out, else as the API server has it.
func (m *Manager) Status(pod *v1.Pod) *v1.PodStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.workers[pod.UID]; w != nil {
		if said := w.published(); said != nil {
			return said
		}
	}
	return &pod.Status
}
