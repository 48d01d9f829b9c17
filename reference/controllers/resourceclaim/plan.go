package resourceclaim

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// maxBase leaves room for a hyphen and the five characters that the API server adds, in a name of 63.
const maxBase = 57

// done says whether the pod needs its claims no more: it has ended, or it goes without ever having had a node.
func done(pod *corev1.Pod) bool {
	return controller.IsFinished(pod) || pod.DeletionTimestamp != nil && pod.Spec.NodeName == ""
}

// generated is the claim that the pod's entry asks for by template.
func generated(pod *corev1.Pod, entry string, template *resourcev1.ResourceClaimTemplate) *resourcev1.ResourceClaim {
	annotations := maps.Clone(template.Spec.Annotations)
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[resourcev1.PodResourceClaimAnnotation] = entry
	owner := metav1.NewControllerRef(pod, corev1.SchemeGroupVersion.WithKind("Pod"))
	return &resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace:       pod.Namespace,
			GenerateName:    base(pod.Name, entry) + "-",
			Labels:          maps.Clone(template.Spec.Labels),
			Annotations:     annotations,
			OwnerReferences: []metav1.OwnerReference{*owner},
		},
		Spec: *template.Spec.Spec.DeepCopy(),
	}
}

// base joins pod and entry, of which it shortens the longer, or both.
func base(pod, entry string) string {
	if len(pod)+1+len(entry) <= maxBase {
		return pod + "-" + entry
	}
	half := (maxBase - 1) / 2
	switch {
	case len(pod) <= half:
		entry = entry[:maxBase-1-len(pod)]
	case len(entry) <= half:
		pod = pod[:maxBase-1-len(entry)]
	default:
		pod, entry = pod[:half], entry[:half]
	}
	return pod + "-" + entry
}

// generatedFor returns which of the claims was generated for the pod's entry: the first by age, then name. Nil if none was.
func generatedFor(pod *corev1.Pod, entry string, claims []*resourcev1.ResourceClaim) *resourcev1.ResourceClaim {
	var found *resourcev1.ResourceClaim
	for _, claim := range claims {
		if claim.Annotations[resourcev1.PodResourceClaimAnnotation] != entry || !metav1.IsControlledBy(claim, pod) || claim.DeletionTimestamp != nil {
			continue
		}
		if found == nil || claim.CreationTimestamp.Before(&found.CreationTimestamp) ||
			claim.CreationTimestamp.Equal(&found.CreationTimestamp) && claim.Name < found.Name {
			found = claim
		}
	}
	return found
}

// statuses are the pod's claims as they are named in its status: names by entry.
func statuses(pod *corev1.Pod) map[string]string {
	names := map[string]string{}
	for _, s := range pod.Status.ResourceClaimStatuses {
		if s.ResourceClaimName != nil {
			names[s.Name] = *s.ResourceClaimName
		}
	}
	return names
}

// reserved is the claim as it is reserved for the pod, and whether that has to be written: it must be allocated, and a
// scheduler reserves for the pods that it places itself.
func reserved(claim *resourcev1.ResourceClaim, pod *corev1.Pod) (*resourcev1.ResourceClaim, bool) {
	if claim.Status.Allocation == nil || claim.DeletionTimestamp != nil || len(claim.Status.ReservedFor) >= resourcev1.ResourceClaimReservedForMaxSize ||
		slices.ContainsFunc(claim.Status.ReservedFor, func(r resourcev1.ResourceClaimConsumerReference) bool { return r.UID == pod.UID }) {
		return claim, false
	}
	want := claim.DeepCopy()
	want.Status.ReservedFor = append(want.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: pod.Name, UID: pod.UID})
	return want, true
}

// claimPlan is what to do about a claim.
type claimPlan struct {
	// status is the claim with the status it has to have; nil if it has that.
	status *resourcev1.ResourceClaim
	// letGo takes the finalizer off that protects an allocation.
	letGo bool
	// delete: the claim was made for a pod that has ended.
	delete bool
}

// planClaim takes back what the pods that are done had of the claim. needed says whether a pod that it is reserved for,
// or that owns it, is there and not done.
func planClaim(claim *resourcev1.ResourceClaim, needed func(name string, uid types.UID) bool) claimPlan {
	var plan claimPlan
	kept := slices.DeleteFunc(slices.Clone(claim.Status.ReservedFor), func(r resourcev1.ResourceClaimConsumerReference) bool {
		return r.APIGroup == "" && r.Resource == "pods" && !needed(r.Name, r.UID)
	})
	freed := len(kept) < len(claim.Status.ReservedFor)
	protected := slices.Contains(claim.Finalizers, resourcev1.Finalizer)
	unused := len(kept) == 0 && (freed || claim.DeletionTimestamp != nil)
	if freed || unused && protected && claim.Status.Allocation != nil {
		plan.status = claim.DeepCopy()
		plan.status.Status.ReservedFor = kept
		if len(kept) == 0 {
			// What was allocated is free for the next.
			plan.status.Status.ReservedFor, plan.status.Status.Allocation, plan.status.Status.Devices = nil, nil, nil
		}
	}
	// A finalizer without an allocation may be a scheduler's that is about to allocate.
	plan.letGo = protected && unused
	if owner := metav1.GetControllerOfNoCopy(claim); len(kept) == 0 && claim.DeletionTimestamp == nil &&
		owner != nil && owner.Kind == "Pod" && owner.APIVersion == "v1" {
		plan.delete = !needed(owner.Name, owner.UID)
	}
	return plan
}

// surplus says whether the claim was generated for an entry of the pod which another claim stands for: the answer to its
// creation was lost, and it was made again.
func surplus(claim *resourcev1.ResourceClaim, pod *corev1.Pod) bool {
	entry, generated := claim.Annotations[resourcev1.PodResourceClaimAnnotation]
	if !generated || !metav1.IsControlledBy(claim, pod) || claim.DeletionTimestamp != nil || len(claim.Status.ReservedFor) > 0 {
		return false
	}
	name := statuses(pod)[entry]
	return name != "" && name != claim.Name
}
