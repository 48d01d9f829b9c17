// Package bootstrap holds the roles and bindings that a cluster is born with, and keeps them.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
package bootstrap

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	identity "k8s.io/apiserver/pkg/authentication/user"
)

const (
	userControllers = "system:kube-controller-manager"
	userScheduler   = "system:kube-scheduler"
	userProxy       = "system:kube-proxy"
	// userAPIServer is the API server towards kubelets.
	userAPIServer = "kube-apiserver-kubelet-client"
)

// Policy is every default object, ready to be written in this order: roles first.
type Policy struct {
	ClusterRoles        []rbacv1.ClusterRole
	ClusterRoleBindings []rbacv1.ClusterRoleBinding
	Roles               []rbacv1.Role
	RoleBindings        []rbacv1.RoleBinding
}

// Default returns a fresh copy of the default policy. Roles and RoleBindings lie in the
// namespaces kube-system and kube-public, which must exist.
func Default() Policy {
	return Policy{
		ClusterRoles:        append(append(userRoles(), componentRoles()...), controllerRoles()...),
		ClusterRoleBindings: append(clusterBindings(), controllerBindings()...),
		Roles:               roles(),
		RoleBindings:        roleBindings(),
	}
}

func clusterBindings() []rbacv1.ClusterRoleBinding {
	return []rbacv1.ClusterRoleBinding{
		clusterBinding("cluster-admin", group(identity.SystemPrivilegedGroup)),
		clusterBinding("system:monitoring", group(identity.MonitoringGroup)),
		clusterBinding("system:discovery", group(identity.AllAuthenticated)),
		clusterBinding("system:basic-user", group(identity.AllAuthenticated)),
		clusterBinding("system:public-info-viewer", group(identity.AllAuthenticated), group(identity.AllUnauthenticated)),
		clusterBinding("system:service-account-issuer-discovery", group("system:serviceaccounts")),
		clusterBinding("system:cluster-trust-bundle-discovery", group("system:serviceaccounts")),
		clusterBinding("system:node-proxier", user(userProxy)),
		clusterBinding("system:kube-controller-manager", user(userControllers)),
		clusterBinding("system:kube-scheduler", user(userScheduler)),
		clusterBinding("system:volume-scheduler", user(userScheduler)),
		clusterBinding("system:kube-dns", account("kube-dns")),
		// Nobody: the Node authorizer lets a kubelet see only what belongs to its own pods. An
		// administrator may add the group system:nodes where there is no Node authorizer.
		clusterBinding("system:node"),
		// Installers do this upstream: our own API server's certificate is not in system:masters.
		clusterBinding("system:kubelet-api-admin", user(userAPIServer)),
	}
}

func roles() []rbacv1.Role {
	const system, public = metav1.NamespaceSystem, metav1.NamespacePublic
	return []rbacv1.Role{
		role(system, "extension-apiserver-authentication-reader", can(read, "core", "configmaps", "extension-apiserver-authentication")),
		role(system, controllerPrefix+"bootstrap-signer", can(read, "core", "secrets")),
		role(system, controllerPrefix+"cloud-provider", can("create get list watch", "core", "configmaps")),
		role(system, controllerPrefix+"token-cleaner", can("delete get list watch", "core", "secrets"), events),
		role(system, "system::leader-locking-kube-controller-manager",
			can("create get list update watch", "coordination.k8s.io", "leases"), can("create get list update watch", "coordination.k8s.io", "leasecandidates")),
		role(system, "system::leader-locking-kube-scheduler",
			can("create get list update watch", "coordination.k8s.io", "leases"), can("create get list update watch", "coordination.k8s.io", "leasecandidates")),
		role(public, controllerPrefix+"bootstrap-signer",
			can(read, "core", "configmaps"), can("update", "core", "configmaps", "cluster-info"), events),
	}
}

func roleBindings() []rbacv1.RoleBinding {
	const system, public = metav1.NamespaceSystem, metav1.NamespacePublic
	self := func(namespace, name string, who ...rbacv1.Subject) rbacv1.RoleBinding {
		return binding(namespace, name, name, who...)
	}
	return []rbacv1.RoleBinding{
		binding(system, "system::extension-apiserver-authentication-reader", "extension-apiserver-authentication-reader", user(userControllers), user(userScheduler)),
		self(system, controllerPrefix+"bootstrap-signer", account("bootstrap-signer")),
		self(system, controllerPrefix+"cloud-provider", account("cloud-provider")),
		self(system, controllerPrefix+"token-cleaner", account("token-cleaner")),
		self(system, "system::leader-locking-kube-controller-manager", user(userControllers), account("kube-controller-manager"), account("leader-election-controller")),
		self(system, "system::leader-locking-kube-scheduler", user(userScheduler), account("kube-scheduler")),
		self(public, controllerPrefix+"bootstrap-signer", account("bootstrap-signer")),
	}
}
