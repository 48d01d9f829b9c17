package server

import (
	apiextensionsapiserver "k8s.io/apiextensions-apiserver/pkg/apiserver"
	openapinamer "k8s.io/apiserver/pkg/endpoints/openapi"
	genericapiserver "k8s.io/apiserver/pkg/server"
	utilopenapi "k8s.io/apiserver/pkg/util/openapi"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	"k8s.io/kube-openapi/pkg/common"

	"github.com/etalon-dev/etalon/reference/apiserver/openapi"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// applyOpenAPI publishes /openapi/v2 and /openapi/v3 and returns the definitions, which admission's
// CEL policies type-check against.
func applyOpenAPI(cfg *genericapiserver.Config) common.GetOpenAPIDefinitions {
	definitions := utilopenapi.GetOpenAPIDefinitionsWithoutDisabledFeatures(openapi.GetOpenAPIDefinitions)
	namer := openapinamer.NewDefinitionNamer(scheme.External, apiextensionsapiserver.Scheme, aggregatorscheme.Scheme)
	cfg.OpenAPIConfig = genericapiserver.DefaultOpenAPIConfig(definitions, namer)
	cfg.OpenAPIConfig.Info.Title = "Kubernetes"
	cfg.OpenAPIV3Config = genericapiserver.DefaultOpenAPIV3Config(definitions, namer)
	cfg.OpenAPIV3Config.Info.Title = "Kubernetes"
	return definitions
}
