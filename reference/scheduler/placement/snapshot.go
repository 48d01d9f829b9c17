package placement

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Snapshot is the cluster as placement sees it: nodes, the pods placed on them, and what groups
// pods together. It is kept up to date incrementally by its owner; it has no lock, so it belongs
// to one goroutine at a time.
type Snapshot struct {
	nodes  map[string]*Node
	ready  []*Node // those with an Object, by name
	tour   tour
	placed map[types.UID]placement
	groups groups
}

type placement struct {
	pod  *Pod
	node *Node
}

// NewSnapshot is a cluster without nodes.
func NewSnapshot() *Snapshot {
	return &Snapshot{nodes: map[string]*Node{}, placed: map[types.UID]placement{}, groups: newGroups()}
}

// Nodes lists the nodes that pods may be put on, by name. Not to be changed.
func (s *Snapshot) Nodes() []*Node { return s.ready }

// Node finds a node by name; nil if it is not (or no longer) known.
func (s *Snapshot) Node(name string) *Node {
	if n := s.nodes[name]; n != nil && n.Object != nil {
		return n
	}
	return nil
}

// SetNode adds a node or replaces what is known of it.
func (s *Snapshot) SetNode(node *corev1.Node) *Node {
	n := s.entry(node.Name)
	if n.Object == nil {
		i, _ := slices.BinarySearchFunc(s.ready, n.Name, byName)
		s.ready = slices.Insert(s.ready, i, n)
		s.tour.stale = true
	}
	if n.setObject(node) {
		s.tour.stale = true
	}
	return n
}

// RemoveNode takes a node out; pods still known on it are kept in mind in case it returns.
func (s *Snapshot) RemoveNode(name string) {
	n := s.nodes[name]
	if n == nil || n.Object == nil {
		return
	}
	if i, found := slices.BinarySearchFunc(s.ready, name, byName); found {
		s.ready = slices.Delete(s.ready, i, i+1)
	}
	n.Object, n.zone, n.region = nil, "", ""
	s.tour.stale = true
	s.dropIfEmpty(n)
}

// Place records that a pod is (or is assumed to be) on a node; a pod known already is moved.
func (s *Snapshot) Place(pod *Pod, node string) {
	s.Remove(pod.Object.UID)
	n := s.entry(node)
	n.addPod(pod)
	s.placed[pod.Object.UID] = placement{pod: pod, node: n}
	s.groups.addPod(pod, n)
}

// Remove forgets a pod and returns the node that it was on; nil if it was on none.
func (s *Snapshot) Remove(uid types.UID) *Node {
	at, ok := s.placed[uid]
	if !ok {
		return nil
	}
	delete(s.placed, uid)
	at.node.removePod(at.pod)
	s.groups.removePod(at.pod, at.node)
	s.dropIfEmpty(at.node)
	return at.node
}

// Placed tells where a pod is, or is assumed to be.
func (s *Snapshot) Placed(uid types.UID) (pod *Pod, node string, ok bool) {
	at, ok := s.placed[uid]
	if !ok {
		return nil, "", false
	}
	return at.pod, at.node.Name, true
}

// Any tells whether one of the placed pods is as asked for.
func (s *Snapshot) Any(is func(*Pod) bool) bool {
	for _, at := range s.placed {
		if is(at.pod) {
			return true
		}
	}
	return false
}

func (s *Snapshot) entry(name string) *Node {
	n := s.nodes[name]
	if n == nil {
		n = newNode(name)
		s.nodes[name] = n
	}
	return n
}

func (s *Snapshot) dropIfEmpty(n *Node) {
	if n.Object == nil && len(n.pods) == 0 {
		delete(s.nodes, n.Name)
	}
}

func byName(n *Node, name string) int { return strings.Compare(n.Name, name) }
