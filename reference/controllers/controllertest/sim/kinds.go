package sim

import (
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/etalon-dev/etalon/reference/apiserver/defaults"
)

// Object is an API object.
type Object interface {
	runtime.Object
	metav1.Object
}

// scheme knows every kind that client-go does, with the API server's defaults.
var scheme = func() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(clientscheme.AddToScheme(s))
	defaults.Register(s)
	return s
}()

// kinds are the kinds by the resource they are served as.
var kinds = func() map[schema.GroupVersionResource]schema.GroupVersionKind {
	found := map[schema.GroupVersionResource]schema.GroupVersionKind{}
	for gvk, t := range scheme.AllKnownTypes() {
		if _, ok := reflect.New(t).Interface().(Object); ok {
			resource, _ := meta.UnsafeGuessKindToResource(gvk)
			found[resource] = gvk
		}
	}
	return found
}()

// resourceOf returns the resource that obj is served as.
func resourceOf(obj runtime.Object) schema.GroupVersionResource {
	all, _, err := scheme.ObjectKinds(obj)
	if err != nil {
		panic(fmt.Sprintf("sim: %v", err))
	}
	resource, _ := meta.UnsafeGuessKindToResource(all[0])
	return resource
}

func newObject(resource schema.GroupVersionResource) (Object, error) {
	gvk, ok := kinds[resource]
	if !ok {
		return nil, fmt.Errorf("sim: no kind is served as %s", resource)
	}
	obj, err := scheme.New(gvk)
	if err != nil {
		return nil, err
	}
	return obj.(Object), nil
}

// part returns the part of obj of that name: ObjectMeta, Spec, Status.
func part(obj runtime.Object, name string) reflect.Value {
	return reflect.ValueOf(obj).Elem().FieldByName(name)
}

func hasStatus(obj runtime.Object) bool { return part(obj, "Status").IsValid() }

// copyStatus makes the status of to that of from.
func copyStatus(to, from runtime.Object) {
	if hasStatus(to) {
		part(to, "Status").Set(part(from, "Status"))
	}
}

func clear(obj runtime.Object, names ...string) {
	for _, name := range names {
		if f := part(obj, name); f.IsValid() {
			f.SetZero()
		}
	}
}

// sameSpec compares all but metadata and status.
func sameSpec(a, b runtime.Object) bool {
	a, b = a.DeepCopyObject(), b.DeepCopyObject()
	clear(a, "ObjectMeta", "Status", "TypeMeta")
	clear(b, "ObjectMeta", "Status", "TypeMeta")
	return equality.Semantic.DeepEqual(a, b)
}

// same compares everything but the version.
func same(a, b Object) bool {
	a, b = clone(a), clone(b)
	a.SetResourceVersion("")
	b.SetResourceVersion("")
	clear(a, "TypeMeta")
	clear(b, "TypeMeta")
	return equality.Semantic.DeepEqual(a, b)
}

func clone(obj Object) Object { return obj.DeepCopyObject().(Object) }
