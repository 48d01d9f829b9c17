package scheduler

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/storage/ephemeral"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/scheduler/placement"
)

// storage is what the scheduler knows of claims and volumes. It belongs to the goroutine in loop.
type storage struct {
	claims  map[types.NamespacedName]*corev1.PersistentVolumeClaim
	volumes map[string]*corev1.PersistentVolume
	classes map[string]*storagev1.StorageClass
	// promised are volumes that are being bound to the claim, and sent the claims that are to get a volume on the node:
	// the API server may not have told of it yet.
	promised map[string]types.NamespacedName
	sent     map[types.NamespacedName]string
	// underway are the bindings that are not finished, by pod.
	underway map[types.UID]*binding
}

func newStorage() *storage {
	return &storage{
		claims: map[types.NamespacedName]*corev1.PersistentVolumeClaim{}, volumes: map[string]*corev1.PersistentVolume{},
		classes: map[string]*storagev1.StorageClass{}, promised: map[string]types.NamespacedName{},
		sent: map[types.NamespacedName]string{}, underway: map[types.UID]*binding{},
	}
}

func keyOf(c *corev1.PersistentVolumeClaim) types.NamespacedName {
	return types.NamespacedName{Namespace: c.Namespace, Name: c.Name}
}

func (s *scheduler) setClaim(c *corev1.PersistentVolumeClaim) {
	s.storage.claims[keyOf(c)] = c
	s.claimsChanged()
}

func (s *scheduler) removeClaim(c *corev1.PersistentVolumeClaim) {
	delete(s.storage.claims, keyOf(c))
	s.claimsChanged()
}

func (s *scheduler) setVolume(v *corev1.PersistentVolume) {
	s.storage.volumes[v.Name] = v
	s.wakeClaimants()
}

func (s *scheduler) removeVolume(v *corev1.PersistentVolume) {
	delete(s.storage.volumes, v.Name)
	s.wakeClaimants()
}

func (s *scheduler) setClass(c *storagev1.StorageClass) {
	s.storage.classes[c.Name] = c
	s.wakeClaimants()
}

func (s *scheduler) claimsChanged() {
	for _, b := range s.storage.underway {
		s.look(b)
	}
	s.wakeClaimants()
}

// wakeClaimants has pods tried again that use claims.
func (s *scheduler) wakeClaimants() {
	s.queue.Wake(s.now(), func(p *placement.Pod) bool { return len(claimsOf(p.Object)) > 0 })
}

// claimRef is a claim that a pod uses.
type claimRef struct {
	key       types.NamespacedName
	ephemeral bool
}

func claimsOf(pod *corev1.Pod) []claimRef {
	var out []claimRef
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		switch {
		case v.PersistentVolumeClaim != nil:
			out = append(out, claimRef{types.NamespacedName{Namespace: pod.Namespace, Name: v.PersistentVolumeClaim.ClaimName}, false})
		case v.Ephemeral != nil:
			out = append(out, claimRef{types.NamespacedName{Namespace: pod.Namespace, Name: ephemeral.VolumeClaimName(pod, v)}, true})
		}
	}
	return out
}

// Why volumes keep a pod off a node, in the words of kube-scheduler.
const (
	nodeConflict   = "node(s) didn't match PersistentVolume's node affinity"
	bindConflict   = "node(s) didn't find available persistent volumes to bind"
	volumeMissing  = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
	oncePod        = "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"
	unboundNow     = "pod has unbound immediate PersistentVolumeClaims"
	noProvisioning = "kubernetes.io/no-provisioner"
)

// podVolumes is what the volumes of one pod ask of a node. It lives for one try.
type podVolumes struct {
	bound []*corev1.PersistentVolume
	// open are claims that get a volume with their first pod, the smallest first.
	open []openClaim
	// missing: a volume is gone; conflict: another pod has what only one may have.
	missing, conflict bool
}

// openClaim is a claim that waits for its first pod.
type openClaim struct {
	claim *corev1.PersistentVolumeClaim
	class *storagev1.StorageClass
	// node is where its volume is being made, empty if that was not decided.
	node string
	// candidates are the volumes that it might be bound to.
	candidates []*corev1.PersistentVolume
}

// volumesOf looks at the claims of a pod: nil if it has none, why if it can run nowhere as they are.
func (s *scheduler) volumesOf(pod *corev1.Pod) (v *podVolumes, why string) {
	refs := claimsOf(pod)
	if len(refs) == 0 {
		return nil, ""
	}
	v = &podVolumes{}
	unbound := false
	for _, ref := range refs {
		claim := s.storage.claims[ref.key]
		if why := unusable(pod, ref, claim); why != "" {
			return nil, why
		}
		v.conflict = v.conflict || s.takenByAnother(pod, claim)
		class := s.storage.classes[volumehelpers.GetPersistentVolumeClaimClass(claim)]
		delayed := class != nil && ptr.Deref(class.VolumeBindingMode, storagev1.VolumeBindingImmediate) == storagev1.VolumeBindingWaitForFirstConsumer
		switch {
		case claim.Spec.VolumeName != "" && claim.Annotations[volumehelpers.AnnBindCompleted] != "":
			if volume := s.storage.volumes[claim.Spec.VolumeName]; volume != nil {
				v.bound = append(v.bound, volume)
			} else {
				v.missing = true
			}
		case delayed && claim.Spec.VolumeName == "":
			v.open = append(v.open, s.open(claim, class))
		default:
			unbound = true
		}
	}
	if unbound {
		return nil, unboundNow
	}
	slices.SortStableFunc(v.open, func(a, b openClaim) int {
		return a.claim.Spec.Resources.Requests.Storage().Cmp(*b.claim.Spec.Resources.Requests.Storage())
	})
	return v, ""
}

func unusable(pod *corev1.Pod, ref claimRef, claim *corev1.PersistentVolumeClaim) string {
	switch {
	case claim == nil && ref.ephemeral:
		return fmt.Sprintf("waiting for ephemeral volume controller to create the persistentvolumeclaim %q", ref.key.Name)
	case claim == nil:
		return fmt.Sprintf("persistentvolumeclaim %q not found", ref.key.Name)
	case claim.Status.Phase == corev1.ClaimLost:
		return fmt.Sprintf("persistentvolumeclaim %q bound to non-existent persistentvolume %q", ref.key.Name, claim.Spec.VolumeName)
	case claim.DeletionTimestamp != nil:
		return fmt.Sprintf("persistentvolumeclaim %q is being deleted", ref.key.Name)
	case ref.ephemeral:
		if err := ephemeral.VolumeIsForPod(pod, claim); err != nil {
			return err.Error()
		}
	}
	return ""
}

// takenByAnother tells whether a claim that only one pod may use is used by another.
func (s *scheduler) takenByAnother(pod *corev1.Pod, claim *corev1.PersistentVolumeClaim) bool {
	if !slices.Contains(claim.Spec.AccessModes, corev1.ReadWriteOncePod) {
		return false
	}
	key := keyOf(claim)
	return s.snapshot.Any(func(p *placement.Pod) bool {
		return p.Object.UID != pod.UID && slices.ContainsFunc(claimsOf(p.Object), func(r claimRef) bool { return r.key == key })
	})
}

func (s *scheduler) open(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) openClaim {
	key := keyOf(claim)
	o := openClaim{claim: claim, class: class, node: claim.Annotations[volumehelpers.AnnSelectedNode]}
	if o.node == "" {
		o.node = s.storage.sent[key]
	}
	for _, v := range s.storage.volumes {
		if to, taken := s.storage.promised[v.Name]; taken && to != key {
			continue
		}
		if volumehelpers.GetPersistentVolumeClass(v) == class.Name {
			o.candidates = append(o.candidates, v)
		}
	}
	return o
}

// Refuses implements placement.Volumes.
func (v *podVolumes) Refuses(node *corev1.Node) (string, bool) {
	switch {
	case v.conflict:
		return oncePod, false
	case v.missing:
		return volumeMissing, true
	}
	for _, volume := range v.bound {
		if volumehelpers.CheckNodeAffinity(volume, node.Labels) != nil {
			return nodeConflict, true
		}
	}
	if _, _, ok := v.choose(node); !ok {
		return bindConflict, true
	}
	return "", false
}

// choose gives each open claim a volume that there is, or has one made on the node.
func (v *podVolumes) choose(node *corev1.Node) (static map[*corev1.PersistentVolumeClaim]*corev1.PersistentVolume, made []*corev1.PersistentVolumeClaim, ok bool) {
	static, taken := map[*corev1.PersistentVolumeClaim]*corev1.PersistentVolume{}, map[string]*corev1.PersistentVolume{}
	for _, o := range v.open {
		if o.node != "" && o.node != node.Name {
			return nil, nil, false
		}
		if o.node == "" {
			volume, err := volumehelpers.FindMatchingVolume(o.claim, o.candidates, node, taken, false, true)
			if err != nil {
				return nil, nil, false
			}
			if volume != nil {
				static[o.claim], taken[volume.Name] = volume, volume
				continue
			}
		}
		if o.class.Provisioner == "" || o.class.Provisioner == noProvisioning || !allowed(o.class, node) {
			return nil, nil, false
		}
		made = append(made, o.claim)
	}
	return static, made, true
}

// allowed tells whether the class makes volumes for the node.
func allowed(class *storagev1.StorageClass, node *corev1.Node) bool {
	if len(class.AllowedTopologies) == 0 {
		return true
	}
	return slices.ContainsFunc(class.AllowedTopologies, func(term corev1.TopologySelectorTerm) bool {
		return !slices.ContainsFunc(term.MatchLabelExpressions, func(e corev1.TopologySelectorLabelRequirement) bool {
			value, has := node.Labels[e.Key]
			return !has || !slices.Contains(e.Values, value)
		})
	})
}

// take promises the pod's open claims what was chosen on the node; nil if there are none.
func (s *scheduler) take(pod *corev1.Pod, v *podVolumes, node string) *binding {
	if v == nil || len(v.open) == 0 {
		return nil
	}
	static, made, ok := v.choose(s.snapshot.Node(node).Object)
	if !ok {
		return nil
	}
	b := &binding{node: node, done: make(chan error, 1), static: static, made: made}
	for claim, volume := range static {
		s.storage.promised[volume.Name] = keyOf(claim)
		b.wait = append(b.wait, keyOf(claim))
	}
	for _, claim := range made {
		s.storage.sent[keyOf(claim)] = node
		b.wait = append(b.wait, keyOf(claim))
	}
	s.storage.underway[pod.UID] = b
	return b
}

// release takes back what was promised; what became of it, the API server tells.
func (s *scheduler) release(pod types.UID) {
	b := s.storage.underway[pod]
	if b == nil {
		return
	}
	delete(s.storage.underway, pod)
	for _, volume := range b.static {
		delete(s.storage.promised, volume.Name)
	}
	for _, claim := range b.made {
		delete(s.storage.sent, keyOf(claim))
	}
	b.end(context.Canceled)
}
