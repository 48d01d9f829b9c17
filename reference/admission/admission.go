// Package admission lists the admission plugins of the API server, ours and the library's.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/
package admission

import (
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle"
	mutatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	validatingpolicy "k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/resourcequota"
	mutatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/mutating"
	validatingwebhook "k8s.io/apiserver/pkg/admission/plugin/webhook/validating"

	"github.com/etalon-dev/etalon/reference/admission/certificateapproval"
	"github.com/etalon-dev/etalon/reference/admission/certificatesigning"
	"github.com/etalon-dev/etalon/reference/admission/certificatesubjectrestriction"
	"github.com/etalon-dev/etalon/reference/admission/clustertrustbundleattest"
	"github.com/etalon-dev/etalon/reference/admission/defaultingressclass"
	"github.com/etalon-dev/etalon/reference/admission/defaultstorageclass"
	"github.com/etalon-dev/etalon/reference/admission/defaulttolerationseconds"
	"github.com/etalon-dev/etalon/reference/admission/denyserviceexternalips"
	"github.com/etalon-dev/etalon/reference/admission/extendedresourcetoleration"
	"github.com/etalon-dev/etalon/reference/admission/limitpodhardantiaffinitytopology"
	"github.com/etalon-dev/etalon/reference/admission/limitranger"
	"github.com/etalon-dev/etalon/reference/admission/noderestriction"
	"github.com/etalon-dev/etalon/reference/admission/ownerreferencespermissionenforcement"
	"github.com/etalon-dev/etalon/reference/admission/persistentvolumeclaimresize"
	"github.com/etalon-dev/etalon/reference/admission/podsecurity"
	"github.com/etalon-dev/etalon/reference/admission/podtopologylabels"
	"github.com/etalon-dev/etalon/reference/admission/priority"
	"github.com/etalon-dev/etalon/reference/admission/runtimeclass"
	"github.com/etalon-dev/etalon/reference/admission/serviceaccount"
	"github.com/etalon-dev/etalon/reference/admission/storageobjectinuseprotection"
	"github.com/etalon-dev/etalon/reference/admission/taintnodesbycondition"
)

// plugin is one line of the list below.
type plugin struct {
	name     string
	on       bool                     // without flags, as kube-apiserver has it
	register func(*admission.Plugins) // nil: k8s.io/apiserver registers it itself
}

const (
	on  = true
	off = false
)

// all is in the order in which plugins see a request, which is kube-apiserver's. What we fill in
// comes first, so that policies and webhooks judge the object as it will be stored; quota comes
// last, for it counts only what everyone else let pass.
var all = []plugin{
	{lifecycle.PluginName, on, nil},
	{limitpodhardantiaffinitytopology.PluginName, off, limitpodhardantiaffinitytopology.Register},
	{limitranger.PluginName, on, limitranger.Register},
	{serviceaccount.PluginName, on, serviceaccount.Register},
	{noderestriction.PluginName, off, noderestriction.Register},
	{taintnodesbycondition.PluginName, on, taintnodesbycondition.Register},
	{podsecurity.PluginName, on, podsecurity.Register},
	{priority.PluginName, on, priority.Register},
	{defaulttolerationseconds.PluginName, on, defaulttolerationseconds.Register},
	{extendedresourcetoleration.PluginName, off, extendedresourcetoleration.Register},
	{storageobjectinuseprotection.PluginName, on, storageobjectinuseprotection.Register},
	{ownerreferencespermissionenforcement.PluginName, off, ownerreferencespermissionenforcement.Register},
	{persistentvolumeclaimresize.PluginName, on, persistentvolumeclaimresize.Register},
	{runtimeclass.PluginName, on, runtimeclass.Register},
	{certificateapproval.PluginName, on, certificateapproval.Register},
	{certificatesigning.PluginName, on, certificatesigning.Register},
	{clustertrustbundleattest.PluginName, on, clustertrustbundleattest.Register},
	{certificatesubjectrestriction.PluginName, on, certificatesubjectrestriction.Register},
	{defaultstorageclass.PluginName, on, defaultstorageclass.Register},
	{defaultingressclass.PluginName, on, defaultingressclass.Register},
	{denyserviceexternalips.PluginName, off, denyserviceexternalips.Register},
	{podtopologylabels.PluginName, on, podtopologylabels.Register},
	{mutatingpolicy.PluginName, on, nil},
	{mutatingwebhook.PluginName, on, nil},
	{validatingpolicy.PluginName, on, nil},
	{validatingwebhook.PluginName, on, nil},
	{resourcequota.PluginName, on, resourcequota.Register},
}

// Order names every plugin, in the order in which they see a request.
func Order() []string {
	names := make([]string, 0, len(all))
	for _, p := range all {
		names = append(names, p.name)
	}
	return names
}

// DefaultOff are the plugins that run only when --enable-admission-plugins names them.
func DefaultOff() sets.Set[string] {
	names := sets.New[string]()
	for _, p := range all {
		if !p.on {
			names.Insert(p.name)
		}
	}
	return names
}

// Register adds our plugins; those of k8s.io/apiserver register themselves.
func Register(plugins *admission.Plugins) {
	for _, p := range all {
		if p.register != nil {
			p.register(plugins)
		}
	}
}
