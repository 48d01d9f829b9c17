// Package garbagecollection holds the specs of what becomes of objects when their owners go.
package garbagecollection

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// configMap describes a ConfigMap: something that can be owned and does nothing by itself.
func configMap(name string, owners ...metav1.OwnerReference) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, OwnerReferences: owners}}
}

// reference names an owner that exists; it blocks the owner's foreground deletion.
func reference(apiVersion, kind string, owner Object) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: apiVersion, Kind: kind, Name: owner.GetName(), UID: owner.GetUID(), BlockOwnerDeletion: ptr.To(true)}
}

// to is the reference to a ConfigMap.
func to(owner *corev1.ConfigMap) metav1.OwnerReference { return reference("v1", "ConfigMap", owner) }

// by is a deletion's option.
func by(propagation metav1.DeletionPropagation) metav1.DeleteOptions {
	return metav1.DeleteOptions{PropagationPolicy: &propagation}
}
