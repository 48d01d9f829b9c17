package quota

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apiserver/pkg/admission"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
	"k8s.io/component-helpers/storage/volume"
)

// ofClass comes between a StorageClass and what is limited of it.
const ofClass = ".storageclass.storage.k8s.io/"

// claims measures PersistentVolumeClaims: number and storage, in all and by StorageClass.
func claims(list generic.ListFuncByNamespace) quota.Evaluator {
	plain := oneOf("count/persistentvolumeclaims", corev1.ResourcePersistentVolumeClaims, corev1.ResourceRequestsStorage)
	return &evaluator[*corev1.PersistentVolumeClaim]{
		resource: corev1.Resource("persistentvolumeclaims"),
		measures: func(name corev1.ResourceName) bool {
			return plain(name) || strings.HasSuffix(string(name), ofClass+string(corev1.ResourcePersistentVolumeClaims)) ||
				strings.HasSuffix(string(name), ofClass+string(corev1.ResourceRequestsStorage))
		},
		handles: func(op admission.Operation, subresource string) bool {
			// The status tells of the VolumeAttributesClass in use and of storage being added.
			return wholeObject(op, subresource) || op == admission.Update && subresource == "status"
		},
		usage:   claimUsage,
		inScope: claimInScope,
		list:    list,
	}
}

func claimUsage(c *corev1.PersistentVolumeClaim) corev1.ResourceList {
	used := corev1.ResourceList{"count/persistentvolumeclaims": one, corev1.ResourcePersistentVolumeClaims: one}
	class := volume.GetPersistentVolumeClaimClass(c)
	if class != "" {
		used[corev1.ResourceName(class)+ofClass+corev1.ResourcePersistentVolumeClaims] = one
	}
	if storage, ok := claimStorage(c); ok {
		used[corev1.ResourceRequestsStorage] = storage
		if class != "" {
			used[corev1.ResourceName(class)+ofClass+corev1.ResourceRequestsStorage] = storage
		}
	}
	return used
}

// claimStorage is the larger of what the claim asks for and what an expansion under way has set
// aside, in whole bytes.
func claimStorage(c *corev1.PersistentVolumeClaim) (resource.Quantity, bool) {
	storage, ok := c.Spec.Resources.Requests[corev1.ResourceStorage]
	if !ok {
		return storage, false
	}
	if allocated, ok := c.Status.AllocatedResources[corev1.ResourceStorage]; ok && allocated.Cmp(storage) > 0 {
		storage = allocated
	}
	storage = storage.DeepCopy()
	storage.RoundUp(0)
	return storage, true
}

// claimInScope says whether the scope selects the claim: by the VolumeAttributesClasses that it asks
// for, has, or is being changed to.
func claimInScope(scope corev1.ScopedResourceSelectorRequirement, c *corev1.PersistentVolumeClaim) (bool, error) {
	if scope.ScopeName != corev1.ResourceQuotaScopeVolumeAttributesClass {
		return false, nil
	}
	var classes []string
	for _, class := range []*string{c.Spec.VolumeAttributesClassName, c.Status.CurrentVolumeAttributesClassName} {
		if class != nil {
			classes = append(classes, *class)
		}
	}
	if m := c.Status.ModifyVolumeStatus; m != nil {
		classes = append(classes, m.TargetVolumeAttributesClassName)
	}
	return selects(scope, classes...)
}
