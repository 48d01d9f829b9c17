package bootstrap

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const aggregateTo = "rbac.authorization.k8s.io/aggregate-to-"

// userRoles are the roles for people: cluster-admin, admin, edit and view, and what any
// authenticated or anonymous user may do.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
func userRoles() []rbacv1.ClusterRole {
	all := []rbacv1.ClusterRole{
		clusterRole("cluster-admin", can("*", "*", "*"), rbacv1.PolicyRule{Verbs: []string{"*"}, NonResourceURLs: []string{"*"}}),
		clusterRole("system:discovery", canGet("/livez /readyz /healthz /version /version/ /openapi /openapi/* /api /api/* /apis /apis/*")),
		clusterRole("system:public-info-viewer", canGet("/livez /readyz /healthz /version /version/")),
		clusterRole("system:monitoring", canGet("/metrics /metrics/slis /livez /readyz /healthz /livez/* /readyz/* /healthz/*"), canGet("/flagz"), canGet("/statusz")),
		clusterRole("system:basic-user",
			can("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
			can("create", "authentication.k8s.io", "selfsubjectreviews")),
	}
	parts := []rbacv1.ClusterRole{
		labelled("system:aggregate-to-admin", "admin", adminRules()...),
		labelled("system:aggregate-to-edit", "edit", editRules()...),
		labelled("system:aggregate-to-view", "view", viewRules()...),
	}
	// view is part of edit and edit of admin: each is resolved before the next gathers it.
	view := aggregated("view", "edit", parts)
	edit := aggregated("edit", "admin", append(parts, view)) // by name, as the controller gathers them
	admin := aggregated("admin", "", append([]rbacv1.ClusterRole{edit}, parts...))
	return append(append(all, parts...), admin, edit, view)
}

func labelled(name, target string, rules ...rbacv1.PolicyRule) rbacv1.ClusterRole {
	r := clusterRole(name, rules...)
	r.Labels[aggregateTo+target] = "true"
	return r
}

// aggregated is the role whose rules are those of every role labelled for it. The rules are
// written in resolved, so that the role works before any controller aggregates it.
func aggregated(name, partOf string, from []rbacv1.ClusterRole) rbacv1.ClusterRole {
	r := clusterRole(name)
	if partOf != "" {
		r.Labels[aggregateTo+partOf] = "true"
	}
	label := map[string]string{aggregateTo + name: "true"}
	r.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{{MatchLabels: label}}}
	for _, part := range from {
		if part.Labels[aggregateTo+name] != "true" {
			continue
		}
		r.Rules = merge(r.Rules, part.Rules)
	}
	return r
}

func adminRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		can("create", "authorization.k8s.io", "localsubjectaccessreviews"),
		can(readWrite, "rbac.authorization.k8s.io", "roles rolebindings"),
	}
}

// editRules reads secrets and acts as the namespace's ServiceAccounts; roles stay out of reach.
func editRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		can(read, "core", "pods/attach pods/proxy pods/exec pods/portforward secrets services/proxy"),
		can("impersonate", "core", "serviceaccounts"),
		can(write, "core", "pods pods/attach pods/proxy pods/exec pods/portforward"),
		can("create", "core", "pods/eviction"),
		can(write, "core", "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy"),
		can("create", "core", "serviceaccounts/token"),
		can(write, "apps", "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale"),
		can(write, "autoscaling", "horizontalpodautoscalers"),
		can(write, "batch", "cronjobs jobs"),
		can(write, "extensions", "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale"),
		can(write, "policy", "poddisruptionbudgets"),
		can(write, "networking.k8s.io", "ingresses networkpolicies"),
		can(readWrite, "coordination.k8s.io", "leases"),
		can(write, "resource.k8s.io", "resourceclaims resourceclaimtemplates"),
	}
}

// viewRules leaves secrets out: who reads them can act as every ServiceAccount.
func viewRules() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		can(read, "core", "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status"),
		can(read, "core", "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status"),
		can(read, "core", "namespaces"),
		can(read, "discovery.k8s.io", "endpointslices"),
		can(read, "apps", "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status"),
		can(read, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
		can(read, "batch", "cronjobs cronjobs/status jobs jobs/status"),
		can(read, "extensions", "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale"),
		can(read, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
		can(read, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
		can(read, "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaimtemplates"),
	}
}
