// Package schedulingv1alpha3 holds what the validation tags of k8s.io/api/scheduling/v1alpha3 say: batch/v1 Jobs embed
// some of its types. Its own kinds are not served.
//
// +k8s:validation-gen=TypesWithSuffix=WorkloadPodGroupSchedulingPolicy
// +k8s:validation-gen-input=k8s.io/api/scheduling/v1alpha3
// +k8s:validation-gen-scheme-registry=nil
package schedulingv1alpha3
