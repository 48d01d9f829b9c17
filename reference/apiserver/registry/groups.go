// Package registry assembles the built-in resources into API groups.
//
// Each resource is declared in a small file of its group's package; package generic makes storage of
// the declarations.
package registry

import (
	"context"
	"net/netip"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	storagemigrationv1 "k8s.io/api/storagemigration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	apigeneric "k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/admissionregistration"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/apps"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/autoscaling"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/batch"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/certificates"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/coordination"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/core"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/discovery"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/flowcontrol"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/networking"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/node"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/policy"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/rbac"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/resource"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/scheduling"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/storage"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/storagemigration"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// REST is the storage of a resource.
type REST = generic.REST

// Config is what the resources need to know of the cluster.
type Config struct {
	Getter apigeneric.RESTOptionsGetter
	// ServiceRanges are the ranges of cluster IPs: one, or one of each family, the default one first.
	ServiceRanges []netip.Prefix
	// NodePortMin and NodePortMax are both in the range.
	NodePortMin, NodePortMax int
	// Authorizer says who may grant what they do not hold (the verbs escalate and bind); nil: nobody.
	Authorizer authorizer.UnconditionalAuthorizer
}

// Built is every group, and the resources that the server itself reads.
type Built struct {
	Core   *genericapiserver.APIGroupInfo
	Groups []*genericapiserver.APIGroupInfo

	Pods, Nodes, Namespaces, Services, Endpoints, Secrets, ConfigMaps, ServiceAccounts, Events *REST

	// RepairServices makes the records of cluster IPs and node ports agree with the Services stored.
	// Run it at start and every few minutes: it tells of what it mends, and it is safe beside requests
	// and on several servers.
	RepairServices func(context.Context, core.Tell) error
}

// Groups builds the storage of every built-in resource. Subresources that reach kubelets, issue tokens
// or review requests are for others to add to the groups' VersionedResourcesStorageMap.
func Groups(cfg Config) (*Built, error) {
	b := &builder{getter: cfg.Getter}
	network := b.resources(&networking.Ingresses, &networking.IngressClasses, &networking.NetworkPolicies, &networking.IPAddresses, &networking.ServiceCIDRs)
	policies := b.resources(&policy.PodDisruptionBudgets)
	if b.err != nil {
		return nil, b.err
	}
	basics, err := core.Install(core.Config{
		Getter: cfg.Getter, ServiceRanges: cfg.ServiceRanges, NodePorts: allocator.PortRange{Min: cfg.NodePortMin, Max: cfg.NodePortMax},
		IPAddresses: network["ipaddresses"].(*REST), ServiceCIDRs: network["servicecidrs"].(*REST),
		PodDisruptionBudgets: policies["poddisruptionbudgets"].(*REST),
	})
	if err != nil {
		return nil, err
	}
	scalers := b.resources(&autoscaling.HorizontalPodAutoscalers)
	built := &Built{
		Core: group(basics.Map, corev1.SchemeGroupVersion),
		Groups: []*genericapiserver.APIGroupInfo{
			group(b.checked(apps.Install(cfg.Getter)), appsv1.SchemeGroupVersion),
			group(b.resources(&batch.Jobs, &batch.CronJobs), batchv1.SchemeGroupVersion),
			group(scalers, autoscalingv2.SchemeGroupVersion, autoscalingv1.SchemeGroupVersion),
			group(network, networkingv1.SchemeGroupVersion),
			group(policies, policyv1.SchemeGroupVersion),
			group(b.checked(rbac.Install(cfg.Getter, cfg.Authorizer)), rbacv1.SchemeGroupVersion),
			group(b.resources(&coordination.Leases), coordinationv1.SchemeGroupVersion),
			group(b.resources(&discovery.EndpointSlices), discoveryv1.SchemeGroupVersion),
			group(map[string]rest.Storage{"events": basics.Map["events"]}, eventsv1.SchemeGroupVersion),
			group(b.resources(&storage.StorageClasses, &storage.VolumeAttributesClasses, &storage.VolumeAttachments,
				&storage.CSIDrivers, &storage.CSINodes, &storage.CSIStorageCapacities), storagev1.SchemeGroupVersion),
			group(b.resources(&scheduling.PriorityClasses), schedulingv1.SchemeGroupVersion),
			group(b.resources(&node.RuntimeClasses), nodev1.SchemeGroupVersion),
			group(b.checked(certificates.Install(cfg.Getter)), certificatesv1.SchemeGroupVersion),
			group(b.resources(&admissionregistration.ValidatingWebhookConfigurations, &admissionregistration.MutatingWebhookConfigurations,
				&admissionregistration.ValidatingAdmissionPolicies, &admissionregistration.ValidatingAdmissionPolicyBindings,
				&admissionregistration.MutatingAdmissionPolicies, &admissionregistration.MutatingAdmissionPolicyBindings), admissionregistrationv1.SchemeGroupVersion),
			group(b.resources(&resource.DeviceClasses, &resource.ResourceClaims, &resource.ResourceClaimTemplates, &resource.ResourceSlices,
				&resource.DeviceTaintRules), resourcev1.SchemeGroupVersion),
			group(b.resources(&storagemigration.StorageVersionMigrations), storagemigrationv1.SchemeGroupVersion),
			group(b.resources(&flowcontrol.FlowSchemas, &flowcontrol.PriorityLevelConfigurations), flowcontrolv1.SchemeGroupVersion),
		},
		Pods: basics.REST("pods"), Nodes: basics.REST("nodes"), Namespaces: basics.REST("namespaces"),
		Services: basics.REST("services"), Endpoints: basics.REST("endpoints"), Secrets: basics.REST("secrets"),
		ConfigMaps: basics.REST("configmaps"), ServiceAccounts: basics.REST("serviceaccounts"), Events: basics.REST("events"),
		RepairServices: basics.RepairServices,
	}
	return built, b.err
}

// builder installs resources and remembers the first error.
type builder struct {
	getter apigeneric.RESTOptionsGetter
	err    error
}

func (b *builder) resources(resources ...generic.Installer) map[string]rest.Storage {
	m := map[string]rest.Storage{}
	return b.checked(m, generic.Install(m, b.getter, resources...))
}

func (b *builder) checked(m map[string]rest.Storage, err error) map[string]rest.Storage {
	if b.err == nil {
		b.err = err
	}
	return m
}

// group serves the resources in m under each of the versions, which are of one group.
func group(m map[string]rest.Storage, versions ...schema.GroupVersion) *genericapiserver.APIGroupInfo {
	info := genericapiserver.NewDefaultAPIGroupInfo(versions[0].Group, scheme.Scheme, scheme.ParameterCodec, scheme.Codecs)
	for _, v := range versions {
		info.VersionedResourcesStorageMap[v.Version] = m
	}
	return &info
}
