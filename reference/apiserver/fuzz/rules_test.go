package fuzz_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	jsonserializer "k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/apimachinery/pkg/util/diff"
	"k8s.io/apiserver/pkg/authentication/user"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

type wire struct {
	name       string
	serializer runtime.Serializer
}

var (
	jsonWire = wire{"JSON", jsonserializer.NewSerializerWithOptions(jsonserializer.DefaultMetaFactory, scheme.Scheme, scheme.Scheme, jsonserializer.SerializerOptions{})}
	wires    = []wire{jsonWire, {"protobuf", protobuf.NewSerializer(scheme.Scheme, scheme.Scheme)}, {"CBOR", cbor.NewSerializer(scheme.Scheme, scheme.Scheme)}}
)

// codec is how the server reads and writes objects of a version: defaulted, as the hub's type.
func (w wire) codec(gv schema.GroupVersion) runtime.Codec {
	internal := schema.GroupVersion{Group: gv.Group, Version: runtime.APIVersionInternal}
	return scheme.Codecs.CodecForVersions(w.serializer, w.serializer, gv, internal)
}

// same is semantic equality; what is free-form JSON counts as its value.
var same = func() func(a, b any) bool {
	e := equality.Semantic.Copy()
	sameJSON := func(a, b []byte) bool {
		var x, y any
		if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
			return bytes.Equal(a, b)
		}
		return reflect.DeepEqual(x, y)
	}
	if err := e.AddFuncs(
		func(a, b runtime.RawExtension) bool { return sameJSON(a.Raw, b.Raw) },
		func(a, b metav1.FieldsV1) bool { return sameJSON(a.GetRawBytes(), b.GetRawBytes()) },
	); err != nil {
		panic(err)
	}
	return e.DeepEqual
}()

// read decodes and defaults what a client sends; an error is a refusal.
func read(gv schema.GroupVersion, data []byte) (runtime.Object, error) {
	return runtime.Decode(jsonWire.codec(gv), data)
}

// roundTrips: an object is the same after every serialization, and defaults are complete at once.
func roundTrips(k *kind, data []byte) error {
	gv := k.GroupVersion()
	first, err := read(gv, data)
	if err != nil {
		return nil
	}
	// Times in JSON have seconds, so what JSON was made of may be finer than what it says.
	text, err := runtime.Encode(jsonWire.codec(gv), first)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	want, err := read(gv, text)
	if err != nil {
		return fmt.Errorf("decode what we encoded: %w", err)
	}
	for _, w := range wires {
		text, err := runtime.Encode(w.codec(gv), want)
		if err != nil {
			return fmt.Errorf("encode as %s: %w", w.name, err)
		}
		got, err := runtime.Decode(w.codec(gv), text)
		if err != nil {
			return fmt.Errorf("decode %s: %w", w.name, err)
		}
		if !same(want, got) {
			return fmt.Errorf("%s changed it:\n%s", w.name, diff.Diff(want, got))
		}
	}
	return idempotent(gv, want)
}

func idempotent(gv schema.GroupVersion, obj runtime.Object) error {
	versioned, err := scheme.Scheme.ConvertToVersion(obj, gv)
	if err != nil {
		return fmt.Errorf("convert to %s: %w", gv, err)
	}
	scheme.Scheme.Default(versioned)
	once := versioned.DeepCopyObject()
	scheme.Scheme.Default(versioned)
	if !same(once, versioned) {
		return fmt.Errorf("defaulting again changed:\n%s", diff.Diff(once, versioned))
	}
	return nil
}

// request is the context of an administrator's request about an object.
func request(k *kind, o object) context.Context {
	ctx := genericapirequest.WithUser(genericapirequest.NewContext(), &user.DefaultInfo{Name: "fuzz", Groups: []string{user.SystemPrivilegedGroup}})
	namespace := metav1.NamespaceNone
	if k.create.NamespaceScoped() {
		namespace = o.GetNamespace()
	}
	return genericapirequest.WithRequestInfo(genericapirequest.WithNamespace(ctx, namespace),
		&genericapirequest.RequestInfo{IsResourceRequest: true, APIGroup: k.Group, APIVersion: k.Version, Resource: k.resource, Name: o.GetName()})
}

// created applies what happens to a POST, except storing. A nil object was refused.
func created(k *kind, data []byte) (object, error) {
	decoded, err := read(k.GroupVersion(), data)
	if err != nil {
		return nil, nil
	}
	o, ok := decoded.(object)
	if !ok || k.create == nil {
		return nil, nil
	}
	rest.FillObjectMetaSystemFields(o)
	o.SetResourceVersion("")
	if o.GetName() == "" && o.GetGenerateName() != "" { // as the store does
		o.SetName(k.create.GenerateName(o.GetGenerateName()))
	}
	if err := rest.BeforeCreate(k.create, request(k, o), o); err != nil {
		return nil, verdict(err)
	}
	o.SetResourceVersion("1")
	return stored(k, o)
}

// stored reads an accepted object back from how storage has it.
func stored(k *kind, o object) (object, error) {
	codec := wires[1].codec(scheme.StorageVersion(k.Group))
	data, err := runtime.Encode(codec, o)
	if err != nil {
		return nil, fmt.Errorf("accepted, but cannot be stored: %w", err)
	}
	back, err := runtime.Decode(codec, data)
	if err != nil {
		return nil, fmt.Errorf("stored, but cannot be read: %w", err)
	}
	return back.(object), nil
}

// refusal is why an object is not accepted.
func refusal(k *kind, data []byte) error {
	decoded, err := read(k.GroupVersion(), data)
	if err != nil {
		return err
	}
	o := decoded.(object)
	rest.FillObjectMetaSystemFields(o)
	o.SetResourceVersion("")
	return rest.BeforeCreate(k.create, request(k, o), o)
}

// verdict lets refusals pass and reports what is no refusal.
func verdict(err error) error {
	var status apierrors.APIStatus
	if errors.As(err, &status) && status.Status().Code < 500 {
		return nil
	}
	return err
}

// writtenBack: whoever may store an object may store it again as it is.
func writtenBack(k *kind, o object) error {
	again := o.DeepCopyObject().(object)
	if err := rest.BeforeUpdate(k.update, request(k, o), again, o.DeepCopyObject()); err != nil {
		return fmt.Errorf("stored, but refused when written back unchanged: %w", err)
	}
	if !same(o, again) {
		return fmt.Errorf("writing it back unchanged changed:\n%s", diff.Diff(o, again))
	}
	return nil
}

// updated replaces old by o through the resource and through each of its subresources.
func updated(k *kind, o, old object) error {
	for name, strategy := range k.views {
		if err := replaced(k, strategy, o, old); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return replaced(k, k.update, o, old)
}

func replaced(k *kind, strategy rest.RESTUpdateStrategy, o, old object) error {
	next := o.DeepCopyObject().(object)
	next.SetName(old.GetName())
	next.SetGenerateName("") // unlike a new object's, a replacement's is hardly looked at
	next.SetNamespace(old.GetNamespace())
	next.SetUID(old.GetUID())
	next.SetResourceVersion(old.GetResourceVersion())
	if err := rest.BeforeUpdate(strategy, request(k, old), next, old.DeepCopyObject()); err != nil {
		return verdict(err)
	}
	next, err := stored(k, next)
	if err != nil {
		return err
	}
	return writtenBack(k, next)
}

// everything checks all there is to check of one input; old is an accepted object of the kind or nil.
func everything(k *kind, data []byte, old object) error {
	if err := roundTrips(k, data); err != nil {
		return err
	}
	o, err := created(k, data)
	if err != nil {
		return err
	}
	if o != nil {
		if err := writtenBack(k, o); err != nil {
			return err
		}
	}
	if old == nil {
		return nil
	}
	decoded, err := read(k.GroupVersion(), data)
	if err != nil {
		return nil
	}
	o, ok := decoded.(object)
	if !ok {
		return nil
	}
	return updated(k, o, old)
}
