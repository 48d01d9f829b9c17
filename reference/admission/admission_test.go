package admission

import (
	"slices"
	"testing"

	"k8s.io/apiserver/pkg/server/options"
)

// documented is kube-apiserver's order: that of --enable-admission-plugins' documentation is the
// alphabet, this one is what requests go through.
var documented = []string{
	"AlwaysAdmit", "NamespaceAutoProvision", "NamespaceLifecycle", "NamespaceExists", "LimitPodHardAntiAffinityTopology",
	"LimitRanger", "ServiceAccount", "NodeRestriction", "TaintNodesByCondition", "AlwaysPullImages", "ImagePolicyWebhook",
	"PodSecurity", "PodNodeSelector", "Priority", "DefaultTolerationSeconds", "PodTolerationRestriction", "EventRateLimit",
	"ExtendedResourceToleration", "StorageObjectInUseProtection", "OwnerReferencesPermissionEnforcement",
	"PersistentVolumeClaimResize", "RuntimeClass", "CertificateApproval", "CertificateSigning", "ClusterTrustBundleAttest",
	"CertificateSubjectRestriction", "DefaultStorageClass", "DefaultIngressClass", "DenyServiceExternalIPs",
	"PodTopologyLabels", "MutatingAdmissionPolicy", "MutatingAdmissionWebhook", "ValidatingAdmissionPolicy",
	"ValidatingAdmissionWebhook", "ResourceQuota", "AlwaysDeny",
}

// documentedOn are the plugins that run without any flag.
var documentedOn = []string{
	"CertificateApproval", "CertificateSigning", "CertificateSubjectRestriction", "ClusterTrustBundleAttest",
	"DefaultIngressClass", "DefaultStorageClass", "DefaultTolerationSeconds", "LimitRanger", "MutatingAdmissionPolicy",
	"MutatingAdmissionWebhook", "NamespaceLifecycle", "PersistentVolumeClaimResize", "PodSecurity", "PodTopologyLabels",
	"Priority", "ResourceQuota", "RuntimeClass", "ServiceAccount", "StorageObjectInUseProtection", "TaintNodesByCondition",
	"ValidatingAdmissionPolicy", "ValidatingAdmissionWebhook",
}

// TestOrderIsComplete: the library refuses to start unless order and registration agree.
func TestOrderIsComplete(t *testing.T) {
	o := options.NewAdmissionOptions()
	Register(o.Plugins)
	want := o.Plugins.Registered()
	got := slices.Sorted(slices.Values(Order()))
	if !slices.Equal(got, want) {
		t.Errorf("Order has %v, registered are %v", got, want)
	}
}

func TestOrderIsTheDocumentedOne(t *testing.T) {
	at := -1
	for _, name := range Order() {
		i := slices.Index(documented, name)
		if i <= at {
			t.Errorf("%s is out of order, or unknown", name)
		}
		at = i
	}
	for _, name := range Order() {
		if got, want := !DefaultOff().Has(name), slices.Contains(documentedOn, name); got != want {
			t.Errorf("%s is on by default: %t, wanted %t", name, got, want)
		}
	}
}
