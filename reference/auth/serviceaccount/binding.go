package serviceaccount

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// resolveBinding finds the object that a token shall be bound to, and refuses one that is not
// the caller's to bind to: a pod of another ServiceAccount, or an object of another UID.
func resolveBinding(ctx context.Context, get Getters, namespace, account string, r *authenticationv1.BoundObjectReference) (Binding, error) {
	if r == nil {
		return Binding{}, nil
	}
	var b Binding
	var o metav1.Object
	kind := schema.FromAPIVersionAndKind(r.APIVersion, r.Kind)
	switch {
	case kind.Group == "" && kind.Kind == "Pod":
		pod, err := get.Pod(ctx, namespace, r.Name)
		if err != nil {
			return Binding{}, err
		}
		if pod.Spec.ServiceAccountName != account {
			return Binding{}, errors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", account))
		}
		b, o = Binding{Pod: pod, Node: nodeOf(ctx, get, pod)}, pod
	case kind.Group == "" && kind.Kind == "Secret":
		secret, err := get.Secret(ctx, namespace, r.Name)
		if err != nil {
			return Binding{}, err
		}
		b, o = Binding{Secret: secret}, secret
	case kind.Group == "" && kind.Kind == "Node":
		node, err := get.Node(ctx, r.Name)
		if err != nil {
			return Binding{}, err
		}
		b, o = Binding{Node: node}, node
	default:
		return Binding{}, errors.NewBadRequest(fmt.Sprintf("cannot bind token to object of type %s", kind.String()))
	}
	if r.UID != "" && r.UID != o.GetUID() {
		return Binding{}, errors.NewConflict(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, r.Name,
			fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", r.UID))
	}
	return b, nil
}

// nodeOf is where the pod runs. A Node object that is missing does not keep a pod from its
// token: then only the name is known.
func nodeOf(ctx context.Context, get Getters, pod *corev1.Pod) *corev1.Node {
	if pod.Spec.NodeName == "" {
		return nil
	}
	if node, err := get.Node(ctx, pod.Spec.NodeName); err == nil {
		return node
	}
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: pod.Spec.NodeName}}
}
