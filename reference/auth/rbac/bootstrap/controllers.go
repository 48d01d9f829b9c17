package bootstrap

import rbacv1 "k8s.io/api/rbac/v1"

const controllerPrefix = "system:controller:"

// controller is a role for one control loop, named for its ServiceAccount in kube-system.
type controller struct {
	name  string
	rules []rbacv1.PolicyRule
}

// controllers lists what each control loop does to the API, and nothing more.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#controller-roles
func controllers() []controller {
	return []controller{
		{"attachdetach-controller", []rbacv1.PolicyRule{
			can("list watch", "core", "persistentvolumes persistentvolumeclaims"), can(read, "core", "nodes"), can("patch update", "core", "nodes/status"),
			can("list watch", "core", "pods"), events, can("create delete get list watch", "storage.k8s.io", "volumeattachments"),
			can(read, "storage.k8s.io", "csidrivers csinodes")}},
		{"certificate-controller", []rbacv1.PolicyRule{
			can("delete get list watch", "certificates.k8s.io", "certificatesigningrequests"),
			can("update", "certificates.k8s.io", "certificatesigningrequests/approval certificatesigningrequests/status"),
			can("approve", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client-kubelet"),
			can("sign", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-client", "kubernetes.io/kube-apiserver-client-kubelet", "kubernetes.io/kubelet-serving", "kubernetes.io/legacy-unknown"),
			can("create", "authorization.k8s.io", "subjectaccessreviews"), events}},
		{"clusterrole-aggregation-controller", []rbacv1.PolicyRule{can("escalate get list patch update watch", "rbac.authorization.k8s.io", "clusterroles")}},
		{"cronjob-controller", []rbacv1.PolicyRule{
			can("get list update watch", "batch", "cronjobs"), can("create delete get list patch update watch", "batch", "jobs"),
			can("update", "batch", "cronjobs/status cronjobs/finalizers"), can("delete list watch", "core", "pods"), events}},
		{"daemon-set-controller", []rbacv1.PolicyRule{
			can(read, "apps extensions", "daemonsets"), can("update", "apps extensions", "daemonsets/status daemonsets/finalizers"),
			can("list watch", "core", "nodes"), can("create delete list patch watch", "core", "pods"), can("create", "core", "pods/binding"),
			can("create delete get list patch update watch", "apps", "controllerrevisions"), events}},
		{"deployment-controller", []rbacv1.PolicyRule{
			can("get list update watch", "apps extensions", "deployments"), can("update", "apps extensions", "deployments/status deployments/finalizers"),
			can("create delete get list patch update watch", "apps extensions", "replicasets"), can("get list update watch", "core", "pods"), events}},
		{"device-taint-eviction-controller", []rbacv1.PolicyRule{
			can("delete get list watch", "core", "pods"), can("patch update", "core", "pods/status"),
			can(read, "resource.k8s.io", "deviceclasses devicetaintrules resourceclaims resourceslices"), can("patch update", "resource.k8s.io", "devicetaintrules/status"), events}},
		{"disruption-controller", []rbacv1.PolicyRule{
			can(read, "apps extensions", "deployments replicasets"), can(read, "core", "replicationcontrollers"), can(read, "policy", "poddisruptionbudgets"), can(read, "apps", "statefulsets"),
			can("update", "policy", "poddisruptionbudgets/status"), can("patch update", "core", "pods/status"), can("get", "*", "*/scale"), events}},
		{"endpoint-controller", []rbacv1.PolicyRule{
			can(read, "core", "pods services"), can("create delete get list update watch", "core", "endpoints"), can("create", "core", "endpoints/restricted"), events}},
		{"endpointslice-controller", []rbacv1.PolicyRule{
			can(read, "core", "nodes pods services"), can("update", "core", "services/finalizers"),
			can("create delete get list update watch", "discovery.k8s.io", "endpointslices"), events}},
		{"endpointslicemirroring-controller", []rbacv1.PolicyRule{
			can(read, "core", "endpoints services"), can("update", "core", "services/finalizers endpoints/finalizers"),
			can("create delete get list update watch", "discovery.k8s.io", "endpointslices"), events}},
		{"ephemeral-volume-controller", []rbacv1.PolicyRule{
			can("update", "core", "pods/finalizers"), can(read, "core", "pods"), can("create get list watch", "core", "persistentvolumeclaims"), events}},
		{"expand-controller", []rbacv1.PolicyRule{
			can(readPatch, "core", "persistentvolumes"), can("patch update", "core", "persistentvolumeclaims/status"), can(read, "core", "persistentvolumeclaims"),
			events}},
		{"generic-garbage-collector", []rbacv1.PolicyRule{can("delete get list patch update watch", "*", "*"), events}},
		{"horizontal-pod-autoscaler", []rbacv1.PolicyRule{
			can(read, "autoscaling", "horizontalpodautoscalers"), can("update", "autoscaling", "horizontalpodautoscalers/status"), can("get update", "*", "*/scale"),
			can("list watch", "core", "pods"), can("list watch", "metrics.k8s.io", "pods"), can(read, "custom.metrics.k8s.io", "*"), can(read, "external.metrics.k8s.io", "*"), events}},
		{"job-controller", []rbacv1.PolicyRule{
			can(readPatch, "batch", "jobs"), can("update", "batch", "jobs/status jobs/finalizers"), can("create delete list patch watch", "core", "pods"), events}},
		{"kube-apiserver-serving-clustertrustbundle-publisher", []rbacv1.PolicyRule{
			can("attest", "certificates.k8s.io", "signers", "kubernetes.io/kube-apiserver-serving"), can("create delete list update watch", "certificates.k8s.io", "clustertrustbundles"), events}},
		{"legacy-service-account-token-cleaner", []rbacv1.PolicyRule{
			can("get", "core", "configmaps", "kube-apiserver-legacy-service-account-token-tracking"), can("delete patch", "core", "secrets")}},
		{"namespace-controller", []rbacv1.PolicyRule{
			can("delete get list watch", "core", "namespaces"), can("update", "core", "namespaces/finalize namespaces/status"), can("delete deletecollection get list watch", "*", "*")}},
		{"node-controller", []rbacv1.PolicyRule{
			can("delete get list patch update watch", "core", "nodes"), can("patch update", "core", "nodes/status"), can("patch update", "core", "pods/status"),
			can("delete get list watch", "core", "pods"), can(read, "coordination.k8s.io", "leases"), events}},
		{"persistent-volume-binder", []rbacv1.PolicyRule{
			can("create delete get list update watch", "core", "persistentvolumes"), can("update", "core", "persistentvolumes/status"), can("get list update watch", "core", "persistentvolumeclaims"),
			can("update", "core", "persistentvolumeclaims/status"), can("create delete get list watch", "core", "pods"), can(read, "storage.k8s.io", "storageclasses"),
			can("list watch", "core", "nodes"), can("watch", "core", "events"), events}},
		{"pod-garbage-collector", []rbacv1.PolicyRule{can("delete list watch", "core", "pods"), can(read, "core", "nodes"), can("patch", "core", "pods/status")}},
		{"podcertificaterequestcleaner", []rbacv1.PolicyRule{can("delete get list watch", "certificates.k8s.io", "podcertificaterequests")}},
		{"pv-protection-controller", []rbacv1.PolicyRule{can("get list update watch", "core", "persistentvolumes"), events}},
		{"pvc-protection-controller", []rbacv1.PolicyRule{can("get list update watch", "core", "persistentvolumeclaims"), can(read, "core", "pods"), can("update", "core", "persistentvolumeclaims/status"), events}},
		{"replicaset-controller", []rbacv1.PolicyRule{
			can("get list update watch", "apps extensions", "replicasets"), can("update", "apps extensions", "replicasets/status replicasets/finalizers"),
			can("create delete list patch watch", "core", "pods"), events}},
		{"replication-controller", []rbacv1.PolicyRule{
			can("get list update watch", "core", "replicationcontrollers"), can("update", "core", "replicationcontrollers/status replicationcontrollers/finalizers"),
			can("create delete list patch watch", "core", "pods"), events}},
		{"resource-claim-controller", []rbacv1.PolicyRule{
			can("update", "core", "pods/finalizers"), can(read, "core", "pods"), can("create delete get list watch", "resource.k8s.io", "resourceclaims"),
			can("patch update", "resource.k8s.io", "resourceclaims resourceclaims/status resourceclaims/binding"), can("patch update", "core", "pods/status"), events}},
		{"resourcequota-controller", []rbacv1.PolicyRule{can("list watch", "*", "*"), can("update", "core", "resourcequotas/status"), events}},
		{"root-ca-cert-publisher", []rbacv1.PolicyRule{can("create update", "core", "configmaps"), events}},
		{"route-controller", []rbacv1.PolicyRule{can("list watch", "core", "nodes"), can("patch", "core", "nodes/status"), events}},
		{"selinux-warning-controller", []rbacv1.PolicyRule{
			events, can(read, "core", "persistentvolumes persistentvolumeclaims pods"), can(read, "storage.k8s.io", "csidrivers")}},
		{"service-account-controller", []rbacv1.PolicyRule{can("create", "core", "serviceaccounts"), events}},
		{"service-cidrs-controller", []rbacv1.PolicyRule{
			can(readPatch, "networking.k8s.io", "servicecidrs"), can("patch update", "networking.k8s.io", "servicecidrs/finalizers servicecidrs/status"), can(read, "networking.k8s.io", "ipaddresses"), events}},
		{"service-controller", []rbacv1.PolicyRule{
			can(read, "core", "services"), can("patch update", "core", "services/status"), can("list watch", "core", "nodes"), events}},
		{"statefulset-controller", []rbacv1.PolicyRule{
			can("list watch", "core", "pods"), can(read, "apps", "statefulsets"), can("update", "apps", "statefulsets/status statefulsets/finalizers"),
			can("create delete get patch update", "core", "pods"), can("create delete get list patch update watch", "apps", "controllerrevisions"),
			can("create delete get list update watch", "core", "persistentvolumeclaims"), can("update", "core", "pods/finalizers"), events}},
		{"storage-version-migrator-controller", []rbacv1.PolicyRule{
			can("list patch", "*", "*"), can("get", "apiextensions.k8s.io", "customresourcedefinitions"), can("patch", "apiextensions.k8s.io", "customresourcedefinitions/status"),
			can("update", "storagemigration.k8s.io", "storageversionmigrations/status")}},
		{"ttl-after-finished-controller", []rbacv1.PolicyRule{can("delete get list watch", "batch", "jobs"), events}},
		{"ttl-controller", []rbacv1.PolicyRule{can("list patch update watch", "core", "nodes"), events}},
		{"validatingadmissionpolicy-status-controller", []rbacv1.PolicyRule{
			can(read, "admissionregistration.k8s.io", "validatingadmissionpolicies"), can("get patch update", "admissionregistration.k8s.io", "validatingadmissionpolicies/status"), events}},
		{"volumeattributesclass-protection-controller", []rbacv1.PolicyRule{
			can(read, "core", "persistentvolumeclaims persistentvolumes"), can("get list update watch", "storage.k8s.io", "volumeattributesclasses"), events}},
	}
}

func controllerRoles() []rbacv1.ClusterRole {
	var out []rbacv1.ClusterRole
	for _, c := range controllers() {
		out = append(out, clusterRole(controllerPrefix+c.name, c.rules...))
	}
	return append(out, allControllersRole())
}

// controllerBindings binds each role to its ServiceAccount, and all of them together, as one role of
// our own, to the user under which the control loops run as long as they share one process.
func controllerBindings() []rbacv1.ClusterRoleBinding {
	var out []rbacv1.ClusterRoleBinding
	for _, c := range controllers() {
		out = append(out, clusterBinding(controllerPrefix+c.name, account(c.name)))
	}
	return append(out, clusterBinding(allControllers, user(userControllers)))
}

// allControllers is not upstream's: there, the flag --use-service-account-credentials gives each
// controller its own identity.
const allControllers = "etalon:controllers"

func allControllersRole() rbacv1.ClusterRole {
	var rules []rbacv1.PolicyRule
	for _, c := range controllers() {
		rules = merge(rules, c.rules)
	}
	return clusterRole(allControllers, rules...)
}
