package attachdetach

import (
	"cmp"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
)

const (
	// managed marks a node whose kubelet leaves attaching to this controller.
	managed = "volumes.kubernetes.io/controller-managed-attach-detach"
	// maxWaitForUnmount is how long an unhealthy node is waited for.
	maxWaitForUnmount = 6 * time.Minute
)

// view is all that the decision about a node depends on.
type view struct {
	name string
	// node is nil if it is gone.
	node *corev1.Node
	// desired are the volumes of the node's pods, by the name of their attachment.
	desired map[string]wanted
	// attachments are those of the node that are ours.
	attachments []*storagev1.VolumeAttachment
	// volume returns the volume of a name, or nil.
	volume func(name string) *corev1.PersistentVolume
	// elsewhere are the other nodes that a volume has an attachment to.
	elsewhere func(volume string) []string
	// unwanted is since when an attachment has not been desired.
	unwanted map[string]time.Time
	// patient is that a volume is never detached only because its time is up.
	patient bool
	now     time.Time
}

// decision is what to do about a node: first tell it what it has, then detach, then attach.
type decision struct {
	attached []corev1.AttachedVolume
	detach   []*storagev1.VolumeAttachment
	attach   []wanted
	// blocked are the volumes that another node has.
	blocked []wanted
	// unwanted is what view.unwanted becomes.
	unwanted map[string]time.Time
	// again is when to look again; never if zero.
	again time.Duration
}

func plan(v *view) decision {
	d := decision{unwanted: map[string]time.Time{}}
	there := map[string]bool{}
	for _, a := range v.attachments {
		there[a.Name] = true
		volume := volumeOf(v, a)
		detach := false
		if _, desired := v.desired[a.Name]; !desired && a.DeletionTimestamp == nil {
			since, known := v.unwanted[a.Name]
			if !known {
				since = v.now
			}
			d.unwanted[a.Name] = since
			if detach = v.mayDetach(volume, since); detach {
				d.detach = append(d.detach, a)
			} else if wait := since.Add(maxWaitForUnmount).Sub(v.now); wait > 0 && (d.again == 0 || wait < d.again) {
				d.again = wait
			}
		}
		if a.Status.Attached && a.DeletionTimestamp == nil && !detach && volume != nil {
			d.attached = append(d.attached, corev1.AttachedVolume{Name: uniqueName(volume)})
		}
	}
	slices.SortFunc(d.attached, func(a, b corev1.AttachedVolume) int { return cmp.Compare(a.Name, b.Name) })
	if v.node == nil || v.node.Annotations[managed] != "true" {
		return d
	}
	for _, name := range slices.Sorted(maps.Keys(v.desired)) {
		w := v.desired[name]
		switch {
		case there[name]:
		case !shared(w.volume) && len(v.elsewhere(w.volume.Name)) > 0:
			d.blocked = append(d.blocked, w)
		default:
			d.attach = append(d.attach, w)
		}
	}
	return d
}

// mayDetach says whether a volume that is not wanted since then can be taken from the node.
func (v *view) mayDetach(volume *corev1.PersistentVolume, since time.Time) bool {
	if v.node != nil && slices.ContainsFunc(v.node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeOutOfService }) {
		return true
	}
	// Of a node that is gone, or a volume that is, nobody says that it is not mounted.
	mounted := v.node == nil || volume == nil || slices.Contains(v.node.Status.VolumesInUse, uniqueName(volume))
	if !mounted {
		return true
	}
	return !v.patient && !healthy(v.node) && v.now.Sub(since) >= maxWaitForUnmount
}

func volumeOf(v *view, a *storagev1.VolumeAttachment) *corev1.PersistentVolume {
	if w, desired := v.desired[a.Name]; desired {
		return w.volume
	}
	if a.Spec.Source.PersistentVolumeName == nil {
		return nil
	}
	volume := v.volume(*a.Spec.Source.PersistentVolumeName)
	if volume == nil || volume.Spec.CSI == nil {
		return nil
	}
	return volume
}

func healthy(node *corev1.Node) bool {
	return node != nil && slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
