package statefulset

import (
	"maps"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// lookup finds a claim of the set's namespace by its name; nil if there is none.
type lookup func(name string) *corev1.PersistentVolumeClaim

func claimName(set *appsv1.StatefulSet, template *corev1.PersistentVolumeClaim, ordinal int) string {
	return template.Name + "-" + podName(set, ordinal)
}

// claimNames are the names of the claims of the pod of that ordinal.
func claimNames(set *appsv1.StatefulSet, ordinal int) []string {
	var names []string
	for i := range set.Spec.VolumeClaimTemplates {
		names = append(names, claimName(set, &set.Spec.VolumeClaimTemplates[i], ordinal))
	}
	return names
}

// newClaims are the claims of the pod of that ordinal as they are to be made:
// with the labels by which the set selects, and the set as their owner if they
// are to go with it.
func newClaims(set *appsv1.StatefulSet, ordinal int) []*corev1.PersistentVolumeClaim {
	var claims []*corev1.PersistentVolumeClaim
	for i := range set.Spec.VolumeClaimTemplates {
		claim := set.Spec.VolumeClaimTemplates[i].DeepCopy()
		claim.Name = claimName(set, claim, ordinal)
		claim.Namespace = set.Namespace
		if claim.Labels == nil {
			claim.Labels = map[string]string{}
		}
		maps.Copy(claim.Labels, set.Spec.Selector.MatchLabels)
		if ofSet, _ := owners(set, ordinal); ofSet {
			claim.OwnerReferences = append(claim.OwnerReferences, setReference(set))
		}
		claims = append(claims, claim)
	}
	return claims
}

// withClaims are a pod's volumes together with those of its claims, which take
// the place of others of their names.
func withClaims(set *appsv1.StatefulSet, ordinal int, volumes []corev1.Volume) []corev1.Volume {
	var all []corev1.Volume
	claimed := map[string]bool{}
	for i := range set.Spec.VolumeClaimTemplates {
		template := &set.Spec.VolumeClaimTemplates[i]
		claimed[template.Name] = true
		all = append(all, corev1.Volume{Name: template.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claimName(set, template, ordinal)},
		}})
	}
	for _, volume := range volumes {
		if !claimed[volume.Name] {
			all = append(all, volume)
		}
	}
	return all
}

// owners says whether the claims of that ordinal are to be owned by the set, so
// that they go when it is deleted, and by their pod, so that they go when the
// pod is scaled away.
func owners(set *appsv1.StatefulSet, ordinal int) (ofSet, ofPod bool) {
	policy := set.Spec.PersistentVolumeClaimRetentionPolicy
	if policy == nil {
		return false, false
	}
	ofPod = policy.WhenScaled == appsv1.DeletePersistentVolumeClaimRetentionPolicyType && !inRange(set, ordinal)
	ofSet = policy.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType && !ofPod
	return ofSet, ofPod
}

// The references do not block the owner's deletion: a claim in use cannot go
// before its pod, nor may it go before the set is gone for certain.
func setReference(set *appsv1.StatefulSet) metav1.OwnerReference {
	ref := *metav1.NewControllerRef(set, kind)
	ref.BlockOwnerDeletion = nil
	return ref
}

func podReference(pod *corev1.Pod) metav1.OwnerReference {
	ref := *metav1.NewControllerRef(pod, corev1.SchemeGroupVersion.WithKind("Pod"))
	ref.BlockOwnerDeletion = nil
	return ref
}

// ownersOf are the owners that the claim of the pod should have, and whether they
// differ from those it has. A claim that something else controls is left alone,
// and so are references that others have added, which are not a controller's.
func ownersOf(claim *corev1.PersistentVolumeClaim, set *appsv1.StatefulSet, pod *corev1.Pod, ordinal int) ([]metav1.OwnerReference, bool) {
	if controller := metav1.GetControllerOfNoCopy(claim); controller != nil && controller.UID != set.UID && controller.UID != pod.UID {
		return claim.OwnerReferences, false
	}
	refs, changed := claim.OwnerReferences, false
	apply := func(ref metav1.OwnerReference, want bool) {
		at := slices.IndexFunc(refs, func(r metav1.OwnerReference) bool { return r.UID == ref.UID })
		switch {
		case want && at < 0:
			refs, changed = append(slices.Clone(refs), ref), true
		case want && !ptr.Deref(refs[at].Controller, false):
			refs = slices.Clone(refs)
			refs[at].Controller, changed = ptr.To(true), true
		case !want && at >= 0 && ptr.Deref(refs[at].Controller, false):
			refs, changed = slices.Delete(slices.Clone(refs), at, at+1), true
		}
	}
	ofSet, ofPod := owners(set, ordinal)
	apply(setReference(set), ofSet)
	apply(podReference(pod), ofPod)
	return refs, changed
}

// ownersSettled reports whether the pod's claims have the owners they should.
func ownersSettled(set *appsv1.StatefulSet, pod *corev1.Pod, ordinal int, claims lookup) bool {
	for _, name := range claimNames(set, ordinal) {
		claim := claims(name)
		if claim == nil || claim.DeletionTimestamp != nil {
			continue
		}
		if _, differ := ownersOf(claim, set, pod, ordinal); differ {
			return false
		}
	}
	return true
}

// doomed reports whether a claim of the ordinal, whose pod is gone, is about to
// go with it: the set was scaled down and then up again. A new pod must not get
// what is left of the old one.
func doomed(set *appsv1.StatefulSet, ordinal int, claims lookup) bool {
	for _, name := range claimNames(set, ordinal) {
		claim := claims(name)
		if claim == nil {
			continue
		}
		for _, ref := range claim.OwnerReferences {
			if ref.Kind == "Pod" && ref.Name == podName(set, ordinal) && ptr.Deref(ref.Controller, false) {
				return true
			}
		}
	}
	return false
}

// claimless reports whether one of the ordinal's claims is missing.
func claimless(set *appsv1.StatefulSet, ordinal int, claims lookup) bool {
	return slices.ContainsFunc(claimNames(set, ordinal), func(name string) bool { return claims(name) == nil })
}
