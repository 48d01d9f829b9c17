package server

import (
	"context"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdinformers "k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	aggregatorapiserver "k8s.io/kube-aggregator/pkg/apiserver"
	aggregatorscheme "k8s.io/kube-aggregator/pkg/apiserver/scheme"
	apiregistrationclient "k8s.io/kube-aggregator/pkg/client/clientset_generated/clientset/typed/apiregistration/v1"
	"k8s.io/kube-aggregator/pkg/controllers/autoregister"
	metrics "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/etalon-dev/etalon/reference/apiserver/storage"
)

// newAggregator builds the first server of the chain: it sends each API group to whoever serves it,
// this process or a Service named by an APIService.
func newAggregator(cfg genericapiserver.Config, o Options, backend *storage.Backend, shared informers.SharedInformerFactory,
	services aggregatorapiserver.ServiceResolver, delegate genericapiserver.DelegationTarget,
	local []schema.GroupVersion, crds crdinformers.CustomResourceDefinitionInformer,
) (*aggregatorapiserver.APIAggregator, error) {
	cfg.PostStartHooks = map[string]genericapiserver.PostStartHookConfigEntry{}
	cfg.SkipOpenAPIInstallation = true // the aggregator merges its delegates' documents
	cfg.Serializer = aggregatorscheme.Codecs
	cfg.RESTOptionsGetter = backend.Getter(func(schema.GroupResource) runtime.Codec {
		return aggregatorscheme.Codecs.LegacyCodec(apiregistrationv1.SchemeGroupVersion)
	}, func(schema.GroupResource) schema.GroupVersion { return apiregistrationv1.SchemeGroupVersion })
	config := aggregatorapiserver.Config{
		GenericConfig: &genericapiserver.RecommendedConfig{Config: cfg, SharedInformerFactory: shared},
		ExtraConfig: aggregatorapiserver.ExtraConfig{
			ServiceResolver:     services,
			ProxyClientCertFile: o.ProxyClientCertFile, ProxyClientKeyFile: o.ProxyClientKeyFile,
			RejectForwardingRedirects: true, // upstream's --aggregator-reject-forwarding-redirect
		},
	}
	aggregator, err := config.Complete().NewWithDelegate(delegate)
	if err != nil {
		return nil, err
	}
	client, err := apiregistrationclient.NewForConfig(asJSON(cfg.LoopbackClientConfig))
	if err != nil {
		return nil, err
	}
	registration := autoregister.NewAutoRegisterController(aggregator.APIRegistrationInformers.Apiregistration().V1().APIServices(), client)
	for _, gv := range local {
		registration.AddAPIServiceToSyncOnStart(localAPIService(gv, 17000))
	}
	crdsSynced, err := registerCustomResources(crds, registration)
	if err != nil {
		return nil, err
	}
	err = aggregator.GenericAPIServer.AddPostStartHook("kube-apiserver-autoregistration", func(hook genericapiserver.PostStartHookContext) error {
		go func() {
			// Without the CRDs the controller would take their APIServices for strays and delete them.
			if cache.WaitForCacheSync(hook.Done(), crdsSynced) {
				registration.Run(5, hook.Done())
			}
		}()
		return nil
	})
	return aggregator, err
}

// localAPIService is the APIService of a group version that this process serves itself.
func localAPIService(gv schema.GroupVersion, groupPriority int32) *apiregistrationv1.APIService {
	if gv.Group == "" {
		groupPriority = 18000
	}
	versionPriority := versionPriority(gv.Version)
	if gv.Group == metrics.GroupName {
		// As the manifests of metrics-server have it, which may take the group over.
		groupPriority, versionPriority = 100, 100
	}
	return &apiregistrationv1.APIService{
		ObjectMeta: metav1.ObjectMeta{Name: gv.Version + "." + gv.Group},
		Spec: apiregistrationv1.APIServiceSpec{
			Group: gv.Group, Version: gv.Version, GroupPriorityMinimum: groupPriority, VersionPriority: versionPriority,
		},
	}
}

// versionPriority ranks later GA versions first: autoscaling/v2 before v1.
func versionPriority(version string) int32 {
	if version == "v2" {
		return 30
	}
	return 15
}

// registerCustomResources keeps one APIService per served group version of the CRDs.
func registerCustomResources(crds crdinformers.CustomResourceDefinitionInformer, registration autoregister.AutoAPIServiceRegistration) (cache.InformerSynced, error) {
	served := func(gv schema.GroupVersion) bool {
		list, err := crds.Lister().List(everything)
		if err != nil {
			return false
		}
		for _, crd := range list {
			for _, v := range crd.Spec.Versions {
				if crd.Spec.Group == gv.Group && v.Name == gv.Version && v.Served {
					return true
				}
			}
		}
		return false
	}
	sync := func(obj any) {
		if deleted, ok := obj.(cache.DeletedFinalStateUnknown); ok {
			obj = deleted.Obj
		}
		crd, ok := obj.(*apiextensionsv1.CustomResourceDefinition)
		if !ok {
			return
		}
		for _, v := range crd.Spec.Versions {
			gv := schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name}
			if served(gv) {
				registration.AddAPIServiceToSync(localAPIService(gv, 1000))
			} else {
				registration.RemoveAPIServiceToSync(gv.Version + "." + gv.Group)
			}
		}
	}
	handler, err := crds.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc: sync,
		UpdateFunc: func(old, current any) {
			sync(old) // a version that is no longer listed
			sync(current)
		},
		DeleteFunc: sync,
	})
	if err != nil {
		return nil, fmt.Errorf("watch CustomResourceDefinitions: %w", err)
	}
	return handler.HasSynced, nil
}

// prepareAndRun serves until ctx ends.
func prepareAndRun(ctx context.Context, aggregator *aggregatorapiserver.APIAggregator) error {
	prepared, err := aggregator.PrepareRun()
	if err != nil {
		return err
	}
	return prepared.Run(ctx)
}
