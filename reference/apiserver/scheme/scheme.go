// Package scheme registers every API type that the API server serves.
//
// There is one Go type per kind, the published k8s.io/api v1 type: it is the wire, the storage and
// the in-memory ("internal") version at once. Each v1 type is registered a second time under its
// group's __internal version, and conversion between the two is the identity.
package scheme

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/etalon-dev/etalon/reference/apiserver/connect"
	"github.com/etalon-dev/etalon/reference/apiserver/defaults"
)

var (
	// External knows the published versions only. The OpenAPI definition namer uses it, so that
	// no "__internal" name leaks into /openapi.
	External = runtime.NewScheme()
	// Scheme knows the published versions and the hubs; serving and storage use it.
	Scheme = runtime.NewScheme()
	// Codecs encode and decode by Scheme.
	Codecs = serializer.NewCodecFactory(Scheme)
	// ParameterCodec decodes query parameters (ListOptions, PodLogOptions, …).
	ParameterCodec = runtime.NewParameterCodec(Scheme)
)

// group is an API group: the version whose Go types are also its internal version, and how to add them.
type group struct {
	hub schema.GroupVersion
	add func(*runtime.Scheme) error
}

var groups = []group{
	{corev1.SchemeGroupVersion, corev1.AddToScheme},
	{admissionregistrationv1.SchemeGroupVersion, admissionregistrationv1.AddToScheme},
	{appsv1.SchemeGroupVersion, appsv1.AddToScheme},
	{authenticationv1.SchemeGroupVersion, authenticationv1.AddToScheme},
	{authorizationv1.SchemeGroupVersion, authorizationv1.AddToScheme},
	{autoscalingv2.SchemeGroupVersion, autoscalingv2.AddToScheme},
	{batchv1.SchemeGroupVersion, batchv1.AddToScheme},
	{certificatesv1.SchemeGroupVersion, certificatesv1.AddToScheme},
	{coordinationv1.SchemeGroupVersion, coordinationv1.AddToScheme},
	{discoveryv1.SchemeGroupVersion, discoveryv1.AddToScheme},
	{flowcontrolv1.SchemeGroupVersion, flowcontrolv1.AddToScheme},
	{metricsv1beta1.SchemeGroupVersion, metricsv1beta1.AddToScheme},
	{networkingv1.SchemeGroupVersion, networkingv1.AddToScheme},
	{nodev1.SchemeGroupVersion, nodev1.AddToScheme},
	{policyv1.SchemeGroupVersion, policyv1.AddToScheme},
	{rbacv1.SchemeGroupVersion, rbacv1.AddToScheme},
	{resourcev1.SchemeGroupVersion, resourcev1.AddToScheme},
	{schedulingv1.SchemeGroupVersion, schedulingv1.AddToScheme},
	{storagev1.SchemeGroupVersion, storagev1.AddToScheme},
	{storagemigrationv1.SchemeGroupVersion, storagemigrationv1.AddToScheme},
}

// spokes are further served versions; conversion.go turns them into the hub's type and back.
var spokes = []func(*runtime.Scheme) error{autoscalingv1.AddToScheme, eventsv1.AddToScheme}

func init() {
	must := utilruntime.Must
	for _, s := range []*runtime.Scheme{External, Scheme} {
		metav1.AddToGroupVersion(s, schema.GroupVersion{Version: "v1"})
		for _, g := range groups {
			must(g.add(s))
		}
		for _, add := range spokes {
			must(add(s))
		}
	}
	for _, g := range groups {
		registerHub(Scheme, g.hub)
	}
	// core Event is the hub of events.k8s.io; autoscaling/v1 Scale is the one Scale.
	addInternal(Scheme, eventsv1.GroupName, &corev1.Event{}, &corev1.EventList{})
	addInternal(Scheme, autoscalingv1.GroupName, &autoscalingv1.Scale{})
	must(Scheme.SetVersionPriority(autoscalingv2.SchemeGroupVersion, autoscalingv1.SchemeGroupVersion))

	addIdentityConversions(Scheme)
	must(addEventConversions(Scheme))
	must(addAutoscalingConversions(Scheme))
	must(addFieldLabels(Scheme))
	must(connect.AddConversions(Scheme))
	defaults.Register(Scheme)
}

// StorageVersion returns the version in which objects of a group are stored.
func StorageVersion(groupName string) schema.GroupVersion {
	switch groupName {
	case "":
		return corev1.SchemeGroupVersion
	case autoscalingv2.GroupName:
		return autoscalingv2.SchemeGroupVersion
	default:
		return schema.GroupVersion{Group: groupName, Version: "v1"}
	}
}
