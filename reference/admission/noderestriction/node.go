package noderestriction

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// restrictedLabels is the namespace of labels that only administrators set: by them pods are kept off
// nodes that somebody else has taken over.
const restrictedLabels = "node-restriction.kubernetes.io"

func (w write) ownNode() error {
	name := w.GetName()
	node, _ := w.GetObject().(*corev1.Node)
	switch w.GetOperation() {
	case admission.Create:
		if node == nil {
			return w.unexpectedType()
		}
		if name == "" {
			name = node.Name
		}
		if err := w.newNode(node); err != nil {
			return err
		}
	case admission.Update:
		old, ok := w.GetOldObject().(*corev1.Node)
		if node == nil || !ok {
			return w.unexpectedType()
		}
		if name == w.node {
			return w.changedNode(node, old)
		}
	}
	if name != w.node {
		return fmt.Errorf("node %q is not allowed to modify node %q", w.node, name)
	}
	return nil
}

func (w write) newNode(node *corev1.Node) error {
	if node.Spec.ConfigSource != nil {
		return fmt.Errorf("node %q is not allowed to create pods with a non-nil configSource", w.node)
	}
	if len(node.OwnerReferences) > 0 {
		return fmt.Errorf("node %q is not allowed to set metadata.ownerReferences", w.node)
	}
	if labels := forbidden(changed(node.Labels, nil)); len(labels) > 0 {
		return fmt.Errorf("node %q is not allowed to set the following labels: %s", w.node, strings.Join(labels, ", "))
	}
	return nil
}

func (w write) changedNode(node, old *corev1.Node) error {
	if node.Spec.ConfigSource != nil && !equality.Semantic.DeepEqual(node.Spec.ConfigSource, old.Spec.ConfigSource) {
		return fmt.Errorf("node %q is not allowed to update configSource to a new non-nil configSource", w.node)
	}
	if !equality.Semantic.DeepEqual(node.Spec.Taints, old.Spec.Taints) {
		return fmt.Errorf("node %q is not allowed to modify taints", w.node)
	}
	// An owner that is gone would have the garbage collector delete the node, and so let it register
	// anew with the labels and taints of its choice.
	if !equality.Semantic.DeepEqual(node.OwnerReferences, old.OwnerReferences) {
		return fmt.Errorf("node %q is not allowed to modify metadata.ownerReferences", w.node)
	}
	if labels := forbidden(changed(node.Labels, old.Labels)); len(labels) > 0 {
		return fmt.Errorf("node %q is not allowed to modify labels: %s", w.node, strings.Join(labels, ", "))
	}
	return nil
}

// changed are the labels of which the two have not the same.
func changed(a, b map[string]string) sets.Set[string] {
	out := sets.New[string]()
	for key, value := range a {
		if other, ok := b[key]; !ok || other != value {
			out.Insert(key)
		}
	}
	for key := range b {
		if _, ok := a[key]; !ok {
			out.Insert(key)
		}
	}
	return out
}

// forbidden are, sorted, those that a node may not set: in the restricted namespace, or in those of
// Kubernetes without being known as a kubelet's own.
func forbidden(labels sets.Set[string]) []string {
	return slices.DeleteFunc(sets.List(labels), func(label string) bool {
		namespace, _, found := strings.Cut(label, "/")
		if !found {
			return true
		}
		in := func(domain string) bool { return namespace == domain || strings.HasSuffix(namespace, "."+domain) }
		return !in(restrictedLabels) && (!in("kubernetes.io") && !in("k8s.io") || kubeletapis.IsKubeletLabel(label))
	})
}
