// Package admission lists the admission plugins of the API server, ours and the library's.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
package admission

import (
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"

	"github.com/etalon-dev/etalon/reference/admission/defaulttolerationseconds"
	"github.com/etalon-dev/etalon/reference/admission/priority"
	"github.com/etalon-dev/etalon/reference/admission/serviceaccount"
)

// Order is the order in which plugins see a request. What we fill in comes first, so that
// policies and webhooks judge the object as it will be stored.
var Order = []string{
	lifecycle.PluginName,
	serviceaccount.PluginName,
	priority.PluginName,
	defaulttolerationseconds.PluginName,
	mutatingpolicy.PluginName,
	mutatingwebhook.PluginName,
	validatingpolicy.PluginName,
	validatingwebhook.PluginName,
}

// Register adds our plugins; those of k8s.io/apiserver in Order register themselves.
func Register(plugins *admission.Plugins) {
	serviceaccount.Register(plugins)
	priority.Register(plugins)
	defaulttolerationseconds.Register(plugins)
}
