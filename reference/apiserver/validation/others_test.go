package validation_test

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestIngress(t *testing.T) {
	const ingress = `
metadata: {name: web, namespace: default}
spec: {rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}
`
	first := func(i *networkingv1.Ingress) *networkingv1.HTTPIngressPath { return &i.Spec.Rules[0].HTTP.Paths[0] }
	table(t, ingress, validation.Ingress, []row[networkingv1.Ingress]{
		{"empty", func(i *networkingv1.Ingress) { i.Spec.Rules = nil }, "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"},
		{"path type", func(i *networkingv1.Ingress) { first(i).PathType = nil }, `spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified`},
		{"relative", func(i *networkingv1.Ingress) { first(i).Path = "a" }, `spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path`},
		{"no port", func(i *networkingv1.Ingress) { first(i).Backend.Service.Port.Number = 0 }, `spec.rules[0].http.paths[0].backend: Required value: port name or number is required`},
		{"host", func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "1.2.3.4" }, `spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address`},
		{"wildcard", func(i *networkingv1.Ingress) { i.Spec.Rules[0].Host = "*.example.com" }, ``},
	})
	updates(t, ingress, validation.IngressUpdate, nil)
	updates(t, `{metadata: {name: c}, spec: {controller: example.com/c}}`, validation.IngressClassUpdate, []row[networkingv1.IngressClass]{
		{"controller", func(c *networkingv1.IngressClass) { c.Spec.Controller = "example.com/d" }, `spec.controller: Invalid value: "example.com/d": field is immutable`},
	})
}

func TestNetworkPolicy(t *testing.T) {
	table(t, `{metadata: {name: n, namespace: default}, spec: {podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: 80}]}]}}`,
		validation.NetworkPolicy, []row[networkingv1.NetworkPolicy]{
			{"except", func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].From[0].IPBlock.Except[0] = "11.0.0.0/16" },
				"spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: \"11.0.0.0/16\": must be a strict subset of `cidr`"},
			{"nobody", func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].From[0].IPBlock = nil }, `spec.ingress[0].from[0]: Required value: must specify a peer`},
			{"end", func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].Ports[0].EndPort = ptr[int32](79) },
				"spec.ingress[0].ports[0].endPort: Invalid value: 80: must be greater than or equal to `port`"},
		})
}

func TestServiceAddresses(t *testing.T) {
	table(t, `{metadata: {name: 10.96.0.1}, spec: {parentRef: {resource: services, name: kubernetes, namespace: default}}}`, validation.IPAddress,
		[]row[networkingv1.IPAddress]{
			{"form", func(a *networkingv1.IPAddress) { a.Name = "fd00:0::1" }, `metadata.name: Invalid value: "fd00:0::1": must be a canonical format IP address`},
			{"orphan", func(a *networkingv1.IPAddress) { a.Spec.ParentRef = nil }, `spec.parentRef: Required value`},
		})
	updates(t, `{metadata: {name: c}, spec: {cidrs: [10.96.0.0/12]}}`, validation.ServiceCIDRUpdate, []row[networkingv1.ServiceCIDR]{
		{"second family", func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = append(c.Spec.CIDRs, "fd00::/108") }, ``},
		{"other", func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs[0] = "10.97.0.0/16" }, `spec.cidrs[0]: Invalid value: "10.97.0.0/16": field is immutable`},
	})
}

func TestBudgetsAndScaling(t *testing.T) {
	table(t, `{metadata: {name: b, namespace: default}, spec: {minAvailable: 1, selector: {}}}`, validation.PodDisruptionBudget, []row[policyv1.PodDisruptionBudget]{
		{"both", func(b *policyv1.PodDisruptionBudget) { b.Spec.MaxUnavailable = ptr(intstr.FromInt32(1)) },
			`spec: Invalid value: {"minAvailable":1,"selector":{},"maxUnavailable":1}: minAvailable and maxUnavailable cannot be both set`},
	})
	table(t, `{metadata: {name: web, namespace: default}, spec: {replicas: 2}}`, validation.Scale, []row[autoscalingv1.Scale]{
		{"negative", func(s *autoscalingv1.Scale) { s.Spec.Replicas = -1 }, `spec.replicas: Invalid value: -1: must be greater than or equal to 0`},
	})
	table(t, `{metadata: {name: h, namespace: default}, spec: {scaleTargetRef: {kind: Deployment, name: web, apiVersion: apps/v1}, maxReplicas: 3, behavior: {}}}`,
		validation.HorizontalPodAutoscaler, []row[autoscalingv2.HorizontalPodAutoscaler]{
			{"bounds", func(h *autoscalingv2.HorizontalPodAutoscaler) { h.Spec.MinReplicas = ptr[int32](4) },
				"spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"},
			{"target", func(h *autoscalingv2.HorizontalPodAutoscaler) { h.Spec.ScaleTargetRef.Name = "" }, `spec.scaleTargetRef.name: Required value`},
			{"metric", func(h *autoscalingv2.HorizontalPodAutoscaler) { h.Spec.Metrics[0].Resource = nil },
				`spec.metrics[0].resource: Required value: must populate information for the given metric source`},
		})
}

func TestStorage(t *testing.T) {
	updates(t, `{metadata: {name: s}, provisioner: example.com/p}`, validation.StorageClassUpdate, []row[storagev1.StorageClass]{
		{"parameters", func(c *storagev1.StorageClass) { c.Parameters = map[string]string{"a": "b"} }, `parameters: Forbidden: updates to parameters are forbidden.`},
		{"mode", func(c *storagev1.StorageClass) {
			c.VolumeBindingMode = ptr(storagev1.VolumeBindingWaitForFirstConsumer)
		},
			`volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable`},
		{"expansion", func(c *storagev1.StorageClass) { c.AllowVolumeExpansion = ptr(true) }, ``},
	})
	const volume = `{metadata: {name: v}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], hostPath: {path: /data}}}`
	table(t, volume, validation.PersistentVolume, []row[corev1.PersistentVolume]{
		{"capacity", func(v *corev1.PersistentVolume) { v.Spec.Capacity = nil }, `spec.capacity: Required value`},
		{"source", func(v *corev1.PersistentVolume) { v.Spec.HostPath = nil }, `spec: Required value: must specify a volume type`},
		{"backsteps", func(v *corev1.PersistentVolume) { v.Spec.HostPath.Path = "/a/../b" }, `spec.hostPath.path: Invalid value: "/a/../b": must not contain '..'`},
	})
	updates(t, volume, validation.PersistentVolumeUpdate, []row[corev1.PersistentVolume]{
		{"source", func(v *corev1.PersistentVolume) { v.Spec.HostPath.Path = "/b" },
			"spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n…"},
		{"claim", func(v *corev1.PersistentVolume) { v.Spec.ClaimRef = &corev1.ObjectReference{Name: "c"} }, ``},
	})
	updates(t, `{metadata: {name: d.example.com}, spec: {}}`, validation.CSIDriverUpdate, nil)
	updates(t, `{metadata: {name: node-1}, spec: {drivers: [{name: d.example.com, nodeID: x, topologyKeys: null}]}}`, validation.CSINodeUpdate, nil)
	updates(t, `{metadata: {name: a}, spec: {attacher: d.example.com, nodeName: node-1, source: {persistentVolumeName: v}}}`, validation.VolumeAttachmentUpdate, nil)
}

func TestClasses(t *testing.T) {
	updates(t, `{metadata: {name: high}, value: 1000}`, validation.PriorityClassUpdate, []row[schedulingv1.PriorityClass]{
		{"value", func(c *schedulingv1.PriorityClass) { c.Value = 1 }, `value: Forbidden: may not be changed in an update.`},
	})
	table(t, `{metadata: {name: system-node-critical}, value: 2000001000}`, validation.PriorityClass, []row[schedulingv1.PriorityClass]{
		{"too high", func(c *schedulingv1.PriorityClass) { c.Name = "mine" }, `value: Forbidden: maximum allowed value of a user defined priority is 1000000000`},
		{"reserved", func(c *schedulingv1.PriorityClass) { c.Name = "system-mine" },
			`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-mine is not a known system priority class`},
	})
	updates(t, `{metadata: {name: gvisor}, handler: runsc}`, validation.RuntimeClassUpdate, []row[nodev1.RuntimeClass]{
		{"handler", func(c *nodev1.RuntimeClass) { c.Handler = "runc" }, `handler: Invalid value: "runc": field is immutable`},
	})
	table(t, `{metadata: {name: l, namespace: default}, spec: {leaseDurationSeconds: 15}}`, validation.Lease, []row[coordinationv1.Lease]{
		{"duration", func(l *coordinationv1.Lease) { l.Spec.LeaseDurationSeconds = ptr[int32](0) },
			`spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0`},
	})
	table(t, `{metadata: {name: a, namespace: default}, target: {kind: Node, name: node-1}}`, validation.Binding, []row[corev1.Binding]{
		{"kind", func(b *corev1.Binding) { b.Target.Kind = "Rack" }, `target.kind: Unsupported value: "Rack": supported values: "Node", "<empty>"`},
		{"nowhere", func(b *corev1.Binding) { b.Target.Name = "" }, `target.name: Required value`},
	})
}

func TestFlowControl(t *testing.T) {
	table(t, `
metadata: {name: f}
spec:
  priorityLevelConfiguration: {name: p}
  rules: [{subjects: [{kind: Group, group: {name: g}}], nonResourceRules: [{verbs: ["*"], nonResourceURLs: ["*"]}]}]
`, validation.FlowSchema, []row[flowcontrolv1.FlowSchema]{
		{"subject", func(f *flowcontrolv1.FlowSchema) { f.Spec.Rules[0].Subjects[0].Group = nil },
			`spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'`},
		{"wildcard", func(f *flowcontrolv1.FlowSchema) { f.Spec.Rules[0].NonResourceRules[0].Verbs = []string{"*", "get"} },
			`spec.rules[0].nonResourceRules[0].verbs: Invalid value: ["*","get"]: if '*' is present, must not specify other verbs`},
	})
	table(t, `{metadata: {name: p}, spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {}}}}}`, validation.PriorityLevelConfiguration,
		[]row[flowcontrolv1.PriorityLevelConfiguration]{
			{"hand", func(c *flowcontrolv1.PriorityLevelConfiguration) { c.Spec.Limited.LimitResponse.Queuing.HandSize = 65 },
				`spec.limited.limitResponse.queuing.handSize: Invalid value: 65: should not be greater than queues (64)`},
			{"entropy", func(c *flowcontrolv1.PriorityLevelConfiguration) { c.Spec.Limited.LimitResponse.Queuing.HandSize = 12 },
				`spec.limited.limitResponse.queuing.handSize: Invalid value: 12: required entropy bits of deckSize 64 and handSize 12 should not be greater than 60`},
		})
}

func TestWebhooks(t *testing.T) {
	const hooks = `
metadata: {name: w}
webhooks:
- name: a.example.com
  sideEffects: None
  admissionReviewVersions: [v1]
  clientConfig: {service: {name: s, namespace: default}}
  rules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]
`
	table(t, hooks, validation.ValidatingWebhookConfiguration, []row[admissionv1.ValidatingWebhookConfiguration]{
		{"name", func(c *admissionv1.ValidatingWebhookConfiguration) { c.Webhooks[0].Name = "a" },
			`webhooks[0].name: Invalid value: "a": should be a domain with at least three segments separated by dots`},
		{"side effects", func(c *admissionv1.ValidatingWebhookConfiguration) { c.Webhooks[0].SideEffects = nil },
			`webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun`},
		{"versions", func(c *admissionv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].AdmissionReviewVersions = []string{"v2"}
		},
			`webhooks[0].admissionReviewVersions: Invalid value: ["v2"]: must include at least one of v1, v1beta1`},
		{"both", func(c *admissionv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].ClientConfig.URL = ptr("https://a/")
		}, `webhooks[0].clientConfig: Required value: exactly one of url or service is required`},
		{"wildcard", func(c *admissionv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].Rules[0].Resources = []string{"*/*", "pods"}
		}, `webhooks[0].rules[0].resources: Invalid value: ["*/*","pods"]: if '*/*' is present, must not specify other resources`},
		{"condition", func(c *admissionv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].MatchConditions = []admissionv1.MatchCondition{{Name: "a", Expression: "params.a == 1"}}
		}, `webhooks[0].matchConditions[0].expression: Invalid value: "params.a == 1": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params'…`},
		{"timeout", func(c *admissionv1.ValidatingWebhookConfiguration) { c.Webhooks[0].TimeoutSeconds = ptr[int32](31) },
			`webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds`},
	})
	updates(t, hooks, validation.ValidatingWebhookConfigurationUpdate, []row[admissionv1.ValidatingWebhookConfiguration]{
		{"side effects", func(c *admissionv1.ValidatingWebhookConfiguration) {
			c.Webhooks[0].SideEffects = ptr(admissionv1.SideEffectClassSome)
		}, `webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"`},
		{"twice", func(c *admissionv1.ValidatingWebhookConfiguration) { c.Webhooks = append(c.Webhooks, c.Webhooks[0]) },
			`webhooks[1].name: Duplicate value: "a.example.com"`},
	})
	const lax = `
metadata: {name: w}
webhooks:
- {name: a.example.com, sideEffects: Unknown, admissionReviewVersions: [v2], clientConfig: {url: "https://a"}, namespaceSelector: {matchExpressions: [{key: a, operator: In, values: ["b c"]}]}, matchConditions: [{name: a, expression: "oldFunction()"}]}
- {name: a.example.com, sideEffects: None, admissionReviewVersions: [v1], clientConfig: {url: "https://a"}}
`
	updates(t, lax, validation.ValidatingWebhookConfigurationUpdate, []row[admissionv1.ValidatingWebhookConfiguration]{
		{"as lax as before", func(c *admissionv1.ValidatingWebhookConfiguration) {
			c.Webhooks[1].SideEffects, c.Webhooks[1].AdmissionReviewVersions = ptr(admissionv1.SideEffectClassSome), []string{"v3"}
		}, ``},
		{"unknown effect", func(c *admissionv1.ValidatingWebhookConfiguration) {
			c.Webhooks[1].SideEffects = ptr(admissionv1.SideEffectClass("Odd"))
		}, `webhooks[1].sideEffects: Unsupported value: "Odd": supported values: "None", "NoneOnDryRun", "Some", "Unknown"`},
		{"conditions", func(c *admissionv1.ValidatingWebhookConfiguration) { c.Webhooks[0].MatchConditions[0].Name = "b" },
			`webhooks[0].matchConditions[0].expression: Invalid value: "oldFunction()": compilation failed: ERROR: <input>:1:12: undeclared reference to 'oldFunction'…`},
	})
	updates[admissionv1.MutatingWebhookConfiguration](t, lax, validation.MutatingWebhookConfigurationUpdate, nil)
	table[admissionv1.MutatingWebhookConfiguration](t, hooks, validation.MutatingWebhookConfiguration, nil)
	table(t, `
metadata: {name: p}
spec:
  matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]}
  validations: [{expression: "true"}]
`, validation.ValidatingAdmissionPolicy, []row[admissionv1.ValidatingAdmissionPolicy]{
		{"nothing to say", func(p *admissionv1.ValidatingAdmissionPolicy) { p.Spec.Validations = nil },
			`[spec.validations: Required value: validations or auditAnnotations must contain at least one item, spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item]`},
	})
	table(t, `{metadata: {name: b}, spec: {policyName: p, validationActions: [Deny]}}`, validation.ValidatingAdmissionPolicyBinding,
		[]row[admissionv1.ValidatingAdmissionPolicyBinding]{
			{"action", func(b *admissionv1.ValidatingAdmissionPolicyBinding) { b.Spec.ValidationActions = nil },
				`spec.validationActions: Required value: at least one validation action is required`},
		})
}
