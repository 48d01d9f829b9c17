package sim

import (
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

var (
	podResource       = resourceOf(&corev1.Pod{})
	nodeResource      = resourceOf(&corev1.Node{})
	namespaceResource = resourceOf(&corev1.Namespace{})
)

// Fate says how a pod fares on its node. The zero Fate is that of a pod that is
// on a node, running and ready at once and for ever, and that ends at once when
// it is deleted.
type Fate struct {
	Schedule time.Duration // until it is on a node
	Start    time.Duration // from then until it runs
	Ready    time.Duration // from then until it is ready, also after it was not
	NotReady bool          // it never is
	Finish   time.Duration // from its start until it ends, if Phase says how
	Phase    corev1.PodPhase
	Stop     time.Duration // from its deletion until it is gone
	// Status may add to the status with which it ends.
	Status func(*corev1.PodStatus)
}

// anyFate is what befalls the pods of a scenario that does not say.
func anyFate(w *World, pod *corev1.Pod) Fate {
	from := func(what string, most time.Duration) time.Duration { return span(most, w.seed, pod.Name, what) }
	fate := Fate{
		Schedule: from("schedule", time.Second), Start: from("start", 3*time.Second),
		Ready: from("ready", 5*time.Second), Stop: from("stop", 10*time.Second),
	}
	if w.Calm() {
		return fate
	}
	switch hash(w.seed, pod.Name, "fate") % 20 {
	case 0:
		fate.NotReady = true
	case 1:
		fate.Phase, fate.Finish = corev1.PodFailed, from("finish", time.Minute)
	}
	return fate
}

// nodes stand in for kubelets and the scheduler: a goroutine lives each pod's life.
type nodes struct {
	w       *World
	running sync.WaitGroup

	mu   sync.Mutex
	all  []string
	lost map[string]bool
}

func newNodes(w *World) *nodes { return &nodes{w: w, lost: map[string]bool{}} }

// join makes so many nodes.
func (n *nodes) join(count int) {
	for i := range count {
		name := fmt.Sprintf("node-%d", i)
		n.w.Create(&corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name}},
			Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{{
				Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.Now(),
			}}},
		})
		n.mu.Lock()
		n.all = append(n.all, name)
		n.mu.Unlock()
	}
}

func (n *nodes) names() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

func (n *nodes) isLost(name string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lost[name]
}

// NodeLost cuts a node off: nothing happens to its pods any more.
func (w *World) NodeLost(name string) { w.nodes.set(name, true) }

// NodeBack brings a lost node back.
func (w *World) NodeBack(name string) { w.nodes.set(name, false) }

func (n *nodes) set(name string, lost bool) {
	n.mu.Lock()
	was := n.lost[name]
	n.lost[name] = lost
	n.mu.Unlock()
	if was == lost {
		return
	}
	status := corev1.ConditionTrue
	if lost {
		status = corev1.ConditionUnknown
	}
	_, _ = n.w.store.update(Node, "update", nodeResource, types.NamespacedName{Name: name}, "status", func(old Object) (Object, error) {
		node := old.(*corev1.Node)
		for i := range node.Status.Conditions {
			if node.Status.Conditions[i].Type == corev1.NodeReady {
				node.Status.Conditions[i].Status, node.Status.Conditions[i].LastTransitionTime = status, metav1.Now()
			}
		}
		return node, nil
	})
	n.w.store.mu.Lock()
	defer n.w.store.mu.Unlock()
	n.w.store.wake()
}

// choose picks the node for a pod, none if there is none.
func (n *nodes) choose(pod *corev1.Pod) string {
	if name, pinned := pinnedTo(pod); pinned {
		return name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	var alive []string
	for _, name := range n.all {
		if !n.lost[name] {
			alive = append(alive, name)
		}
	}
	if len(alive) == 0 {
		return ""
	}
	return alive[hash(n.w.seed, pod.Name, "node")%uint64(len(alive))]
}

// pinnedTo is the node that the pod names in its affinity, as those of DaemonSets do.
func pinnedTo(pod *corev1.Pod) (string, bool) {
	affinity := pod.Spec.Affinity
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return "", false
	}
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, field := range term.MatchFields {
			if field.Key == metav1.ObjectNameField && len(field.Values) == 1 {
				return field.Values[0], true
			}
		}
	}
	return "", false
}

// take has a new pod lived through; the store's lock is held.
func (n *nodes) take(uid types.UID, key types.NamespacedName) {
	if len(n.names()) > 0 {
		n.running.Go(func() { n.live(uid, key) })
	}
}

// live takes the pod from one stage of its life to the next until it is gone.
func (n *nodes) live(uid types.UID, key types.NamespacedName) {
	var stage string
	var since time.Time
	for {
		changed := n.w.store.waiting()
		current := n.w.store.get(podResource, key)
		if current == nil || current.GetUID() != uid {
			return
		}
		pod := current.Object.(*corev1.Pod)
		var timer <-chan time.Time
		if next := n.next(pod); next.stage != "" && !n.isLost(pod.Spec.NodeName) {
			if next.stage != stage {
				stage, since = next.stage, time.Now()
			}
			if wait := time.Until(since.Add(next.after)); wait <= 0 {
				next.do()
				stage = ""
				continue
			} else {
				timer = time.After(wait)
			}
		}
		select {
		case <-timer:
		case <-changed:
		case <-n.w.ctx.Done():
			return
		}
	}
}

// next is a stage that a pod reaches after a time.
type next struct {
	stage string
	after time.Duration
	do    func()
}

func (n *nodes) next(pod *corev1.Pod) next {
	fate := anyFate
	if n.w.scenario.Pods != nil {
		fate = n.w.scenario.Pods
	}
	f := fate(n.w, pod)
	ready := slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
	ended := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	switch {
	case pod.DeletionTimestamp != nil && ended && grace(pod) == 0 && len(pod.Finalizers) > 0:
		return next{} // all that its node can do is done: it goes with its last finalizer
	case pod.DeletionTimestamp != nil:
		return next{"stop", min(f.Stop, 30*time.Second), func() { n.end(pod) }}
	case ended:
		return next{}
	case pod.Spec.NodeName == "" && (len(pod.Spec.SchedulingGates) > 0 || n.choose(pod) == ""):
		return next{} // until that changes
	case pod.Spec.NodeName == "":
		return next{"schedule", f.Schedule, func() { n.bind(pod) }}
	case pod.Status.Phase != corev1.PodRunning:
		return next{"start", f.Start, func() { n.status(pod, running) }}
	case f.Phase != "" && time.Since(pod.Status.StartTime.Time) >= f.Finish:
		return next{"finish", 0, func() { n.status(pod, func(s *corev1.PodStatus) { finish(s, f) }) }}
	case !ready && !f.NotReady:
		return next{"ready", f.Ready, func() { n.status(pod, func(s *corev1.PodStatus) { SetReady(s, true) }) }}
	case f.Phase != "":
		return next{"finish", max(0, f.Finish-time.Since(pod.Status.StartTime.Time)), func() { n.status(pod, func(s *corev1.PodStatus) { finish(s, f) }) }}
	}
	return next{}
}

func running(s *corev1.PodStatus) {
	s.Phase, s.StartTime = corev1.PodRunning, ptr.To(metav1.Now())
}

func finish(s *corev1.PodStatus, f Fate) {
	s.Phase = f.Phase
	SetReady(s, false)
	if f.Status != nil {
		f.Status(s)
	}
}

// SetReady sets the Ready condition.
func SetReady(s *corev1.PodStatus, ready bool) {
	status := corev1.ConditionFalse
	if ready {
		status = corev1.ConditionTrue
	}
	s.Conditions = append(slices.DeleteFunc(slices.Clone(s.Conditions), func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady }),
		corev1.PodCondition{Type: corev1.PodReady, Status: status, LastTransitionTime: metav1.Now()})
}

func (n *nodes) bind(pod *corev1.Pod) {
	_, _ = n.w.store.update(Node, "bind", podResource, keyOf(pod), "", func(old Object) (Object, error) {
		bound := old.(*corev1.Pod)
		bound.Spec.NodeName = n.choose(bound)
		return bound, nil
	})
}

func (n *nodes) status(pod *corev1.Pod, change func(*corev1.PodStatus)) {
	_, _ = n.w.store.update(Node, "update", podResource, keyOf(pod), "status", func(old Object) (Object, error) {
		change(&old.(*corev1.Pod).Status)
		return old, nil
	})
}

// end is what a kubelet does when the last container of a deleted pod has
// stopped: it reports that, and lets go of the pod. A finalizer may keep it still.
// Of a pod that never got a node the pod garbage collector says the same.
func (n *nodes) end(pod *corev1.Pod) {
	if pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed && len(pod.Finalizers) > 0 {
		n.status(pod, func(s *corev1.PodStatus) {
			s.Phase = corev1.PodFailed
			SetReady(s, false)
		})
	}
	if ptr.Deref(pod.DeletionGracePeriodSeconds, 0) > 0 || len(pod.Finalizers) == 0 {
		_, _ = n.w.store.remove(Node, podResource, keyOf(pod), metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
	}
}
