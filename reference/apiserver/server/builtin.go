package server

import (
	"context"
	"crypto"
	"errors"
	"maps"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	utilproxy "k8s.io/apiserver/pkg/util/proxy"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry"
	registrycore "github.com/etalon-dev/etalon/reference/apiserver/registry/core"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/metrics"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
	"github.com/etalon-dev/etalon/reference/auth/authentication"
	"github.com/etalon-dev/etalon/reference/auth/reviews"
	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
)

var errRBACNotSynced = errors.New("roles and bindings are not read yet")

// builtInServer is the middle of the chain: the resources of Kubernetes itself.
type builtInServer struct {
	options Options
	client  kubernetes.Interface
	etcd    healthz.HealthChecker
	shared  informers.SharedInformerFactory
	slices  utilproxy.EndpointSliceGetter

	authentication *authentication.Chain
	issuer         *serviceaccount.Issuer
	keys           []crypto.PublicKey // that check its tokens
	authz          *authorizers
	stores         *stores

	// externalAddress is host:port of this server as pods reach it.
	externalAddress string

	groupVersions []schema.GroupVersion
}

// applyIdentity settles who may talk to the chain and what they may do.
func (b *builtInServer) applyIdentity(ctx context.Context, cfg *genericapiserver.Config) error {
	b.stores = &stores{}
	if err := b.applyAuthentication(ctx, cfg); err != nil {
		return err
	}
	var err error
	b.authz, err = applyAuthorization(cfg, b.options.Authorization, b.shared, b.stores.owner)
	return err
}

// install builds the server and puts every group, subresource and start hook into it.
func (b *builtInServer) install(cfg genericapiserver.Config, delegate genericapiserver.DelegationTarget) (*genericapiserver.GenericAPIServer, error) {
	b.externalAddress = cfg.ExternalAddress
	cfg.PostStartHooks = maps.Clone(cfg.PostStartHooks)
	server, err := cfg.Complete(b.shared).New("kube-apiserver", delegate)
	if err != nil {
		return nil, err
	}
	built, err := b.buildGroups(cfg)
	if err != nil {
		return nil, err
	}
	if err := server.InstallLegacyAPIGroup(genericapiserver.DefaultLegacyAPIPrefix, built.Core); err != nil {
		return nil, err
	}
	if err := server.InstallAPIGroups(built.Groups...); err != nil {
		return nil, err
	}
	b.groupVersions = []schema.GroupVersion{corev1.SchemeGroupVersion}
	for _, group := range built.Groups {
		b.groupVersions = append(b.groupVersions, servedVersions(group)...)
	}
	if err := b.publishIssuer(server); err != nil {
		return nil, err
	}
	for name, hook := range b.bootstrapHooks() {
		if err := server.AddPostStartHook(name, hook); err != nil {
			return nil, err
		}
	}
	return server, server.AddPostStartHook("start-service-ip-repair-controllers", func(hook genericapiserver.PostStartHookContext) error {
		go b.repairServices(hook, built.RepairServices)
		return nil
	})
}

// buildGroups builds the built-in resources and adds what is not storage: tokens, reviews, and the
// subresources behind which are kubelets.
func (b *builtInServer) buildGroups(cfg genericapiserver.Config) (*registry.Built, error) {
	ranges, err := b.options.serviceRanges()
	if err != nil {
		return nil, err
	}
	low, high, err := b.options.nodePorts()
	if err != nil {
		return nil, err
	}
	built, err := registry.Groups(registry.Config{
		Getter: cfg.RESTOptionsGetter, ServiceRanges: ranges, NodePortMin: low, NodePortMax: high,
		Authorizer: cfg.Authorization.Authorizer,
	})
	if err != nil {
		return nil, err
	}
	*b.stores = stores{
		pods: lateStore{built.Pods}, nodes: lateStore{built.Nodes},
		secrets: lateStore{built.Secrets}, serviceAccounts: lateStore{built.ServiceAccounts},
		resourceSlices:  lateStore{getterOf(built, resourcev1.GroupName, "resourceslices")},
		podCertificates: lateStore{getterOf(built, certificatesv1.GroupName, "podcertificaterequests")},
	}
	core := built.Core.VersionedResourcesStorageMap["v1"]
	audiences, tokens := b.options.Authentication.Audiences(), b.options.Authentication.ServiceAccounts
	core["serviceaccounts/token"] = &serviceaccount.TokenREST{
		Issuer: b.issuer, Audiences: audiences, Get: b.stores.getters(), Extend: tokens.ExtendExpiration, Max: tokens.MaxExpiration,
	}
	if err := b.addConnections(core, built, cfg.Authorization.Authorizer, b.slices); err != nil {
		return nil, err
	}
	used, err := b.usage(built)
	if err != nil {
		return nil, err
	}
	core["componentstatuses"] = registrycore.NewComponentStatuses(componentChecks(b.client, b.etcd))
	built.Groups = append(built.Groups,
		otherGroup(metricsv1beta1.GroupName, map[string]map[string]rest.Storage{
			metricsv1beta1.SchemeGroupVersion.Version: metrics.Install(used),
		}),
		otherGroup(authenticationv1.GroupName, reviews.AuthenticationGroup(cfg.Authentication.Authenticator, audiences)),
		otherGroup(authorizationv1.GroupName, reviews.AuthorizationGroup(cfg.Authorization.Authorizer, b.authz.rules)))
	return built, nil
}

// getterOf finds the storage of a resource, in any of its versions; nil if it is not served.
func getterOf(built *registry.Built, group, resource string) rest.Getter {
	for _, info := range built.Groups {
		for _, served := range info.VersionedResourcesStorageMap {
			if getter, ok := served[resource].(rest.Getter); ok && info.PrioritizedVersions[0].Group == group {
				return getter
			}
		}
	}
	return nil
}

// otherGroup is a group whose resources are not stored.
func otherGroup(name string, versions map[string]map[string]rest.Storage) *genericapiserver.APIGroupInfo {
	info := genericapiserver.NewDefaultAPIGroupInfo(name, scheme.Scheme, scheme.ParameterCodec, scheme.Codecs)
	info.VersionedResourcesStorageMap = versions
	return &info
}

func servedVersions(group *genericapiserver.APIGroupInfo) []schema.GroupVersion {
	var served []schema.GroupVersion
	for _, gv := range group.PrioritizedVersions {
		if len(group.VersionedResourcesStorageMap[gv.Version]) > 0 {
			served = append(served, gv)
		}
	}
	return served
}

// publishIssuer serves the OpenID discovery documents, by which others check our tokens.
func (b *builtInServer) publishIssuer(server *genericapiserver.GenericAPIServer) error {
	keysURL := "https://" + b.externalAddress + serviceaccount.KeysPath
	if uri := b.options.Authentication.ServiceAccounts.JWKSURI; uri != "" {
		keysURL = uri
	}
	documents, err := serviceaccount.NewDiscovery(b.issuer.Name(), keysURL, b.keys)
	if err != nil {
		return err
	}
	server.Handler.NonGoRestfulMux.Handle(serviceaccount.DiscoveryPath, documents.Configuration())
	server.Handler.NonGoRestfulMux.Handle(serviceaccount.KeysPath, documents.Keys())
	return nil
}
