package scheme

import (
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// fieldLabels lists, beside metadata.name and metadata.namespace, the fields that a field selector
// may name, by kind. See the documentation, "Field Selectors: Supported fields".
var fieldLabels = map[schema.GroupVersionKind][]string{
	corev1.SchemeGroupVersion.WithKind("Pod"): {
		"spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
		"status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
	},
	corev1.SchemeGroupVersion.WithKind("Event"): {
		"involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
		"involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
		"reason", "reportingComponent", "source", "type",
	},
	eventsv1.SchemeGroupVersion.WithKind("Event"): {
		"regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid",
		"regarding.apiVersion", "regarding.resourceVersion", "regarding.fieldPath",
		"reason", "reportingController", "type",
	},
	corev1.SchemeGroupVersion.WithKind("Node"):                              {"spec.unschedulable"},
	corev1.SchemeGroupVersion.WithKind("Secret"):                            {"type"},
	corev1.SchemeGroupVersion.WithKind("Namespace"):                         {"status.phase"},
	corev1.SchemeGroupVersion.WithKind("Service"):                           {"spec.clusterIP", "spec.type"},
	corev1.SchemeGroupVersion.WithKind("ReplicationController"):             {"status.replicas"},
	appsv1.SchemeGroupVersion.WithKind("ReplicaSet"):                        {"status.replicas"},
	batchv1.SchemeGroupVersion.WithKind("Job"):                              {"status.successful"},
	certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"): {"spec.signerName"},
	certificatesv1.SchemeGroupVersion.WithKind("ClusterTrustBundle"):        {"spec.signerName"},
	certificatesv1.SchemeGroupVersion.WithKind("PodCertificateRequest"):     {"spec.signerName", "spec.podName", "spec.nodeName"},
	resourcev1.SchemeGroupVersion.WithKind("ResourceSlice"): {
		resourcev1.ResourceSliceSelectorNodeName, resourcev1.ResourceSliceSelectorDriver, resourcev1.ResourceSliceSelectorPoolName,
	},
}

// eventFields gives events.k8s.io's names their names in the stored core event.
var eventFields = map[string]string{
	"regarding.kind": "involvedObject.kind", "regarding.namespace": "involvedObject.namespace",
	"regarding.name": "involvedObject.name", "regarding.uid": "involvedObject.uid",
	"regarding.apiVersion": "involvedObject.apiVersion", "regarding.resourceVersion": "involvedObject.resourceVersion",
	"regarding.fieldPath": "involvedObject.fieldPath", "reportingController": "reportingComponent",
}

func addFieldLabels(s *runtime.Scheme) error {
	for gvk, labels := range fieldLabels {
		known := append([]string{"metadata.name", "metadata.namespace"}, labels...)
		err := s.AddFieldLabelConversionFunc(gvk, func(label, value string) (string, string, error) {
			if !slices.Contains(known, label) {
				return "", "", fmt.Errorf("field label not supported: %s", label)
			}
			if stored, ok := eventFields[label]; ok {
				label = stored
			}
			return label, value, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
