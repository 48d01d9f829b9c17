package controllers

import rbacv1 "k8s.io/api/rbac/v1"

// Rules are the permissions that the controllers need, all together: they run as
// one user, system:kube-controller-manager. The bootstrap role of that user must
// cover them.
var Rules = []rbacv1.PolicyRule{
	// The garbage collector and the namespace controller deal with every kind.
	allow("*", "*", "get", "list", "watch", "patch", "update", "delete", "deletecollection"),
	{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/api/*", "/apis", "/apis/*"}},

	// What the other controllers write, in so far as the first rule does not cover
	// it, and what it would have to be replaced by if those two ran as a user of
	// their own.
	allow("", "namespaces/status", "update"),
	allow("", "namespaces/finalize", "update"),
	allow("", "serviceaccounts", "create"),
	allow("", "secrets", "update", "delete", "patch"),
	allow("", "configmaps", "create"),
	allow("", "pods", "create"),
	allow("", "pods/status", "update"),
	allow("", "nodes/status", "update"),
	allow("", "replicationcontrollers/status", "update"),
	allow("", "resourcequotas/status", "update"),
	// Owner references with blockOwnerDeletion ask for leave to update the
	// owner's finalizers, where that is enforced.
	allow("", "replicationcontrollers/finalizers", "update"),
	allow("apps", "replicasets/finalizers", "update"),
	allow("apps", "deployments/finalizers", "update"),
	allow("", "services/finalizers", "update"),
	allow("apps", "replicasets", "create"),
	allow("apps", "replicasets/status", "update"),
	allow("apps", "deployments/status", "update"),
	allow("", "endpoints", "create"),
	allow("", "endpoints/restricted", "create"),
	allow("discovery.k8s.io", "endpointslices", "create"),
	allow("networking.k8s.io", "servicecidrs/status", "update"),
	allow("", "events", "create", "patch", "update"),
	allow("events.k8s.io", "events", "create", "patch", "update"),
	allow("rbac.authorization.k8s.io", "clusterroles", "escalate"),
	allow("certificates.k8s.io", "certificatesigningrequests/approval", "update"),
	allow("certificates.k8s.io", "certificatesigningrequests/status", "update"),
	allowNamed("certificates.k8s.io", "signers", []string{"kubernetes.io/kube-apiserver-client-kubelet"}, "approve"),
	allowNamed("certificates.k8s.io", "signers", []string{
		"kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving", "kubernetes.io/legacy-unknown"}, "sign"),
	allow("authorization.k8s.io", "subjectaccessreviews", "create"),
	allow("coordination.k8s.io", "leases", "create", "get", "update"),
}

func allow(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: verbs, APIGroups: []string{group}, Resources: []string{resource}}
}

func allowNamed(group, resource string, names []string, verbs ...string) rbacv1.PolicyRule {
	rule := allow(group, resource, verbs...)
	rule.ResourceNames = names
	return rule
}
