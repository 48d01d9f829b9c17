package placement

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Owner names a workload (ReplicationController, ReplicaSet, StatefulSet) whose pods belong
// together.
type Owner struct{ Kind, Namespace, Name string }

// groups knows which pods belong together: those of one Service and of one controller.
type groups struct {
	services map[string]map[string]labels.Set // by namespace, name
	owners   map[Owner]labels.Selector
	pods     map[string]*tally // placed pods by namespace
}

func newGroups() groups {
	return groups{
		services: map[string]map[string]labels.Set{},
		owners:   map[Owner]labels.Selector{},
		pods:     map[string]*tally{},
	}
}

// SetService makes the pods of a Service count as a group. A Service without selector is none.
func (s *Snapshot) SetService(svc *corev1.Service) {
	if len(svc.Spec.Selector) == 0 {
		s.RemoveService(svc.Namespace, svc.Name)
		return
	}
	of := s.groups.services[svc.Namespace]
	if of == nil {
		of = map[string]labels.Set{}
		s.groups.services[svc.Namespace] = of
	}
	of[svc.Name] = svc.Spec.Selector
}

// RemoveService forgets a Service.
func (s *Snapshot) RemoveService(namespace, name string) {
	of := s.groups.services[namespace]
	if delete(of, name); len(of) == 0 {
		delete(s.groups.services, namespace)
	}
}

// SetOwner makes the pods of a workload count as a group.
func (s *Snapshot) SetOwner(o Owner, selector labels.Selector) { s.groups.owners[o] = selector }

// RemoveOwner forgets a workload.
func (s *Snapshot) RemoveOwner(o Owner) { delete(s.groups.owners, o) }

// selector describes the pods that belong together with pod; nil if it stands alone.
func (g *groups) selector(pod *corev1.Pod) labels.Selector {
	merged := labels.Set{}
	for _, sel := range g.services[pod.Namespace] {
		if sel.AsSelector().Matches(labels.Set(pod.Labels)) {
			for k, v := range sel {
				merged[k] = v
			}
		}
	}
	selector := merged.AsSelector()
	if ref := metav1.GetControllerOfNoCopy(pod); ref != nil {
		if of, ok := g.owners[Owner{ref.Kind, pod.Namespace, ref.Name}]; ok {
			requirements, _ := of.Requirements()
			selector = selector.Add(requirements...)
		}
	}
	if selector.Empty() {
		return nil
	}
	return selector
}

// addPod counts a pod on its node; one that is on its way out counts for nothing.
func (g *groups) addPod(p *Pod, n *Node) {
	if p.Terminating() {
		return
	}
	of := g.pods[p.Object.Namespace]
	if of == nil {
		of = newTally()
		g.pods[p.Object.Namespace] = of
	}
	of.add(p.Object.Labels, n, 1)
}

func (g *groups) removePod(p *Pod, n *Node) {
	if p.Terminating() {
		return
	}
	of := g.pods[p.Object.Namespace]
	if of.add(p.Object.Labels, n, -1); of.empty() {
		delete(g.pods, p.Object.Namespace)
	}
}

// count tells how many pods that selector describes are on each node, terminating ones aside. It is not to be changed.
func (g *groups) count(namespace string, selector labels.Selector) map[*Node]int {
	of := g.pods[namespace]
	if of == nil {
		return nil
	}
	return of.count(selector)
}
