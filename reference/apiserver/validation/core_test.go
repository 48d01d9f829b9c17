package validation_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestConfigMap(t *testing.T) {
	const plain = `{metadata: {name: a, namespace: default}, data: {k: v}}`
	table(t, plain, validation.ConfigMap, []row[corev1.ConfigMap]{
		{"key", func(c *corev1.ConfigMap) { c.Data["a b"] = "" },
			`data[a b]: Invalid value: "a b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`},
		{"twice", func(c *corev1.ConfigMap) { c.BinaryData = map[string][]byte{"k": nil} }, `data[k]: Invalid value: "k": duplicate of key present in binaryData`},
		{"size", func(c *corev1.ConfigMap) { c.Data["k"] = string(make([]byte, 1<<20+1)) }, `[]: Too long: may not be more than 1048576 bytes`},
	})
	const frozen = `{metadata: {name: a, namespace: default}, data: {k: v}, immutable: true}`
	updates(t, frozen, validation.ConfigMapUpdate, []row[corev1.ConfigMap]{
		{"data", func(c *corev1.ConfigMap) { c.Data["k"] = "w" }, "data: Forbidden: field is immutable when `immutable` is set"},
		{"thawed", func(c *corev1.ConfigMap) { c.Immutable = nil }, "immutable: Forbidden: field is immutable when `immutable` is set"},
		{"labels", func(c *corev1.ConfigMap) { c.Labels = map[string]string{"a": "b"} }, ``},
	})
}

func TestSecret(t *testing.T) {
	const opaque = `{metadata: {name: a, namespace: default}, stringData: {k: v}}`
	typed := func(kind corev1.SecretType) func(*corev1.Secret) { return func(s *corev1.Secret) { s.Type = kind } }
	table(t, opaque, validation.Secret, []row[corev1.Secret]{
		{"tls", typed(corev1.SecretTypeTLS), `[data[tls.crt]: Required value, data[tls.key]: Required value]`},
		{"basic auth", typed(corev1.SecretTypeBasicAuth), `[data[username]: Required value, data[password]: Required value]`},
		{"ssh", typed(corev1.SecretTypeSSHAuth), `data[ssh-privatekey]: Required value`},
		{"docker", typed(corev1.SecretTypeDockerConfigJson), `data[.dockerconfigjson]: Required value`},
		{"docker content", func(s *corev1.Secret) {
			s.Type, s.Data = corev1.SecretTypeDockerConfigJson, map[string][]byte{".dockerconfigjson": []byte("x")}
		}, `data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character 'x' looking for beginning of value`},
		{"token", typed(corev1.SecretTypeServiceAccountToken), `metadata.annotations[kubernetes.io/service-account.name]: Required value`},
		{"own type", typed("example.com/mine"), ``},
	})
	updates(t, opaque, validation.SecretUpdate, []row[corev1.Secret]{
		{"type", typed("example.com/mine"), `type: Invalid value: "example.com/mine": field is immutable`},
		{"data", func(s *corev1.Secret) { s.Data["k"] = []byte("w") }, ``},
	})
}

func TestNamespace(t *testing.T) {
	table(t, `{metadata: {name: a}}`, validation.Namespace, []row[corev1.Namespace]{
		{"name", func(n *corev1.Namespace) { n.Name = "a.b" }, `metadata.name: Invalid value: "a.b": must not contain dots`},
		{"finalizer", func(n *corev1.Namespace) { n.Spec.Finalizers = []corev1.FinalizerName{"mine"} },
			`spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified`},
	})
	updates(t, `{metadata: {name: a}}`, validation.NamespaceStatusUpdate, []row[corev1.Namespace]{
		{"phase", func(n *corev1.Namespace) { n.Status.Phase = corev1.NamespaceTerminating },
			"status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"},
	})
}

func TestNode(t *testing.T) {
	const node = `{metadata: {name: node-1}, spec: {podCIDR: 10.244.1.0/24}}`
	taint := corev1.Taint{Key: "a", Effect: corev1.TaintEffectNoSchedule}
	table(t, node, validation.Node, []row[corev1.Node]{
		{"taint twice", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{taint, taint} },
			`spec.taints[1]: Duplicate value: {"key":"a","effect":"NoSchedule"}: taints must be unique by key and effect pair`},
		{"effect", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "a", Effect: "Never"}} },
			`spec.taints[0].effect: Unsupported value: "Never": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"`},
	})
	updates(t, node, validation.NodeUpdate, []row[corev1.Node]{
		{"cordon", func(n *corev1.Node) { n.Spec.Unschedulable = true }, ``},
		{"taint", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{taint} }, ``},
		{"range", func(n *corev1.Node) { n.Spec.PodCIDR, n.Spec.PodCIDRs = "10.244.2.0/24", []string{"10.244.2.0/24"} },
			`spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid`},
	})
	updates(t, node, validation.NodeStatusUpdate, []row[corev1.Node]{
		{"capacity", func(n *corev1.Node) { n.Status.Capacity = corev1.ResourceList{"cpu": resource.MustParse("-1")} },
			`status.capacity[cpu]: Invalid value: "-1": must be greater than or equal to 0`},
	})
}

func TestRBAC(t *testing.T) {
	table(t, `{metadata: {name: "system:reader", namespace: default}, rules: [{verbs: [get], apiGroups: [""], resources: [pods]}]}`, validation.Role, []row[rbacv1.Role]{
		{"no verbs", func(r *rbacv1.Role) { r.Rules[0].Verbs = nil }, `rules[0].verbs: Required value: verbs must contain at least one value`},
		{"url", func(r *rbacv1.Role) {
			r.Rules[0] = rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/"}}
		},
			`rules[0].nonResourceURLs: Invalid value: ["/"]: namespaced rules cannot apply to non-resource URLs`},
		{"no groups", func(r *rbacv1.Role) { r.Rules[0].APIGroups = nil }, `rules[0].apiGroups: Required value: resource rules must supply at least one api group`},
		{"name", func(r *rbacv1.Role) { r.Name = "a/b" }, `metadata.name: Invalid value: "a/b": may not contain '/'`},
	})
	const binding = `
metadata: {name: read, namespace: default}
roleRef: {kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: default, namespace: default}, {kind: User, name: jane}]
`
	table(t, binding, validation.RoleBinding, []row[rbacv1.RoleBinding]{
		{"kind", func(b *rbacv1.RoleBinding) { b.RoleRef.Kind = "Group" }, `roleRef.kind: Unsupported value: "Group": supported values: "Role", "ClusterRole"`},
		{"subject", func(b *rbacv1.RoleBinding) { b.Subjects[1].Kind = "Robot" },
			`subjects[1].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"`},
	})
	updates(t, binding, validation.RoleBindingUpdate, []row[rbacv1.RoleBinding]{
		{"role", func(b *rbacv1.RoleBinding) { b.RoleRef.Name = "admin" },
			`roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"Role","name":"admin"}: cannot change roleRef`},
	})
}

func TestQuotaAndLimits(t *testing.T) {
	table(t, `{metadata: {name: q, namespace: default}, spec: {hard: {pods: "5", requests.cpu: "2", count/deployments.apps: "1"}}}`,
		validation.ResourceQuota, []row[corev1.ResourceQuota]{
			{"fraction", func(q *corev1.ResourceQuota) { q.Spec.Hard["pods"] = resource.MustParse("500m") },
				`spec.hard[pods]: Invalid value: "500m": must be an integer`},
			{"conflict", func(q *corev1.ResourceQuota) {
				q.Spec.Scopes = []corev1.ResourceQuotaScope{"Terminating", "NotTerminating"}
			}, `spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes`},
		})
	table(t, `{metadata: {name: l, namespace: default}, spec: {limits: [{type: Container, max: {cpu: "2"}, min: {cpu: "1"}}]}}`,
		validation.LimitRange, []row[corev1.LimitRange]{
			{"order", func(l *corev1.LimitRange) {
				i := &l.Spec.Limits[0]
				i.Default, i.DefaultRequest = nil, nil
				i.Min["cpu"] = resource.MustParse("3")
			}, `spec.limits[0].min[cpu]: Invalid value: "3": min value 3 is greater than max value 2`},
		})
}

func TestClaim(t *testing.T) {
	const claim = `{metadata: {name: c, namespace: default}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}`
	table(t, claim, validation.PersistentVolumeClaim, []row[corev1.PersistentVolumeClaim]{
		{"modes", func(c *corev1.PersistentVolumeClaim) { c.Spec.AccessModes = nil }, `spec.accessModes: Required value: at least 1 access mode is required`},
		{"size", func(c *corev1.PersistentVolumeClaim) { c.Spec.Resources.Requests = nil }, `spec.resources[storage]: Required value`},
	})
	updates(t, claim, validation.PersistentVolumeClaimUpdate, []row[corev1.PersistentVolumeClaim]{
		{"bound", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "v" }, ``},
		{"grown unbound", func(c *corev1.PersistentVolumeClaim) {
			c.Spec.Resources.Requests = corev1.ResourceList{"storage": resource.MustParse("2Gi")}
		}, "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n…"},
	})
}
