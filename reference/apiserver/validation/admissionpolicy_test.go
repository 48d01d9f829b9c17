package validation_test

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

const validatingPolicy = `
metadata: {name: p}
spec:
  matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]}
  variables: [{name: name, expression: object.metadata.name}]
  validations: [{expression: "variables.name != ''", message: "no name"}]
`

func TestValidatingAdmissionPolicy(t *testing.T) {
	rule := func(change func(*admissionv1.Validation)) func(*admissionv1.ValidatingAdmissionPolicy) {
		return func(p *admissionv1.ValidatingAdmissionPolicy) { change(&p.Spec.Validations[0]) }
	}
	expression := func(x string) func(*admissionv1.ValidatingAdmissionPolicy) {
		return rule(func(v *admissionv1.Validation) { v.Expression = x })
	}
	table(t, validatingPolicy, validation.ValidatingAdmissionPolicy, []row[admissionv1.ValidatingAdmissionPolicy]{
		{"syntax", expression("object."), "spec.validations[0].expression: Invalid value: \"object.\": compilation failed: ERROR: <input>:1:8: Syntax error: no viable alternative at input '.'\n…"},
		{"type", expression("'a'"), `spec.validations[0].expression: Invalid value: "'a'": must evaluate to bool but got string`},
		{"unknown variable", expression("variables.other == ''"), `spec.validations[0].expression: Invalid value: "variables.other == ''": compilation failed: ERROR: <input>:1:10: undefined field 'other'…`},
		{"params without kind", expression("params.data.a == ''"), `spec.validations[0].expression: Invalid value: "params.data.a == ''": compilation failed: ERROR: <input>:1:1: undeclared reference to 'params'…`},
		{"params", func(p *admissionv1.ValidatingAdmissionPolicy) {
			p.Spec.ParamKind, p.Spec.Validations[0].Expression = &admissionv1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}, "params.data.a == ''"
		}, ``},
		{"blank", expression(" "), `spec.validations[0].expression: Required value: expression is not specified`},
		{"lines", rule(func(v *admissionv1.Validation) { v.Expression, v.Message = "true ||\nfalse", "" }),
			`spec.validations[0].message: Required value: message must be specified if expression contains line breaks`},
		{"message of lines", rule(func(v *admissionv1.Validation) { v.Message = "a\nb" }), "spec.validations[0].message: Invalid value: \"a\\nb\": message must not contain line breaks"},
		{"reason", rule(func(v *admissionv1.Validation) { v.Reason = ptr(metav1.StatusReason("Mood")) }),
			`spec.validations[0].reason: Unsupported value: "Mood": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge", "Unauthorized"`},
		{"message expression", rule(func(v *admissionv1.Validation) { v.MessageExpression = "1" }), `spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int`},
		{"authorizer in a message", rule(func(v *admissionv1.Validation) {
			v.MessageExpression = "string(authorizer.group('').resource('a').check('b').allowed())"
		}),
			`spec.validations[0].messageExpression: Invalid value: "string(authorizer.group('').resource('a').check('b').allowed())": compilation failed: ERROR: <input>:1:8: undeclared reference to 'authorizer'…`},
		{"blank message expression", rule(func(v *admissionv1.Validation) { v.MessageExpression = " " }),
			`spec.validations[0].messageExpression: Invalid value: " ": must be non-empty if specified`},
		{"variable", func(p *admissionv1.ValidatingAdmissionPolicy) { p.Spec.Variables[0].Expression = "nothing" },
			`spec.variables[0].expression: Invalid value: "nothing": compilation failed: ERROR: <input>:1:1: undeclared reference to 'nothing'…`},
		{"name of a variable", func(p *admissionv1.ValidatingAdmissionPolicy) {
			p.Spec.Variables = append(p.Spec.Variables, admissionv1.Variable{Name: "in", Expression: "1"})
		}, `spec.variables[1].name: Invalid value: "in": name is not a valid CEL identifier`},
		{"condition", func(p *admissionv1.ValidatingAdmissionPolicy) {
			p.Spec.MatchConditions = []admissionv1.MatchCondition{{Name: "a", Expression: "1"}}
		}, `spec.matchConditions[0].expression: Invalid value: "1": must evaluate to bool but got int`},
		{"kind of params", func(p *admissionv1.ValidatingAdmissionPolicy) {
			p.Spec.ParamKind = &admissionv1.ParamKind{APIVersion: "example.com/", Kind: "a.b"}
		}, `[spec.paramKind.apiVersion: Invalid value: "": a DNS-1035 label must consist…`},
		{"audit", func(p *admissionv1.ValidatingAdmissionPolicy) {
			p.Spec.AuditAnnotations = []admissionv1.AuditAnnotation{{Key: "a", ValueExpression: "1"}}
		}, `spec.auditAnnotations[0].valueExpression: Invalid value: "1": must evaluate to one of [string null_type] but got int`},
		{"names", func(p *admissionv1.ValidatingAdmissionPolicy) {
			p.Spec.MatchConstraints.ResourceRules[0].ResourceNames = []string{"a", "a/b", "a"}
		}, `[spec.matchConstraints.resourceRules[0].resourceNames[1]: Invalid value: "a/b": may not contain '/', spec.matchConstraints.resourceRules[0].resourceNames[2]: Duplicate value: "a"]`},
	})
	updates(t, validatingPolicy, validation.ValidatingAdmissionPolicyUpdate, []row[admissionv1.ValidatingAdmissionPolicy]{
		{"syntax", expression("object."), `spec.validations[0].expression: Invalid value: "object.": compilation failed: …`},
	})
}

const mutatingPolicy = `
metadata: {name: p}
spec:
  reinvocationPolicy: Never
  matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [pods]}]}
  mutations: [{patchType: ApplyConfiguration, applyConfiguration: {expression: "Object{metadata: Object.metadata{labels: {'a': 'b'}}}"}}]
`

func TestMutatingAdmissionPolicy(t *testing.T) {
	table(t, mutatingPolicy, validation.MutatingAdmissionPolicy, []row[admissionv1.MutatingAdmissionPolicy]{
		{"type", func(p *admissionv1.MutatingAdmissionPolicy) { p.Spec.Mutations[0].ApplyConfiguration.Expression = "1" },
			`spec.mutations[0].applyConfiguration.expression: Invalid value: "1": must evaluate to Object but got int`},
		{"JSON patch", func(p *admissionv1.MutatingAdmissionPolicy) {
			p.Spec.Mutations[0] = admissionv1.Mutation{PatchType: admissionv1.PatchTypeJSONPatch, JSONPatch: &admissionv1.JSONPatch{Expression: "[JSONPatch{op: 'remove', path: '/a'}]"}}
		}, ``},
		{"no mutation", func(p *admissionv1.MutatingAdmissionPolicy) { p.Spec.Mutations = nil },
			`spec.mutations: Required value: mutations must contain at least one item`},
	})
	updates(t, mutatingPolicy, validation.MutatingAdmissionPolicyUpdate, nil)
}
