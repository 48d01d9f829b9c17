package noderestriction

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apiserver/pkg/admission"

	"github.com/etalon-dev/etalon/reference/auth/podrefs"
)

func (w write) pod() error {
	switch w.GetSubresource() {
	case "":
		return w.podItself()
	case "status":
		return w.podStatus()
	case "eviction":
		return w.eviction()
	}
	return fmt.Errorf("unexpected pod subresource %q, only 'status' and 'eviction' are allowed", w.GetSubresource())
}

func (w write) podItself() error {
	switch w.GetOperation() {
	case admission.Create:
		pod, ok := w.GetObject().(*corev1.Pod)
		if !ok {
			return w.unexpectedType()
		}
		return w.mirrorPod(pod)
	case admission.Delete:
		pod, err := w.p.pods.Pods(w.GetNamespace()).Get(w.GetName())
		if err != nil {
			return asIs{err}
		}
		if pod.Spec.NodeName != w.node {
			return fmt.Errorf("node %q can only delete pods with spec.nodeName set to itself", w.node)
		}
		return nil
	}
	return fmt.Errorf("unexpected operation %q, node %q can only create and delete mirror pods", w.GetOperation(), w.node)
}

// mirrorPod: the only pods that a kubelet makes stand for what it runs from its own files. They own
// nothing and name nothing, or a node could help itself to any Secret.
func (w write) mirrorPod(pod *corev1.Pod) error {
	if _, ok := pod.Annotations[corev1.MirrorPodAnnotationKey]; !ok {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, w.node)
	}
	if pod.Spec.NodeName != w.node {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", w.node)
	}
	if err := w.mirrorOwner(pod); err != nil {
		return err
	}
	refs := podrefs.Of(pod)
	for _, c := range []struct {
		used bool
		what string
	}{
		{refs.ServiceAccount != "", "a service account"}, {len(refs.Secrets) > 0, "secrets"}, {len(refs.ConfigMaps) > 0, "configmaps"},
		{refs.ServiceAccountTokens, "serviceaccounts"}, {refs.TrustBundles, "clustertrustbundles"}, {refs.PodCertificate, "podcertificates"},
		{len(refs.PersistentVolumeClaims) > 0, "persistentvolumeclaims"}, {len(pod.Spec.ResourceClaims) > 0, "resourceclaims"},
	} {
		if c.used {
			return fmt.Errorf("node %q can not create pods that reference %s", w.node, c.what)
		}
	}
	return nil
}

func (w write) mirrorOwner(pod *corev1.Pod) error {
	if len(pod.OwnerReferences) == 0 {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", w.node)
	}
	if len(pod.OwnerReferences) > 1 {
		return fmt.Errorf("node %q can only create pods with a single owner reference set to itself", w.node)
	}
	owner := pod.OwnerReferences[0]
	if owner.APIVersion != "v1" || owner.Kind != "Node" || owner.Name != w.node {
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", w.node)
	}
	if owner.Controller == nil || !*owner.Controller {
		return fmt.Errorf("node %q can only create pods with a controller owner reference set to itself", w.node)
	}
	if owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion {
		return fmt.Errorf("node %q must not set blockOwnerDeletion on an owner reference", w.node)
	}
	node, err := w.p.nodes.Get(w.node)
	if err != nil {
		return asIs{err}
	}
	if owner.UID != node.UID {
		return fmt.Errorf("node %s UID mismatch: expected %s got %s", w.node, owner.UID, node.UID)
	}
	return nil
}

func (w write) podStatus() error {
	if w.GetOperation() != admission.Update {
		return w.unexpectedOperation()
	}
	old, ok := w.GetOldObject().(*corev1.Pod)
	now, alsoOK := w.GetObject().(*corev1.Pod)
	if !ok || !alsoOK {
		return w.unexpectedType()
	}
	if old.Spec.NodeName != w.node {
		return fmt.Errorf("node %q can only update pod status for pods with spec.nodeName set to itself", w.node)
	}
	if !equality.Semantic.DeepEqual(old.Labels, now.Labels) {
		return fmt.Errorf("node %q cannot update labels through pod status", w.node)
	}
	// What a claim is called decides which claims the node may read.
	if !equality.Semantic.DeepEqual(old.Status.ResourceClaimStatuses, now.Status.ResourceClaimStatuses) {
		return fmt.Errorf("node %q cannot update resource claim statuses", w.node)
	}
	if !equality.Semantic.DeepEqual(old.Status.ExtendedResourceClaimStatus, now.Status.ExtendedResourceClaimStatus) {
		return fmt.Errorf("node %q cannot update extended resource claim status", w.node)
	}
	return nil
}

func (w write) eviction() error {
	if w.GetOperation() != admission.Create {
		return w.unexpectedOperation()
	}
	eviction, ok := w.GetObject().(*policyv1.Eviction)
	if !ok {
		return w.unexpectedType()
	}
	name := w.GetName()
	if name == "" {
		if eviction.Name == "" {
			return fmt.Errorf("could not determine pod from request data")
		}
		name = eviction.Name
	}
	pod, err := w.p.pods.Pods(w.GetNamespace()).Get(name)
	if err != nil {
		return asIs{err}
	}
	if pod.Spec.NodeName != w.node {
		return fmt.Errorf("node %s can only evict pods with spec.nodeName set to itself", w.node)
	}
	return nil
}
