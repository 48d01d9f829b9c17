// Package request reads what admission plugins ask of a request again and again.
package request

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
)

// Is tells whether the request is about the resource itself, not about one of its subresources.
func Is(a admission.Attributes, resource schema.GroupResource) bool {
	return IsSub(a, resource, "")
}

// IsSub tells whether the request is about this subresource of the resource.
func IsSub(a admission.Attributes, resource schema.GroupResource, subresource string) bool {
	return a.GetSubresource() == subresource && a.GetResource().GroupResource() == resource
}

// Object is the object of the request; another type than T is the request's fault: 400.
func Object[T runtime.Object](a admission.Attributes) (T, error) { return as[T](a.GetObject()) }

// Old is the object as it was before the request.
func Old[T runtime.Object](a admission.Attributes) (T, error) { return as[T](a.GetOldObject()) }

func as[T runtime.Object](obj runtime.Object) (T, error) {
	t, ok := obj.(T)
	if !ok {
		return t, errors.NewBadRequest(fmt.Sprintf("expected %T but got %T", t, obj))
	}
	return t, nil
}

// NotReady refuses a request that came before the plugin knows what it must.
func NotReady(a admission.Attributes) error {
	return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
}
