package noderestriction

import (
	"fmt"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
)

func (w write) claim() error {
	if w.GetSubresource() != "status" {
		return fmt.Errorf("may only update PVC status")
	}
	if w.GetOperation() != admission.Update {
		return w.unexpectedOperation()
	}
	old, ok := w.GetOldObject().(*corev1.PersistentVolumeClaim)
	now, alsoOK := w.GetObject().(*corev1.PersistentVolumeClaim)
	if !ok || !alsoOK {
		return w.unexpectedType()
	}
	before, after := withoutResizing(old), withoutResizing(now)
	if !equality.Semantic.DeepEqual(before, after) {
		return fmt.Errorf("node %q is not allowed to update fields other than status.quantity and status.conditions: %v", w.node, cmp.Diff(before, after))
	}
	return nil
}

// withoutResizing leaves out what the kubelet reports when it has grown a volume.
func withoutResizing(c *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	c = c.DeepCopy()
	c.ManagedFields, c.ResourceVersion = nil, ""
	c.Status.Capacity, c.Status.Conditions = nil, nil
	c.Status.AllocatedResources, c.Status.AllocatedResourceStatuses = nil, nil
	return c
}

func (w write) lease() error {
	if w.GetNamespace() != corev1.NamespaceNodeLease {
		return fmt.Errorf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	}
	return w.named(&coordinationv1.Lease{}, "can only access node lease with the same name as the requesting node")
}

func (w write) csiNode() error {
	return w.named(&storagev1.CSINode{}, "can only access CSINode with the same name as the requesting node")
}

// named: the object is called like the node. The name in a create request is that of the object.
func (w write) named(kind metav1.Object, refusal string) error {
	name := w.GetName()
	if w.GetOperation() == admission.Create {
		o, ok := w.GetObject().(metav1.Object)
		if !ok {
			return asIs{fmt.Errorf("wanted a %T, got a %T", kind, w.GetObject())}
		}
		name = o.GetName()
	}
	if name != w.node {
		return fmt.Errorf("%s", refusal)
	}
	return nil
}

func (w write) slice() error {
	object, verb := w.GetObject(), "create"
	switch w.GetOperation() {
	case admission.Delete:
		object, verb = w.GetOldObject(), "delete"
	case admission.Create:
	default:
		return nil // spec.nodeName never changes, and the authorizer knows whose it is
	}
	slice, ok := object.(*resourcev1.ResourceSlice)
	if !ok {
		return asIs{fmt.Errorf("unexpected type %T", object)}
	}
	if slice.Spec.NodeName == nil || *slice.Spec.NodeName != w.node {
		return fmt.Errorf("can only %s ResourceSlice with the same NodeName as the requesting node", verb)
	}
	return nil
}

const (
	csrs            = "certificatesigningrequests"
	podCertificates = "podcertificaterequests"
)

// podCertificate: as with tokens, a node asks only for its own pods.
func (w write) podCertificate() error {
	if w.GetOperation() != admission.Create || w.GetSubresource() != "" {
		return w.unexpectedOperation()
	}
	r, ok := w.GetObject().(*certificatesv1.PodCertificateRequest)
	if !ok {
		return w.unexpectedType()
	}
	s := r.Spec
	if string(s.NodeName) != w.node {
		return fmt.Errorf("PodCertificateRequest.Spec.NodeName=%q, which is not the requesting node %q", s.NodeName, w.node)
	}
	node, err := w.p.nodes.Get(w.node)
	if err != nil {
		return asIs{err}
	}
	if s.NodeUID != node.UID {
		return fmt.Errorf("PodCertificateRequest for pod %q names node UID %q inconsistent with the running node (%q)", s.PodName, s.NodeUID, node.UID)
	}
	pod, err := w.p.pods.Pods(r.Namespace).Get(s.PodName)
	if err != nil {
		return fmt.Errorf("while getting pod %q: %w", s.PodName, err)
	}
	switch {
	case pod.UID != s.PodUID:
		return fmt.Errorf("PodCertificateRequest for pod %q contains pod UID (%q) which differs from running pod %q", s.PodName, s.PodUID, pod.UID)
	case pod.Spec.NodeName != w.node:
		return fmt.Errorf("pod %q is not running on node %q", s.PodName, w.node)
	case pod.Spec.ServiceAccountName != s.ServiceAccountName:
		return fmt.Errorf("PodCertificateRequest for pod %q contains serviceAccountName (%q) that differs from running pod (%q)", s.PodName, s.ServiceAccountName, pod.Spec.ServiceAccountName)
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; mirror {
		return fmt.Errorf("pod %q is a mirror pod", s.PodName)
	}
	return nil
}
