package defaults

import (
	"k8s.io/apimachinery/pkg/runtime"
)

// Register adds the defaulting function of every kind, objects and lists, to s.
func Register(s *runtime.Scheme) {
	registerCore(s)
	registerApps(s)
	registerBatch(s)
	registerAutoscaling(s)
	registerRBAC(s)
	registerNetworking(s)
	registerDiscovery(s)
	registerStorage(s)
	registerScheduling(s)
	registerNode(s)
	registerCertificates(s)
	registerAdmission(s)
	registerFlowcontrol(s)
	registerResource(s)
}

// object is the pointer type of an API object whose struct is T.
type object[T any] interface {
	*T
	runtime.Object
}

// add registers set as the defaulting function of T.
func add[T any, P object[T]](s *runtime.Scheme, set func(*T)) {
	s.AddTypeDefaultingFunc(P(new(T)), func(o any) { set((*T)(o.(P))) })
}

// addWithList registers set for T, and for each item of T's list type L.
func addWithList[T, L any, P object[T], PL object[L]](s *runtime.Scheme, set func(*T), items func(*L) []T) {
	add[T, P](s, set)
	add[L, PL](s, func(l *L) { each(items(l), set) })
}

// each applies set to every item of a list, in place.
func each[T any](list []T, set func(*T)) {
	for i := range list {
		set(&list[i])
	}
}

// orElse sets *p to value when it is the zero value of its type.
func orElse[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// orPointTo makes *p point to a copy of value when it points nowhere.
func orPointTo[T any](p **T, value T) {
	if *p == nil {
		*p = &value
	}
}
