package server

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"

	"github.com/etalon-dev/etalon/reference/apiserver/storage"
)

// newCustomResources builds the server of CustomResourceDefinitions and of what they define. It is
// the last of the chain: what it does not know is not found.
func newCustomResources(cfg genericapiserver.Config, backend *storage.Backend, shared informers.SharedInformerFactory,
	hooks webhooks,
) (*apiextensionsapiserver.CustomResourceDefinitions, error) {
	cfg.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	cfg.Serializer = apiextensionsapiserver.Codecs
	cfg.RESTOptionsGetter = backend.Getter(func(schema.GroupResource) runtime.Codec {
		return apiextensionsapiserver.Codecs.LegacyCodec(apiextensionsv1.SchemeGroupVersion)
	}, func(schema.GroupResource) schema.GroupVersion { return apiextensionsv1.SchemeGroupVersion })
	config := apiextensionsapiserver.Config{
		GenericConfig: &genericapiserver.RecommendedConfig{Config: cfg, SharedInformerFactory: shared},
		ExtraConfig: apiextensionsapiserver.ExtraConfig{
			CRDRESTOptionsGetter: backend.Getter(func(schema.GroupResource) runtime.Codec { return unstructured.UnstructuredJSONScheme }, nil),
			MasterCount:          1,
			AuthResolverWrapper:  hooks.auth,
			ServiceResolver:      hooks.services,
		},
	}
	return config.Complete().New(genericapiserver.NewEmptyDelegate())
}
