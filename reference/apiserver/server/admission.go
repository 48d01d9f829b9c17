package server

import (
	"time"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	webhookinit "k8s.io/apiserver/pkg/admission/plugin/webhook/initializer"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/options"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/apiserver/pkg/util/webhook"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/kube-openapi/pkg/common"

	etalonadmission "github.com/etalon-dev/etalon/reference/admission"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
	"github.com/etalon-dev/etalon/reference/quota"
)

// Admission chooses and configures the admission plugins.
type Admission struct {
	// Enable and Disable name plugins to run, or not, in addition to those that run by default.
	Enable, Disable []string
	// ConfigFile is an AdmissionConfiguration (apiserver.config.k8s.io/v1). Optional.
	ConfigFile string
}

// complete turns the choice into the library's options, which names what is wrong with it.
func (a Admission) complete() (*options.AdmissionOptions, error) {
	o := options.NewAdmissionOptions()
	etalonadmission.Register(o.Plugins)
	o.RecommendedPluginOrder = etalonadmission.Order()
	o.DefaultOffPlugins = etalonadmission.DefaultOff()
	o.EnablePlugins, o.DisablePlugins, o.ConfigFile = a.Enable, a.Disable, a.ConfigFile
	return o, utilerrors.NewAggregate(o.Validate())
}

// applyAdmission puts the library's plugins (namespace lifecycle, webhooks, CEL policies) and ours
// into cfg, in the documented order.
func applyAdmission(cfg *genericapiserver.Config, client kubernetes.Interface, shared informers.SharedInformerFactory,
	definitions common.GetOpenAPIDefinitions, hooks webhooks, flags Admission,
) error {
	dynamicClient, err := dynamic.NewForConfig(asJSON(cfg.LoopbackClientConfig))
	if err != nil {
		return err
	}
	o, err := flags.complete()
	if err != nil {
		return err
	}
	return o.ApplyTo(cfg, shared, client, dynamicClient, utilfeature.DefaultFeatureGate, cfg.EffectiveVersion,
		hooks, schemas{definitions, client}, quotas{})
}

// webhooks tells plugins how to reach and how to authenticate to webhooks.
type webhooks struct {
	auth     webhook.AuthenticationInfoResolverWrapper
	services webhook.ServiceResolver
}

// Initialize implements admission.PluginInitializer.
func (w webhooks) Initialize(plugin admission.Interface) {
	webhookinit.NewPluginInitializer(w.auth, w.services).Initialize(plugin)
}

// quotas tells the ResourceQuota plugin what each kind of object uses.
type quotas struct{}

// Initialize implements admission.PluginInitializer.
func (quotas) Initialize(plugin admission.Interface) {
	if wants, ok := plugin.(initializer.WantsQuotaConfiguration); ok {
		wants.SetQuotaConfiguration(quota.Configuration(nil, time.Now))
	}
}

// schemas tells CEL plugins the schema of every kind, built-in or custom.
type schemas struct {
	definitions common.GetOpenAPIDefinitions
	client      kubernetes.Interface
}

// Initialize implements admission.PluginInitializer.
func (s schemas) Initialize(plugin admission.Interface) {
	if wants, ok := plugin.(initializer.WantsSchemaResolver); ok {
		discovered := &resolver.ClientDiscoveryResolver{Discovery: s.client.Discovery()}
		wants.SetSchemaResolver(resolver.NewDefinitionsSchemaResolver(s.definitions, scheme.External).Combine(discovered))
	}
}
