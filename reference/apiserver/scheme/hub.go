package scheme

import (
	"reflect"
	"strings"

	"k8s.io/apimachinery/pkg/conversion"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
)

// registerHub registers every kind of gv under group/__internal too, except the meta/v1 kinds
// (ListOptions, WatchEvent, …) that each group version carries along.
func registerHub(s *runtime.Scheme, gv schema.GroupVersion) {
	internal := schema.GroupVersion{Group: gv.Group, Version: runtime.APIVersionInternal}
	for kind, t := range s.KnownTypes(gv) {
		if strings.HasSuffix(t.PkgPath(), "/apis/meta/v1") {
			continue
		}
		s.AddKnownTypeWithName(internal.WithKind(kind), reflect.New(t).Interface().(runtime.Object))
	}
}

// addInternal registers objects of another group's types as the internal version of group.
func addInternal(s *runtime.Scheme, group string, objs ...runtime.Object) {
	s.AddKnownTypes(schema.GroupVersion{Group: group, Version: runtime.APIVersionInternal}, objs...)
}

// addIdentityConversions makes Convert(T, T) a deep copy for every registered type. The admission
// chain converts objects to the version that a webhook or policy asked for, which may be its own.
func addIdentityConversions(s *runtime.Scheme) {
	seen := map[reflect.Type]bool{}
	for _, t := range s.AllKnownTypes() {
		if seen[t] {
			continue
		}
		seen[t] = true
		obj := reflect.New(t).Interface()
		utilruntime.Must(s.AddConversionFunc(obj, obj, func(in, out any, _ conversion.Scope) error {
			copied := in.(runtime.Object).DeepCopyObject()
			reflect.ValueOf(out).Elem().Set(reflect.ValueOf(copied).Elem())
			return nil
		}))
	}
}

// addConversions registers the conversions between two types and, item by item, between their lists.
func addConversions[In, Out, InList, OutList any](s *runtime.Scheme, convert func(*In, *Out)) error {
	if err := s.AddConversionFunc((*In)(nil), (*Out)(nil), func(in, out any, _ conversion.Scope) error {
		convert(in.(*In), out.(*Out))
		return nil
	}); err != nil {
		return err
	}
	return s.AddConversionFunc((*InList)(nil), (*OutList)(nil), func(in, out any, _ conversion.Scope) error {
		from, to := reflect.ValueOf(in).Elem(), reflect.ValueOf(out).Elem()
		to.FieldByName("ListMeta").Set(from.FieldByName("ListMeta"))
		items := from.FieldByName("Items")
		converted := reflect.MakeSlice(to.FieldByName("Items").Type(), items.Len(), items.Len())
		for i := range items.Len() {
			convert(items.Index(i).Addr().Interface().(*In), converted.Index(i).Addr().Interface().(*Out))
		}
		to.FieldByName("Items").Set(converted)
		return nil
	})
}
