package validation_test

import (
	"testing"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestQuotaScopes(t *testing.T) {
	pair := func(spec, want string) [2]string {
		return [2]string{`{metadata: {name: q, namespace: default}, spec: {` + spec + `}}`, want}
	}
	manifests(t, validation.ResourceQuota, [][2]string{
		pair(`hard: {pods: 1, limits.cpu: 1}, scopes: [NotBestEffort, Terminating]`, ``),
		pair(`hard: {pods: 1, requests.example.com/gpu: 1}, scopes: [BestEffort]`, ``),
		pair(`hard: {persistentvolumeclaims: 1, requests.storage: 1Gi}, scopeSelector: {matchExpressions: [{scopeName: VolumeAttributesClass, operator: In, values: [gold]}]}`, ``),
		pair(`hard: {storage: 1}`, `spec.hard[storage]: Invalid value: "storage": must be a standard resource for quotas`),
		pair(`hard: {cpu: 1}, scopes: [BestEffort]`, `spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource`),
		pair(`hard: {services: 1}, scopes: [Terminating]`, `spec.scopes: Invalid value: ["Terminating"]: unsupported scope applied to resource`),
		pair(`hard: {pods: 1}, scopes: [Mine]`, `spec.scopes: Invalid value: ["Mine"]: unsupported scope`),
		pair(`hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: Terminating, operator: In, values: [a]}]}`,
			`spec.scopeSelector.matchExpressions.operator: Invalid value: "In": must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity`),
		pair(`hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: In}]}`,
			"spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"),
		pair(`hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: Exists, values: [a]}]}`,
			"spec.scopeSelector.matchExpressions.values: Invalid value: [\"a\"]: must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector"),
		pair(`hard: {pods: 1}, scopeSelector: {matchExpressions: [{scopeName: PriorityClass, operator: Like}]}`,
			`spec.scopeSelector.matchExpressions.operator: Invalid value: "Like": not a valid selector operator`),
	})
}

func TestLimitRanges(t *testing.T) {
	pair := func(item, want string) [2]string {
		return [2]string{`{metadata: {name: l, namespace: default}, spec: {limits: [{` + item + `}]}}`, want}
	}
	manifests(t, validation.LimitRange, [][2]string{
		pair(`type: PersistentVolumeClaim, max: {storage: 1Gi}`, ``),
		pair(`type: example.com/Image, max: {storage: 1Gi}`, ``),
		pair(`type: Node, max: {cpu: 1}`, `spec.limits[0].type: Invalid value: "Node": must be a standard limit type or fully qualified`),
		pair(`type: PersistentVolumeClaim`, `spec.limits[0].limits: Required value: either minimum or maximum storage value is required, but neither was provided`),
		pair(`type: Pod, default: {cpu: 1}`, "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"),
		pair(`type: Pod, max: {cpu: 4}, min: {cpu: 1}, maxLimitRequestRatio: {cpu: 5}`,
			`spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "5": ratio 5 is greater than max/min = 4.000000`),
		pair(`type: Container, maxLimitRequestRatio: {cpu: 500m}`, `spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1`),
		pair(`type: Container, default: {example.com/gpu: 2}, defaultRequest: {example.com/gpu: 1}`,
			`spec.limits[0].defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in example.com/gpu`),
	})
}
