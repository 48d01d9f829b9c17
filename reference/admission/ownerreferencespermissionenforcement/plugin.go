// Package ownerreferencespermissionenforcement lets only those change the owners of an object who may
// delete it, and only those block an owner's deletion who may set the owner's finalizers.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#ownerreferencespermissionenforcement
package ownerreferencespermissionenforcement

import (
	"context"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "OwnerReferencesPermissionEnforcement"

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin judges changes of metadata.ownerReferences, of every kind.
type Plugin struct {
	*admission.Handler
	authz  authorizer.Authorizer
	mapper meta.RESTMapper
}

var (
	_ admission.ValidationInterface = &Plugin{}
	_ initializer.WantsAuthorizer   = &Plugin{}
	_ initializer.WantsRESTMapper   = &Plugin{}
)

// New returns the plugin; the initializers give it the authorizer and the kinds of the API.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Create, admission.Update)} }

func (p *Plugin) SetAuthorizer(authz authorizer.Authorizer) { p.authz = authz }

func (p *Plugin) SetRESTMapper(mapper meta.RESTMapper) { p.mapper = mapper }

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.authz == nil || p.mapper == nil {
		return fmt.Errorf("%s plugin needs an authorizer and a REST mapper", PluginName)
	}
	return nil
}

// Validate asks for the permissions. A kubelet that writes a pod's status needs none: it cannot
// change metadata there.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().GroupResource() == (schema.GroupResource{Resource: "pods"}) && a.GetSubresource() == "status" {
		return nil
	}
	now, old := owners(a.GetObject()), owners(a.GetOldObject())
	if equality.Semantic.DeepEqual(now, old) {
		return nil
	}
	gvr := a.GetResource()
	decision, reason, err := p.authz.Authorize(ctx, authorizer.AttributesRecord{
		User: a.GetUserInfo(), Verb: "delete", Namespace: a.GetNamespace(), Name: a.GetName(), ResourceRequest: true,
		APIGroup: gvr.Group, APIVersion: gvr.Version, Resource: gvr.Resource, Subresource: a.GetSubresource(),
	})
	if decision != authorizer.DecisionAllow {
		return admission.NewForbidden(a, fmt.Errorf("cannot set an ownerRef on a resource you can't delete: %v, %v", reason, err))
	}
	for _, ref := range blocking(now, old) {
		if err := p.mayBlock(ctx, a, ref); err != nil {
			return admission.NewForbidden(a, err)
		}
	}
	return nil
}

// mayBlock asks for leave to update the finalizers of the owner, in every resource that its kind may be.
func (p *Plugin) mayBlock(ctx context.Context, a admission.Attributes, ref metav1.OwnerReference) error {
	records, err := p.finalizers(ref, a.GetUserInfo(), a.GetNamespace())
	if err != nil {
		return fmt.Errorf("cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion %v Kind %v: %w", ref.APIVersion, ref.Kind, err)
	}
	for _, record := range records {
		decision, reason, err := p.authz.Authorize(ctx, record)
		if decision != authorizer.DecisionAllow {
			return fmt.Errorf("cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: %v, %v", reason, err)
		}
	}
	return nil
}

func (p *Plugin) finalizers(ref metav1.OwnerReference, who user.Info, namespace string) ([]authorizer.AttributesRecord, error) {
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return nil, err
	}
	mappings, err := p.mapper.RESTMappings(schema.GroupKind{Group: gv.Group, Kind: ref.Kind}, gv.Version)
	if err != nil {
		return nil, err
	}
	var records []authorizer.AttributesRecord
	for _, m := range mappings {
		r := authorizer.AttributesRecord{User: who, Verb: "update", Name: ref.Name, ResourceRequest: true,
			APIGroup: m.Resource.Group, APIVersion: m.Resource.Version, Resource: m.Resource.Resource, Subresource: "finalizers"}
		if m.Scope.Name() == meta.RESTScopeNameNamespace {
			r.Namespace = namespace
		}
		records = append(records, r)
	}
	return records, nil
}

// owners are those of the object, none for what has no metadata.
func owners(obj runtime.Object) []metav1.OwnerReference {
	if obj == nil {
		return nil
	}
	m, err := meta.Accessor(obj)
	if err != nil {
		return nil
	}
	return m.GetOwnerReferences()
}

// blocking are the owners among now whose deletion is blocked, and was not before.
func blocking(now, old []metav1.OwnerReference) []metav1.OwnerReference {
	before := map[types.UID]bool{}
	for _, ref := range old {
		before[ref.UID] = ptr.Deref(ref.BlockOwnerDeletion, false)
	}
	var added []metav1.OwnerReference
	for _, ref := range now {
		if ptr.Deref(ref.BlockOwnerDeletion, false) && !before[ref.UID] {
			added = append(added, ref)
		}
	}
	return added
}
