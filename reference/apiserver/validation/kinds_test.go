package validation_test

import (
	"math/rand"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"pgregory.net/rapid"
	"sigs.k8s.io/randfill"

	v "github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// kind calls the rules of one kind on objects of any content.
type kind struct {
	name string
	run  func(fill func(any))
}

func rules[T any, P object[T]](name string, create func(*T) field.ErrorList, update ...func(o, old *T) field.ErrorList) kind {
	return kind{name, func(fill func(any)) {
		a, b := P(new(T)), P(new(T))
		fill(a)
		fill(b)
		for range 2 { // as it is, then defaulted
			create((*T)(a))
			for _, u := range update {
				u((*T)(a), (*T)(b))
				u((*T)(a), (*T)(a))
			}
			served.Default(a)
		}
	}}
}

var kinds = []kind{
	rules("Pod", v.Pod, v.PodUpdate, v.PodStatusUpdate, v.PodEphemeralContainersUpdate, v.PodResizeUpdate),
	rules("PodTemplate", v.PodTemplate, v.PodTemplateUpdate),
	rules("ReplicationController", v.ReplicationController, v.ReplicationControllerUpdate, v.ReplicationControllerStatusUpdate),
	rules("Service", v.Service, v.ServiceUpdate, v.ServiceStatusUpdate),
	rules("Endpoints", v.Endpoints, v.EndpointsUpdate),
	rules("Node", v.Node, v.NodeUpdate, v.NodeStatusUpdate),
	rules("Namespace", v.Namespace, v.NamespaceUpdate, v.NamespaceStatusUpdate, v.NamespaceFinalizeUpdate),
	rules("ConfigMap", v.ConfigMap, v.ConfigMapUpdate),
	rules("Secret", v.Secret, v.SecretUpdate),
	rules("ServiceAccount", v.ServiceAccount, v.ServiceAccountUpdate),
	rules("Event", eventOf(corev1.SchemeGroupVersion), eventUpdateOf(corev1.SchemeGroupVersion)),
	rules("Event of events.k8s.io", eventOf(eventsv1.SchemeGroupVersion), eventUpdateOf(eventsv1.SchemeGroupVersion)),
	rules("LimitRange", v.LimitRange, v.LimitRangeUpdate),
	rules("ResourceQuota", v.ResourceQuota, v.ResourceQuotaUpdate, v.ResourceQuotaStatusUpdate),
	rules("PersistentVolume", v.PersistentVolume, v.PersistentVolumeUpdate, v.PersistentVolumeStatusUpdate),
	rules("PersistentVolumeClaim", v.PersistentVolumeClaim, v.PersistentVolumeClaimUpdate, v.PersistentVolumeClaimStatusUpdate),
	rules("Binding", v.Binding),
	rules("ReplicaSet", v.ReplicaSet, v.ReplicaSetUpdate, v.ReplicaSetStatusUpdate),
	rules("Deployment", v.Deployment, v.DeploymentUpdate, v.DeploymentStatusUpdate),
	rules("StatefulSet", v.StatefulSet, v.StatefulSetUpdate, v.StatefulSetStatusUpdate),
	rules("DaemonSet", v.DaemonSet, v.DaemonSetUpdate, v.DaemonSetStatusUpdate),
	rules("ControllerRevision", v.ControllerRevision, v.ControllerRevisionUpdate),
	rules("Job", v.Job, v.JobUpdate, v.JobStatusUpdate),
	rules("CronJob", v.CronJob, v.CronJobUpdate, v.CronJobStatusUpdate),
	rules("Scale", v.Scale),
	rules("HorizontalPodAutoscaler", v.HorizontalPodAutoscaler, v.HorizontalPodAutoscalerUpdate, v.HorizontalPodAutoscalerStatusUpdate),
	rules("Role", v.Role, v.RoleUpdate),
	rules("RoleBinding", v.RoleBinding, v.RoleBindingUpdate),
	rules("ClusterRole", v.ClusterRole, v.ClusterRoleUpdate),
	rules("ClusterRoleBinding", v.ClusterRoleBinding, v.ClusterRoleBindingUpdate),
	rules("Lease", v.Lease, v.LeaseUpdate),
	rules("EndpointSlice", v.EndpointSlice, v.EndpointSliceUpdate),
	rules("NetworkPolicy", v.NetworkPolicy, v.NetworkPolicyUpdate),
	rules("Ingress", v.Ingress, v.IngressUpdate, v.IngressStatusUpdate),
	rules("IngressClass", v.IngressClass, v.IngressClassUpdate),
	rules("IPAddress", v.IPAddress, v.IPAddressUpdate),
	rules("ServiceCIDR", v.ServiceCIDR, v.ServiceCIDRUpdate, v.ServiceCIDRStatusUpdate),
	rules("PodDisruptionBudget", v.PodDisruptionBudget, v.PodDisruptionBudgetUpdate, v.PodDisruptionBudgetStatusUpdate),
	rules("StorageClass", v.StorageClass, v.StorageClassUpdate),
	rules("VolumeAttachment", v.VolumeAttachment, v.VolumeAttachmentUpdate, v.VolumeAttachmentStatusUpdate),
	rules("CSIDriver", v.CSIDriver, v.CSIDriverUpdate),
	rules("CSINode", v.CSINode, v.CSINodeUpdate),
	rules("CSIStorageCapacity", v.CSIStorageCapacity, v.CSIStorageCapacityUpdate),
	rules("VolumeAttributesClass", v.VolumeAttributesClass, v.VolumeAttributesClassUpdate),
	rules("PriorityClass", v.PriorityClass, v.PriorityClassUpdate),
	rules("RuntimeClass", v.RuntimeClass, v.RuntimeClassUpdate),
	rules("CertificateSigningRequest", v.CertificateSigningRequest, v.CertificateSigningRequestUpdate,
		v.CertificateSigningRequestStatusUpdate, v.CertificateSigningRequestApprovalUpdate),
	rules("FlowSchema", v.FlowSchema, v.FlowSchemaUpdate, v.FlowSchemaStatusUpdate),
	rules("PriorityLevelConfiguration", v.PriorityLevelConfiguration, v.PriorityLevelConfigurationUpdate, v.PriorityLevelConfigurationStatusUpdate),
	rules("ValidatingWebhookConfiguration", v.ValidatingWebhookConfiguration, v.ValidatingWebhookConfigurationUpdate),
	rules("MutatingWebhookConfiguration", v.MutatingWebhookConfiguration, v.MutatingWebhookConfigurationUpdate),
	rules("ValidatingAdmissionPolicy", v.ValidatingAdmissionPolicy, v.ValidatingAdmissionPolicyUpdate, v.ValidatingAdmissionPolicyStatusUpdate),
	rules("ValidatingAdmissionPolicyBinding", v.ValidatingAdmissionPolicyBinding, v.ValidatingAdmissionPolicyBindingUpdate),
	rules("MutatingAdmissionPolicy", v.MutatingAdmissionPolicy, v.MutatingAdmissionPolicyUpdate),
	rules("MutatingAdmissionPolicyBinding", v.MutatingAdmissionPolicyBinding, v.MutatingAdmissionPolicyBindingUpdate),
}

// TestNothingPanics feeds every rule objects of random content, sparse and dense.
func TestNothingPanics(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				seed := rapid.Int64().Draw(t, "seed")
				absent := rapid.Float64Range(0, 1).Draw(t, "absent")
				k.run(func(o any) { filler(seed, absent).Fill(o) })
			})
		})
	}
}

func filler(seed int64, absent float64) *randfill.Filler {
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{
			func(q *resource.Quantity, c randfill.Continue) {
				*q = *resource.NewMilliQuantity(c.Int63n(1<<40)-1<<39, resource.DecimalSI)
			},
			func(i *intstr.IntOrString, c randfill.Continue) {
				*i = intstr.IntOrString{Type: intstr.Type(c.Intn(3)), IntVal: c.Int31() - 1<<30, StrVal: c.String(8)}
			},
			func(r *runtime.RawExtension, c randfill.Continue) { r.Raw = []byte(c.String(8)) },
		}
	})
	return fuzzer.FuzzerFor(funcs, rand.NewSource(seed), serializer.NewCodecFactory(served)).NilChance(absent).NumElements(0, 2)
}
