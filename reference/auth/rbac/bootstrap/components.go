package bootstrap

import rbacv1 "k8s.io/api/rbac/v1"

// componentRoles are the roles of the cluster's own parts and of what commonly joins it.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#core-component-roles
func componentRoles() []rbacv1.ClusterRole {
	return []rbacv1.ClusterRole{
		clusterRole("system:node", NodeRules()...),
		clusterRole("system:kube-scheduler", schedulerRules()...),
		clusterRole("system:kube-controller-manager", controllerManagerRules()...),
		clusterRole("system:node-proxier",
			can("list watch", "core", "services endpoints"),
			can(read, "core", "nodes"),
			events,
			can("list watch", "discovery.k8s.io", "endpointslices"),
			can("list watch", "networking.k8s.io", "servicecidrs")),
		clusterRole("system:kubelet-api-admin",
			can(read, "core", "nodes"),
			can("proxy", "core", "nodes"),
			can("*", "core", "nodes/log nodes/metrics nodes/proxy nodes/stats"),
			can("*", "core", "nodes/configz nodes/healthz nodes/pods")),
		clusterRole("system:service-account-issuer-discovery", canGet("/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/")),
		clusterRole("system:cluster-trust-bundle-discovery", can(read, "certificates.k8s.io", "clustertrustbundles")),
		clusterRole("system:node-problem-detector", can("get", "core", "nodes"), can("patch", "core", "nodes/status"), events),
		clusterRole("system:node-bootstrapper", can("create get list watch", "certificates.k8s.io", "certificatesigningrequests")),
		clusterRole("system:auth-delegator",
			can("create", "authentication.k8s.io", "tokenreviews"),
			can("create", "authorization.k8s.io", "subjectaccessreviews")),
		clusterRole("system:kube-aggregator", can(read, "core", "services endpoints")),
		clusterRole("system:kube-dns", can("list watch", "core", "endpoints services")),
		clusterRole("system:heapster", can(read, "core", "events pods nodes namespaces"), can(read, "extensions", "deployments")),
		clusterRole("system:persistent-volume-provisioner",
			can("create delete get list watch", "core", "persistentvolumes"),
			can("get list update watch", "core", "persistentvolumeclaims"),
			can(read, "storage.k8s.io", "storageclasses"),
			can("watch", "core", "events"), events),
		clusterRole("system:volume-scheduler",
			can(readPatch, "core", "persistentvolumes"),
			can(read, "storage.k8s.io", "storageclasses"),
			can(readPatch, "core", "persistentvolumeclaims")),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:nodeclient", can("create", "certificates.k8s.io", "certificatesigningrequests/nodeclient")),
		clusterRole("system:certificates.k8s.io:certificatesigningrequests:selfnodeclient", can("create", "certificates.k8s.io", "certificatesigningrequests/selfnodeclient")),
		clusterRole("system:certificates.k8s.io:legacy-unknown-approver", can("approve", "certificates.k8s.io", "signers", "kubernetes.io/legacy-unknown")),
		clusterRole("system:certificates.k8s.io:kubelet-serving-approver", can("approve", "certificates.k8s.io", "signers", "kubernetes.io/kubelet-serving")),
		clusterRole("system:certificates.k8s.io:kube-apiserver-client-approver", can("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client")),
		clusterRole("system:certificates.k8s.io:kube-apiserver-client-kubelet-approver", can("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet")),
	}
}

// NodeRules are the rules of system:node, what the Node authorizer measures kubelets by; it narrows most of them to what the
// node's own pods need (see reference/auth/node).
func NodeRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		can("create", "authentication.k8s.io", "tokenreviews"),
		can("create", "authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews"),
		can(read, "core", "services"),
		can("create get list watch", "core", "nodes"),
		can("patch update", "core", "nodes/status"),
		can("patch update", "core", "nodes"),
		can("create patch update", "core", "events"),
		can(read, "core", "pods"),
		can("create delete", "core", "pods"),
		can("patch update", "core", "pods/status"),
		can("create", "core", "pods/eviction"),
		can(read, "core", "configmaps secrets"),
		can("get", "core", "persistentvolumeclaims persistentvolumes"),
		can("get patch update", "core", "persistentvolumeclaims/status"),
		can("get", "core", "endpoints"),
		can("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
		can("create", "core", "serviceaccounts/token"),
		can("get", "core", "serviceaccounts"),
		can("create delete get patch update", "coordination.k8s.io", "leases"),
		can("get", "storage.k8s.io", "volumeattachments"),
		can(read, "storage.k8s.io", "csidrivers"),
		can("create delete get patch update", "storage.k8s.io", "csinodes"),
		can(read, "node.k8s.io", "runtimeclasses"),
		can("get", "resource.k8s.io", "resourceclaims"),
		can("deletecollection", "resource.k8s.io", "resourceslices"),
		can(read, "certificates.k8s.io", "clustertrustbundles"),
	}
}

func schedulerRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		events,
		can("create", "coordination.k8s.io", "leases"),
		can("get list update watch", "coordination.k8s.io", "leases", "kube-scheduler"),
		can(readWrite, "coordination.k8s.io", "leasecandidates"),
		can(read, "core", "nodes"),
		can("delete get list watch", "core", "pods"),
		can("create", "core", "bindings pods/binding"),
		can("patch update", "core", "pods/status"),
		can(read, "core", "replicationcontrollers services"),
		can(read, "apps extensions", "replicasets"),
		can(read, "apps", "statefulsets"),
		can(read, "policy", "poddisruptionbudgets"),
		can(read, "core", "persistentvolumeclaims persistentvolumes"), // writes: system:volume-scheduler
		can("create", "authentication.k8s.io", "tokenreviews"),
		can("create", "authorization.k8s.io", "subjectaccessreviews"),
		can(read, "storage.k8s.io", "csinodes"),
		can(read, "storage.k8s.io", "volumeattachments"),
		can(read, "core", "namespaces"),
		can(read, "storage.k8s.io", "csidrivers"),
		can(read, "storage.k8s.io", "csistoragecapacities"),
		can(read, "resource.k8s.io", "deviceclasses"),
		can(readPatch, "resource.k8s.io", "resourceclaims"),
		can(readPatch, "resource.k8s.io", "resourceclaims/status"),
		can("patch update", "resource.k8s.io", "resourceclaims/binding"),
		can(readPatch, "core", "pods/finalizers"),
		can(read, "resource.k8s.io", "resourceslices"),
		can(read, "resource.k8s.io", "devicetaintrules"),
	}
}

// controllerManagerRules is what the process needs itself. What each controller does is in its
// system:controller:* role (see controllers.go).
func controllerManagerRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		events,
		can("create", "coordination.k8s.io", "leases"),
		can("get update", "coordination.k8s.io", "leases", "kube-controller-manager"),
		can("create", "core", "secrets serviceaccounts"),
		can("delete", "core", "secrets"),
		can("get", "core", "configmaps namespaces secrets serviceaccounts"),
		can("update", "core", "secrets serviceaccounts"),
		can("create", "authentication.k8s.io", "tokenreviews"),
		can("create", "authorization.k8s.io", "subjectaccessreviews"),
		can("list watch", "*", "*"), // garbage collection, quota and namespaces see every kind
		can("create", "core", "serviceaccounts/token"),
	}
}
