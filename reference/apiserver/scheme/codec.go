package scheme

import (
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
)

var storageSerializer = protobuf.NewSerializer(Scheme, Scheme)

// StorageCodec stores the objects of a built-in resource as protobuf, in the group's storage version.
func StorageCodec(gr schema.GroupResource) runtime.Codec {
	gv := StorageVersion(gr.Group)
	internal := schema.GroupVersion{Group: gv.Group, Version: runtime.APIVersionInternal}
	return Codecs.CodecForVersions(storageSerializer, Codecs.UniversalDeserializer(), gv, internal)
}
