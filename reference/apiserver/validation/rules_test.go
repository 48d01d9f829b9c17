package validation_test

import (
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestMandatoryFlowControl(t *testing.T) {
	for _, f := range bootstrap.MandatoryFlowSchemas {
		c := f.DeepCopy()
		expect(t, validation.FlowSchema(c), ``)
		c.Spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByNamespaceType}
		errs := validation.FlowSchema(c)
		if len(errs) != 1 || errs[0].Field != "spec" || errs[0].Detail != "spec of '"+f.Name+"' must equal the fixed value" {
			t.Errorf("%s: %v", f.Name, errs)
		}
	}
	for _, p := range bootstrap.MandatoryPriorityLevelConfigurations {
		c := p.DeepCopy()
		expect(t, validation.PriorityLevelConfiguration(c), ``)
		if c.Spec.Exempt != nil {
			c.Spec.Exempt.LendablePercent = ptr[int32](7)
			expect(t, validation.PriorityLevelConfiguration(c), ``)
			continue
		}
		c.Spec.Limited.LendablePercent = ptr[int32](7)
		errs := validation.PriorityLevelConfiguration(c)
		if len(errs) != 1 || errs[0].Field != "spec" || errs[0].Detail != "spec of '"+p.Name+"' must equal the fixed value" {
			t.Errorf("%s: %v", p.Name, errs)
		}
	}
}

func TestFlowRules(t *testing.T) {
	resources := func(change func(*flowcontrolv1.ResourcePolicyRule)) func(*flowcontrolv1.FlowSchema) {
		return func(f *flowcontrolv1.FlowSchema) { change(&f.Spec.Rules[0].ResourceRules[0]) }
	}
	urls := func(list ...string) func(*flowcontrolv1.FlowSchema) {
		return func(f *flowcontrolv1.FlowSchema) {
			f.Spec.Rules[0].NonResourceRules = []flowcontrolv1.NonResourcePolicyRule{{Verbs: []string{"*"}, NonResourceURLs: list}}
		}
	}
	const rule, url = "spec.rules[0].resourceRules[0]", "spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "
	table(t, `
metadata: {name: f}
spec:
  priorityLevelConfiguration: {name: p}
  rules: [{subjects: [{kind: Group, group: {name: g}}], resourceRules: [{verbs: [get], apiGroups: ["*"], resources: ["*"], namespaces: ["*"]}]}]
`, validation.FlowSchema, []row[flowcontrolv1.FlowSchema]{
		{"groups", resources(func(r *flowcontrolv1.ResourcePolicyRule) { r.APIGroups = nil }), rule + `.apiGroups: Required value: resource rules must supply at least one api group`},
		{"resources", resources(func(r *flowcontrolv1.ResourcePolicyRule) { r.Resources = nil }), rule + `.resources: Required value: resource rules must supply at least one resource`},
		{"verb", resources(func(r *flowcontrolv1.ResourcePolicyRule) { r.Verbs = []string{"look"} }),
			rule + `.verbs: Unsupported value: ["look"]: supported values: "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"`},
		{"namespaces", resources(func(r *flowcontrolv1.ResourcePolicyRule) { r.Namespaces = []string{"*", "a"} }),
			rule + `.namespaces: Invalid value: ["*","a"]: if '*' is present, must not specify other namespaces`},
		{"namespace", resources(func(r *flowcontrolv1.ResourcePolicyRule) { r.Namespaces = []string{"a.b"} }),
			rule + `.namespaces[0]: Invalid value: "a.b": each member of this list must be '*' or a DNS-1123 label; must not contain dots`},
		{"relative URL", urls("a"), url + `"a": must start with slash`},
		{"wildcard in a URL", urls("/a*"), url + `"/a*": wildcard can only do suffix matching`},
		{"double slash", urls("/a//b"), url + `"/a//b": must not contain double slash`},
		{"URLs", urls("/a/*", "/"), ``},
	})
}

func TestMetrics(t *testing.T) {
	first := func(change func(*autoscalingv2.MetricSpec)) func(*autoscalingv2.HorizontalPodAutoscaler) {
		return func(h *autoscalingv2.HorizontalPodAutoscaler) { change(&h.Spec.Metrics[0]) }
	}
	one := resource.MustParse("1")
	table(t, `{metadata: {name: h, namespace: default}, spec: {scaleTargetRef: {kind: Deployment, name: web, apiVersion: apps/v1}, maxReplicas: 3, behavior: {}}}`,
		validation.HorizontalPodAutoscaler, []row[autoscalingv2.HorizontalPodAutoscaler]{
			{"two sources", first(func(m *autoscalingv2.MetricSpec) {
				m.Pods = &autoscalingv2.PodsMetricSource{Metric: autoscalingv2.MetricIdentifier{Name: "m"}, Target: autoscalingv2.MetricTarget{Type: "AverageValue", AverageValue: &one}}
			}), `spec.metrics[0].pods: Forbidden: must populate the given metric source only`},
			{"two targets", first(func(m *autoscalingv2.MetricSpec) { m.Resource.Target.AverageValue = &one }),
				`spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`},
			{"no target", first(func(m *autoscalingv2.MetricSpec) { m.Resource.Target.AverageUtilization = nil }),
				`spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization`},
			{"no target type", first(func(m *autoscalingv2.MetricSpec) { m.Resource.Target.Type = "" }),
				`[spec.metrics[0].resource.target.type: Required value: must specify a metric target type, spec.metrics[0].resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue]`},
			{"resource", first(func(m *autoscalingv2.MetricSpec) { m.Resource.Name = "" }), `spec.metrics[0].resource.name: Required value: must specify a resource name`},
			{"external", first(func(m *autoscalingv2.MetricSpec) {
				*m = autoscalingv2.MetricSpec{Type: "External", External: &autoscalingv2.ExternalMetricSource{Metric: autoscalingv2.MetricIdentifier{Name: "m"},
					Target: autoscalingv2.MetricTarget{Type: "Value", Value: &one, AverageValue: &one}}}
			}), `spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target`},
			{"to zero", func(h *autoscalingv2.HorizontalPodAutoscaler) { h.Spec.MinReplicas = ptr[int32](0) },
				`spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas`},
			{"below zero", func(h *autoscalingv2.HorizontalPodAutoscaler) { h.Spec.MinReplicas = ptr[int32](-1) },
				`spec.minReplicas: Invalid value: -1: must be greater than or equal to 0`},
			{"tolerance", func(h *autoscalingv2.HorizontalPodAutoscaler) {
				h.Spec.Behavior.ScaleUp.Tolerance = ptr(resource.MustParse("-1"))
			}, `spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0`},
			{"target", func(h *autoscalingv2.HorizontalPodAutoscaler) { h.Spec.ScaleTargetRef.APIVersion = "a/b/c" },
				`spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`},
		})
}

func TestIngressClassNames(t *testing.T) {
	const ingress = `
metadata: {name: web, namespace: default, annotations: {kubernetes.io/ingress.class: a}}
spec: {ingressClassName: a, defaultBackend: {service: {name: web, port: {number: 80}}}}
`
	other := func(i *networkingv1.Ingress) { i.Spec.IngressClassName = ptr("b") }
	table(t, ingress, validation.Ingress, []row[networkingv1.Ingress]{
		{"another class", other, "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match `ingressClassName` when both are specified"},
	})
	updates(t, ingress, validation.IngressUpdate, []row[networkingv1.Ingress]{{"another class", other, ``}})
}

func TestOtherRules(t *testing.T) {
	table(t, `{metadata: {name: n, namespace: default}, spec: {podSelector: {}, ingress: [{ports: [{}]}]}}`, validation.NetworkPolicy, []row[networkingv1.NetworkPolicy]{
		{"end alone", func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].Ports[0].EndPort = ptr[int32](80) },
			"spec.ingress[0].ports[0].endPort: Invalid value: 80: may not be specified when `port` is not specified"},
	})
	table(t, `{metadata: {name: d.example.com}, spec: {}}`, validation.CSIDriver, []row[storagev1.CSIDriver]{
		{"mode", func(d *storagev1.CSIDriver) { d.Spec.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{"Once"} },
			`spec.volumeLifecycleModes: Unsupported value: "Once": supported values: "Persistent", "Ephemeral"`},
		{"period", func(d *storagev1.CSIDriver) { d.Spec.NodeAllocatableUpdatePeriodSeconds = ptr[int64](9) },
			`spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds`},
	})
	updates(t, `{metadata: {name: b, namespace: default}, spec: {minAvailable: 1, selector: {}}}`, validation.PodDisruptionBudgetStatusUpdate, []row[policyv1.PodDisruptionBudget]{
		{"allowed", func(b *policyv1.PodDisruptionBudget) { b.Status.DisruptionsAllowed = -1 }, `status.disruptionsAllowed: Invalid value: -1: must be greater than or equal to 0`},
	})
	const cron = `
metadata: {name: a.b, namespace: default}
spec:
  schedule: "TZ=UTC 0 * * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: "b:1"}]}}}}
`
	updates(t, cron, validation.CronJobUpdate, []row[batchv1.CronJob]{
		{"a zone twice", func(c *batchv1.CronJob) { c.Spec.TimeZone = ptr("UTC") },
			`spec.schedule: Invalid value: "TZ=UTC 0 * * * *": cannot use both timeZone field and TZ or CRON_TZ in schedule`},
		{"a zone and nothing else", func(c *batchv1.CronJob) { c.Spec.Schedule = "TZ=UTC" },
			`spec.schedule: Invalid value: "TZ=UTC": empty spec string`},
	})
}
