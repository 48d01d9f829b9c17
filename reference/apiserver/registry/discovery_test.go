package registry_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/rest"
)

// What discovery says of every built-in resource: kind, scope (N: in namespaces), verbs, short names, categories.
// A resource that is served and not here, or the other way round, fails the test.
const (
	full   = "create,delete,deletecollection,get,list,patch,update,watch"
	single = "create,delete,get,list,patch,update,watch" // there is no request for all of them at once
	status = "get,patch,update"
)

var discovered = map[string]string{
	"v1/bindings":                      "N Binding create",
	"v1/componentstatuses":             "- ComponentStatus get,list cs",
	"v1/configmaps":                    "N ConfigMap " + full + " cm",
	"v1/endpoints":                     "N Endpoints " + full + " ep",
	"v1/events":                        "N Event " + full + " ev",
	"v1/limitranges":                   "N LimitRange " + full + " limits",
	"v1/namespaces":                    "- Namespace " + single + " ns",
	"v1/namespaces/finalize":           "- Namespace update",
	"v1/namespaces/status":             "- Namespace " + status,
	"v1/nodes":                         "- Node " + full + " no",
	"v1/nodes/proxy":                   "- NodeProxyOptions create,delete,get,patch,update",
	"v1/nodes/status":                  "- Node " + status,
	"v1/persistentvolumeclaims":        "N PersistentVolumeClaim " + full + " pvc",
	"v1/persistentvolumeclaims/status": "N PersistentVolumeClaim " + status,
	"v1/persistentvolumes":             "- PersistentVolume " + full + " pv",
	"v1/persistentvolumes/status":      "- PersistentVolume " + status,
	"v1/pods":                          "N Pod " + full + " po all",
	"v1/pods/attach":                   "N PodAttachOptions create,get",
	"v1/pods/binding":                  "N Binding create",
	"v1/pods/ephemeralcontainers":      "N Pod " + status,
	"v1/pods/eviction":                 "N policy/v1.Eviction create",
	"v1/pods/exec":                     "N PodExecOptions create,get",
	"v1/pods/log":                      "N Pod get",
	"v1/pods/portforward":              "N PodPortForwardOptions create,get",
	"v1/pods/proxy":                    "N PodProxyOptions create,delete,get,patch,update",
	"v1/pods/resize":                   "N Pod " + status,
	"v1/pods/status":                   "N Pod " + status,
	"v1/podtemplates":                  "N PodTemplate " + full,
	"v1/replicationcontrollers":        "N ReplicationController " + full + " rc all",
	"v1/replicationcontrollers/scale":  "N autoscaling/v1.Scale " + status,
	"v1/replicationcontrollers/status": "N ReplicationController " + status,
	"v1/resourcequotas":                "N ResourceQuota " + full + " quota",
	"v1/resourcequotas/status":         "N ResourceQuota " + status,
	"v1/secrets":                       "N Secret " + full,
	"v1/serviceaccounts":               "N ServiceAccount " + full + " sa",
	"v1/serviceaccounts/token":         "N authentication.k8s.io/v1.TokenRequest create",
	"v1/services":                      "N Service " + full + " svc all",
	"v1/services/proxy":                "N ServiceProxyOptions create,delete,get,patch,update",
	"v1/services/status":               "N Service " + status,

	"admissionregistration.k8s.io/v1/mutatingadmissionpolicies":          "- MutatingAdmissionPolicy " + full + " - api-extensions",
	"admissionregistration.k8s.io/v1/mutatingadmissionpolicybindings":    "- MutatingAdmissionPolicyBinding " + full + " - api-extensions",
	"admissionregistration.k8s.io/v1/mutatingwebhookconfigurations":      "- MutatingWebhookConfiguration " + full + " - api-extensions",
	"admissionregistration.k8s.io/v1/validatingadmissionpolicies":        "- ValidatingAdmissionPolicy " + full + " - api-extensions",
	"admissionregistration.k8s.io/v1/validatingadmissionpolicies/status": "- ValidatingAdmissionPolicy " + status,
	"admissionregistration.k8s.io/v1/validatingadmissionpolicybindings":  "- ValidatingAdmissionPolicyBinding " + full + " - api-extensions",
	"admissionregistration.k8s.io/v1/validatingwebhookconfigurations":    "- ValidatingWebhookConfiguration " + full + " - api-extensions",

	"apiextensions.k8s.io/v1/customresourcedefinitions":        "- CustomResourceDefinition " + full + " crd,crds api-extensions",
	"apiextensions.k8s.io/v1/customresourcedefinitions/status": "- CustomResourceDefinition " + status,
	"apiregistration.k8s.io/v1/apiservices":                    "- APIService " + full + " - api-extensions",
	"apiregistration.k8s.io/v1/apiservices/status":             "- APIService " + status,

	"apps/v1/controllerrevisions": "N ControllerRevision " + full,
	"apps/v1/daemonsets":          "N DaemonSet " + full + " ds all",
	"apps/v1/daemonsets/status":   "N DaemonSet " + status,
	"apps/v1/deployments":         "N Deployment " + full + " deploy all",
	"apps/v1/deployments/scale":   "N autoscaling/v1.Scale " + status,
	"apps/v1/deployments/status":  "N Deployment " + status,
	"apps/v1/replicasets":         "N ReplicaSet " + full + " rs all",
	"apps/v1/replicasets/scale":   "N autoscaling/v1.Scale " + status,
	"apps/v1/replicasets/status":  "N ReplicaSet " + status,
	"apps/v1/statefulsets":        "N StatefulSet " + full + " sts all",
	"apps/v1/statefulsets/scale":  "N autoscaling/v1.Scale " + status,
	"apps/v1/statefulsets/status": "N StatefulSet " + status,

	"authentication.k8s.io/v1/selfsubjectreviews":       "- SelfSubjectReview create",
	"authentication.k8s.io/v1/tokenreviews":             "- TokenReview create",
	"authorization.k8s.io/v1/localsubjectaccessreviews": "N LocalSubjectAccessReview create",
	"authorization.k8s.io/v1/selfsubjectaccessreviews":  "- SelfSubjectAccessReview create",
	"authorization.k8s.io/v1/selfsubjectrulesreviews":   "- SelfSubjectRulesReview create",
	"authorization.k8s.io/v1/subjectaccessreviews":      "- SubjectAccessReview create",

	"autoscaling/v1/horizontalpodautoscalers":        "N HorizontalPodAutoscaler " + full + " hpa all",
	"autoscaling/v1/horizontalpodautoscalers/status": "N HorizontalPodAutoscaler " + status,
	"autoscaling/v2/horizontalpodautoscalers":        "N HorizontalPodAutoscaler " + full + " hpa all",
	"autoscaling/v2/horizontalpodautoscalers/status": "N HorizontalPodAutoscaler " + status,

	"batch/v1/cronjobs":        "N CronJob " + full + " cj all",
	"batch/v1/cronjobs/status": "N CronJob " + status,
	"batch/v1/jobs":            "N Job " + full + " - all",
	"batch/v1/jobs/status":     "N Job " + status,

	"certificates.k8s.io/v1/certificatesigningrequests":          "- CertificateSigningRequest " + full + " csr",
	"certificates.k8s.io/v1/certificatesigningrequests/approval": "- CertificateSigningRequest " + status,
	"certificates.k8s.io/v1/certificatesigningrequests/status":   "- CertificateSigningRequest " + status,
	"certificates.k8s.io/v1/clustertrustbundles":                 "- ClusterTrustBundle " + full,
	"certificates.k8s.io/v1/podcertificaterequests":              "N PodCertificateRequest " + full,
	"certificates.k8s.io/v1/podcertificaterequests/status":       "N PodCertificateRequest " + status,

	"coordination.k8s.io/v1/leases":      "N Lease " + full,
	"discovery.k8s.io/v1/endpointslices": "N EndpointSlice " + full,
	"events.k8s.io/v1/events":            "N Event " + full + " ev",

	"flowcontrol.apiserver.k8s.io/v1/flowschemas":                        "- FlowSchema " + full,
	"flowcontrol.apiserver.k8s.io/v1/flowschemas/status":                 "- FlowSchema " + status,
	"flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations":        "- PriorityLevelConfiguration " + full,
	"flowcontrol.apiserver.k8s.io/v1/prioritylevelconfigurations/status": "- PriorityLevelConfiguration " + status,

	"metrics.k8s.io/v1beta1/nodes": "- NodeMetrics get,list",
	"metrics.k8s.io/v1beta1/pods":  "N PodMetrics get,list",

	"networking.k8s.io/v1/ingressclasses":      "- IngressClass " + full,
	"networking.k8s.io/v1/ingresses":           "N Ingress " + full + " ing",
	"networking.k8s.io/v1/ingresses/status":    "N Ingress " + status,
	"networking.k8s.io/v1/ipaddresses":         "- IPAddress " + full + " ip",
	"networking.k8s.io/v1/networkpolicies":     "N NetworkPolicy " + full + " netpol",
	"networking.k8s.io/v1/servicecidrs":        "- ServiceCIDR " + full,
	"networking.k8s.io/v1/servicecidrs/status": "- ServiceCIDR " + status,

	"node.k8s.io/v1/runtimeclasses":         "- RuntimeClass " + full,
	"policy/v1/poddisruptionbudgets":        "N PodDisruptionBudget " + full + " pdb",
	"policy/v1/poddisruptionbudgets/status": "N PodDisruptionBudget " + status,

	"rbac.authorization.k8s.io/v1/clusterrolebindings": "- ClusterRoleBinding " + full,
	"rbac.authorization.k8s.io/v1/clusterroles":        "- ClusterRole " + full,
	"rbac.authorization.k8s.io/v1/rolebindings":        "N RoleBinding " + full,
	"rbac.authorization.k8s.io/v1/roles":               "N Role " + full,

	"resource.k8s.io/v1/deviceclasses":           "- DeviceClass " + full,
	"resource.k8s.io/v1/devicetaintrules":        "- DeviceTaintRule " + full,
	"resource.k8s.io/v1/devicetaintrules/status": "- DeviceTaintRule " + status,
	"resource.k8s.io/v1/resourceclaims":          "N ResourceClaim " + full,
	"resource.k8s.io/v1/resourceclaims/status":   "N ResourceClaim " + status,
	"resource.k8s.io/v1/resourceclaimtemplates":  "N ResourceClaimTemplate " + full,
	"resource.k8s.io/v1/resourceslices":          "- ResourceSlice " + full,

	"scheduling.k8s.io/v1/priorityclasses":       "- PriorityClass " + full + " pc",
	"storage.k8s.io/v1/csidrivers":               "- CSIDriver " + full,
	"storage.k8s.io/v1/csinodes":                 "- CSINode " + full,
	"storage.k8s.io/v1/csistoragecapacities":     "N CSIStorageCapacity " + full,
	"storage.k8s.io/v1/storageclasses":           "- StorageClass " + full + " sc",
	"storage.k8s.io/v1/volumeattachments":        "- VolumeAttachment " + full,
	"storage.k8s.io/v1/volumeattachments/status": "- VolumeAttachment " + status,
	"storage.k8s.io/v1/volumeattributesclasses":  "- VolumeAttributesClass " + full + " vac",

	"storagemigration.k8s.io/v1/storageversionmigrations":        "- StorageVersionMigration " + full,
	"storagemigration.k8s.io/v1/storageversionmigrations/status": "- StorageVersionMigration " + status,
}

func testDiscovery(t *testing.T, config *rest.Config) {
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	client.UseLegacyDiscovery = true // the aggregated kind leaves the hashes out
	_, lists, err := client.ServerGroupsAndResources()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	hashes := map[string]string{}
	for _, list := range lists {
		for _, r := range list.APIResources {
			name := list.GroupVersion + "/" + r.Name
			got[name] = described(r, list.GroupVersion)
			hashes[name] = r.StorageVersionHash
			if singular := strings.ToLower(r.Kind); !strings.Contains(r.Name, "/") && r.SingularName != singular && !strings.HasPrefix(name, "metrics.k8s.io/") {
				t.Errorf("%s: singular %q, want %q", name, r.SingularName, singular)
			}
		}
	}
	for name, want := range discovered {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if discovered[name] == "" {
			t.Errorf("%s is served: %s", name, got[name])
		}
	}
	// As kube-apiserver says for the same stored versions.
	for name, want := range map[string]string{
		"v1/pods": "xPOwRZ+Yhw8=", "v1/configmaps": "qFsyl6wFWjQ=", "v1/namespaces": "Q3oi5N2YM8M=", "v1/services": "0/CO1lhkEBI=",
		"apps/v1/deployments": "8aSe+NMegvE=", "events.k8s.io/v1/events": "r2yiGXH7wu8=", "batch/v1/jobs": "mudhfqk/qZY=",
		"apiextensions.k8s.io/v1/customresourcedefinitions": "M5uH+AlWATY=", "apiregistration.k8s.io/v1/apiservices": "InPBPD7+PqM=",
		"v1/pods/status": "", "v1/bindings": "",
	} {
		if hashes[name] != want {
			t.Errorf("storage version hash of %s: %q, want %q", name, hashes[name], want)
		}
	}
}

// described is a resource in the notation of discovered.
func described(r metav1.APIResource, gv string) string {
	scope, kind := "-", r.Kind
	if r.Namespaced {
		scope = "N"
	}
	if r.Version != "" && (metav1.GroupVersion{Group: r.Group, Version: r.Version}).String() != gv {
		kind = (metav1.GroupVersion{Group: r.Group, Version: r.Version}).String() + "." + kind
	}
	parts := []string{scope, kind, strings.Join(slices.Sorted(slices.Values(r.Verbs)), ",")}
	if short := strings.Join(slices.Sorted(slices.Values(r.ShortNames)), ","); short != "" {
		parts = append(parts, short)
	} else if len(r.Categories) > 0 {
		parts = append(parts, "-")
	}
	if len(r.Categories) > 0 {
		parts = append(parts, strings.Join(slices.Sorted(slices.Values(r.Categories)), ","))
	}
	return strings.Join(parts, " ")
}
