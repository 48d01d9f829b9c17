// Package noderestriction limits what kubelets write: their own Node, its labels and taints, the pods
// bound to them, and the tokens of those.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
package noderestriction

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	corelisters "k8s.io/client-go/listers/core/v1"
	storagelisters "k8s.io/client-go/listers/storage/v1"

	"github.com/etalon-dev/etalon/reference/auth/node"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "NodeRestriction"

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin refuses; it changes nothing. It runs with the mutating plugins, so that a kubelet is told what
// is wrong with what it sent.
type Plugin struct {
	*admission.Handler
	pods       corelisters.PodLister
	nodes      corelisters.NodeLister
	claims     corelisters.PersistentVolumeClaimLister
	volumes    corelisters.PersistentVolumeLister
	drivers    storagelisters.CSIDriverLister
	authorizer authorizer.Authorizer
}

var (
	_ admission.MutationInterface                  = &Plugin{}
	_ initializer.WantsExternalKubeInformerFactory = &Plugin{}
	_ initializer.WantsAuthorizer                  = &Plugin{}
)

// New returns the plugin; the initializers give it informers and the authorizer.
func New() *Plugin {
	return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update, admission.Delete)}
}

// SetExternalKubeInformerFactory implements initializer.WantsExternalKubeInformerFactory.
func (p *Plugin) SetExternalKubeInformerFactory(f informers.SharedInformerFactory) {
	core := f.Core().V1()
	p.pods, p.nodes = core.Pods().Lister(), core.Nodes().Lister()
	p.claims, p.volumes = core.PersistentVolumeClaims().Lister(), core.PersistentVolumes().Lister()
	p.drivers = f.Storage().V1().CSIDrivers().Lister()
	synced := []func() bool{core.Pods().Informer().HasSynced, core.Nodes().Informer().HasSynced, core.PersistentVolumeClaims().Informer().HasSynced,
		core.PersistentVolumes().Informer().HasSynced, f.Storage().V1().CSIDrivers().Informer().HasSynced}
	p.SetReadyFunc(func() bool {
		return !slices.ContainsFunc(synced, func(done func() bool) bool { return !done() })
	})
}

// SetAuthorizer implements initializer.WantsAuthorizer.
func (p *Plugin) SetAuthorizer(z authorizer.Authorizer) { p.authorizer = z }

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.pods == nil || p.nodes == nil || p.claims == nil || p.volumes == nil || p.drivers == nil {
		return fmt.Errorf("%s needs listers", PluginName)
	}
	if p.authorizer == nil {
		return fmt.Errorf("%s needs an authorizer", PluginName)
	}
	return nil
}

// write is a request of a node to write something. The checks say what is wrong with it.
type write struct {
	admission.Attributes
	p    *Plugin
	node string
}

// checks are by resource; what a node may write of other resources is for the authorizer alone.
var checks = map[schema.GroupResource]func(write) error{
	{Resource: "pods"}:                                        write.pod,
	{Resource: "nodes"}:                                       write.ownNode,
	{Resource: "persistentvolumeclaims"}:                      write.claim,
	{Resource: "serviceaccounts"}:                             write.token,
	{Group: "coordination.k8s.io", Resource: "leases"}:        write.lease,
	{Group: "storage.k8s.io", Resource: "csinodes"}:           write.csiNode,
	{Group: "resource.k8s.io", Resource: "resourceslices"}:    write.slice,
	{Group: "certificates.k8s.io", Resource: csrs}:            write.signingRequest,
	{Group: "certificates.k8s.io", Resource: podCertificates}: write.podCertificate,
}

// Admit refuses what a node may not write.
func (p *Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	name, isNode := node.Identity(a.GetUserInfo())
	if !isNode {
		return nil
	}
	if name == "" {
		return admission.NewForbidden(a, fmt.Errorf("could not determine node from user %q", a.GetUserInfo().GetName()))
	}
	check, ok := checks[a.GetResource().GroupResource()]
	if !ok {
		return nil
	}
	if !p.WaitForReady() {
		return admission.NewForbidden(a, fmt.Errorf("not yet ready to handle request"))
	}
	err := check(write{a, p, name})
	if passed := (asIs{}); err == nil || errors.As(err, &passed) {
		return passed.error
	}
	return admission.NewForbidden(a, err)
}

// asIs is an error to return without saying that the request is forbidden: an object is not there, or
// of a type that the API server itself got wrong.
type asIs struct{ error }

func (w write) unexpectedType() error {
	return asIs{fmt.Errorf("unexpected type %T", w.GetObject())}
}

func (w write) unexpectedOperation() error {
	return fmt.Errorf("unexpected operation %q", w.GetOperation())
}
