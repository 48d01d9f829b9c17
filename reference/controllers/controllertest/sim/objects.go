package sim

import (
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// The functions here are a user's. They can be called at any time, List and Get
// by invariants too; what these two return must not be changed.

// List returns the objects of a kind, by name, of all namespaces.
func List[T Object](w *World) []T {
	var found []T
	for _, obj := range w.store.list(resourceOf(zero[T]()), "") {
		found = append(found, obj.Object.(T))
	}
	return found
}

// Get returns the object of that name in Namespace, and whether there is one.
func Get[T Object](w *World, name string) (T, bool) {
	resource := resourceOf(zero[T]())
	obj := w.store.get(resource, keyFor(resource, name))
	if obj == nil {
		var none T
		return none, false
	}
	return obj.Object.(T), true
}

// Create makes an object, with the status it has. An object without a namespace
// is put into Namespace if its kind has namespaces. That there is one of the name
// already is no error: scripts do such things.
func (w *World) Create(obj Object) Object {
	resource := resourceOf(obj)
	if obj.GetNamespace() == "" && !clusterWide[resource.Resource] {
		obj.SetNamespace(Namespace)
	}
	made, err := w.store.create(User, resource, obj)
	if err != nil {
		if apierrors.IsAlreadyExists(err) {
			return w.store.get(resource, keyOf(obj)).Object
		}
		panic(fmt.Sprintf("creating %s %s: %v", kinds[resource].Kind, obj.GetName(), err))
	}
	return made.Object
}

// clusterWide are the resources without namespaces that scenarios use.
var clusterWide = map[string]bool{
	"nodes": true, "namespaces": true, "persistentvolumes": true, "storageclasses": true, "priorityclasses": true,
	"csinodes": true, "csidrivers": true, "volumeattachments": true, "deviceclasses": true, "resourceslices": true,
	"devicetaintrules": true,
}

// keyFor is the key of the object of that name: in Namespace, if its kind has namespaces.
func keyFor(resource schema.GroupVersionResource, name string) types.NamespacedName {
	if clusterWide[resource.Resource] {
		return types.NamespacedName{Name: name}
	}
	return types.NamespacedName{Namespace: Namespace, Name: name}
}

// Update changes the object of that name in Namespace, its status aside, if there
// is one.
func Update[T Object](w *World, name string, change func(T)) { alter(w, name, "", change) }

// UpdateStatus changes the status of the object of that name.
func UpdateStatus[T Object](w *World, name string, change func(T)) {
	alter(w, name, "status", change)
}

func alter[T Object](w *World, name, subresource string, change func(T)) {
	resource := resourceOf(zero[T]())
	_, err := w.store.update(User, "update", resource, keyFor(resource, name), subresource, func(old Object) (Object, error) {
		change(old.(T))
		return old, nil
	})
	if err != nil && !apierrors.IsNotFound(err) {
		panic(fmt.Sprintf("updating %s: %v", name, err))
	}
}

// Delete deletes the object of that name in Namespace, if there is one, with the
// propagation policy, if one is given.
func Delete[T Object](w *World, name string, policy ...metav1.DeletionPropagation) {
	var options metav1.DeleteOptions
	if len(policy) > 0 {
		options.PropagationPolicy = &policy[0]
	}
	resource := resourceOf(zero[T]())
	_, err := w.store.remove(User, resource, keyFor(resource, name), options)
	if err != nil && !apierrors.IsNotFound(err) {
		panic(fmt.Sprintf("deleting %s: %v", name, err))
	}
}

// zero is an empty object of the type.
func zero[T Object]() T {
	var none T
	return reflect.New(reflect.TypeOf(none).Elem()).Interface().(T)
}
