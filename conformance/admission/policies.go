package admission

import (
	"context"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	v1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// on matches the creation and update of the resource.
func on(group, resource string) *v1.MatchResources {
	return &v1.MatchResources{ResourceRules: []v1.NamedRuleWithOperations{{RuleWithOperations: v1.RuleWithOperations{
		Operations: []v1.OperationType{v1.Create, v1.Update}, Rule: v1.Rule{APIGroups: []string{group}, APIVersions: []string{"v1"}, Resources: []string{resource}}}}}}
}

// here selects the spec's namespace, so that no other spec meets its policies.
func here(f *Framework) *v1.MatchResources {
	return &v1.MatchResources{NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": f.Namespace}}}
}

// binding is that of the policy of the same name, with the action Deny.
func binding(f *Framework, name string) *v1.ValidatingAdmissionPolicyBinding {
	return &v1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: name, ValidationActions: []v1.ValidationAction{v1.Deny}, MatchResources: here(f)}}
}

func policy(name string, spec v1.ValidatingAdmissionPolicySpec) *v1.ValidatingAdmissionPolicy {
	if spec.MatchConstraints == nil {
		spec.MatchConstraints = on("", "configmaps")
	}
	return &v1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}
}

var _ = Describe("admission policies", func() {
	f := New()

	f.It("admission/validating-policy-denies", func(ctx SpecContext) {
		f.CreateForCluster(ctx, policy(f.Namespace, v1.ValidatingAdmissionPolicySpec{Validations: []v1.Validation{
			{Expression: "object.metadata.name != 'plain'", Message: "be more inventive"},
			{Expression: "object.metadata.name != 'long'", MessageExpression: "'no room for ' + object.metadata.name", Reason: ptr.To(metav1.StatusReasonForbidden)},
			{Expression: "object.metadata.name != 'bare'"},
		}}), binding(f, f.Namespace))
		denied := "ValidatingAdmissionPolicy '" + f.Namespace + "' with binding '" + f.Namespace + "' denied request: "
		MustRefuse(waitDenied(ctx, f, configMap("plain", nil), denied), http.StatusUnprocessableEntity, `configmaps "plain" is forbidden: `+denied+"be more inventive")
		MustRefuse(waitDenied(ctx, f, configMap("long", nil), denied), http.StatusForbidden, denied+"no room for long")
		MustRefuse(waitDenied(ctx, f, configMap("bare", nil), denied), http.StatusUnprocessableEntity, denied+"failed expression: object.metadata.name != 'bare'")
		mustAccept(ctx, f, configMap("other", nil))
	})

	f.It("admission/validating-policy-unbound", func(ctx SpecContext) {
		name, bound := f.Namespace, f.Namespace+"-bound"
		no := []v1.Validation{{Expression: "object.metadata.name != 'no'", Message: "no"}}
		elsewhere := binding(f, name)
		elsewhere.Spec.MatchResources.NamespaceSelector.MatchLabels["kubernetes.io/metadata.name"] = "none-such"
		yes := []v1.Validation{{Expression: "object.metadata.name != 'probe'", Message: "bound"}}
		f.CreateForCluster(ctx, policy(name, v1.ValidatingAdmissionPolicySpec{Validations: no}), elsewhere,
			policy(bound, v1.ValidatingAdmissionPolicySpec{Validations: yes}), binding(f, bound))
		waitDenied(ctx, f, configMap("probe", nil), "bound") // the later policy is known, so the earlier is
		f.Stays(ctx, "the other policy has no effect", Quiet, func(ctx context.Context) (bool, string) {
			_, err := f.API.CoreV1().ConfigMaps(f.Namespace).Create(ctx, configMap("no", nil), dryRun)
			return err == nil, "a refusal"
		})
	})

	f.It("admission/validating-policy-warns", func(ctx SpecContext) {
		b := binding(f, f.Namespace)
		b.Spec.ValidationActions = []v1.ValidationAction{v1.Warn, v1.Audit}
		f.CreateForCluster(ctx, policy(f.Namespace, v1.ValidatingAdmissionPolicySpec{Validations: []v1.Validation{{Expression: "false", Message: "you should not"}}}), b)
		client, heard := listen(f)
		f.WaitUntil(ctx, "a warning", SettleTimeout, func(ctx context.Context) (bool, string) {
			if _, err := client.CoreV1().ConfigMaps(f.Namespace).Create(ctx, configMap("m", nil), dryRun); err != nil {
				return false, err.Error()
			}
			got := heard.take()
			return got == "Validation failed for ValidatingAdmissionPolicy '"+f.Namespace+"' with binding '"+f.Namespace+"': you should not", "the warning " + got
		})
	})

	f.It("admission/validating-policy-parameters", func(ctx SpecContext) {
		params := configMap("params", map[string]string{"most": "3"})
		f.Create(ctx, params)
		b := binding(f, f.Namespace)
		b.Spec.ParamRef = &v1.ParamRef{Name: "params", Namespace: f.Namespace, ParameterNotFoundAction: ptr.To(v1.DenyAction)}
		f.CreateForCluster(ctx, policy(f.Namespace, v1.ValidatingAdmissionPolicySpec{
			ParamKind: &v1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"},
			Validations: []v1.Validation{{Expression: "!has(object.data) || !('size' in object.data) || int(object.data['size']) <= int(params.data['most'])",
				MessageExpression: "'more than ' + params.data['most']"}}}), b)
		waitDenied(ctx, f, configMap("m", map[string]string{"size": "5"}), "more than 3")
		mustAccept(ctx, f, configMap("m", map[string]string{"size": "2"}))
		f.Patch(ctx, params, `{"data":{"most":"1"}}`)
		waitDenied(ctx, f, configMap("m", map[string]string{"size": "2"}), "more than 1")
		f.Delete(ctx, params)
		waitDenied(ctx, f, configMap("m", nil), "no params found")
	})

	f.It("admission/validating-policy-variables", func(ctx SpecContext) {
		f.Create(ctx, configMap("kept", map[string]string{"owner": "alice"}))
		f.CreateForCluster(ctx, policy(f.Namespace, v1.ValidatingAdmissionPolicySpec{
			Variables: []v1.Variable{{Name: "data", Expression: "has(object.data) ? object.data : {}"},
				{Name: "owner", Expression: "'owner' in variables.data ? string(variables.data['owner']) : ''"}},
			MatchConditions: []v1.MatchCondition{{Name: "not-exempt", Expression: "!object.metadata.name.startsWith('exempt-') && request.operation != 'DELETE'"}},
			Validations: []v1.Validation{
				{Expression: "variables.owner != ''", MessageExpression: "'an owner is wanted in ' + namespaceObject.metadata.name"},
				{Expression: "oldObject == null || oldObject.data['owner'] == variables.owner", Message: "the owner stays"},
			}}), binding(f, f.Namespace))
		waitDenied(ctx, f, configMap("m", nil), "an owner is wanted in "+f.Namespace)
		mustAccept(ctx, f, configMap("m", map[string]string{"owner": "bob"}))
		mustAccept(ctx, f, configMap("exempt-m", nil))
		kept := configMap("kept", nil)
		MustRefuse(f.TryEdit(ctx, kept, func() { kept.Data["owner"] = "bob" }), http.StatusUnprocessableEntity, "the owner stays")
		f.Edit(ctx, kept, func() { kept.Data["more"] = "yes" })
	})

	f.It("admission/validating-policy-failure", func(ctx SpecContext) {
		strict, lax := f.Namespace+"-strict", f.Namespace+"-lax"
		wrong := func(on string) v1.ValidatingAdmissionPolicySpec {
			return v1.ValidatingAdmissionPolicySpec{
				MatchConditions: []v1.MatchCondition{{Name: "one", Expression: "object.metadata.name == '" + on + "'"}},
				Validations:     []v1.Validation{{Expression: "object.data['nowhere'] == 'x'", Message: "judged"}}}
		}
		ignoring := wrong("lax")
		ignoring.FailurePolicy = ptr.To(v1.Ignore)
		f.CreateForCluster(ctx, policy(strict, wrong("strict")), binding(f, strict), policy(lax, ignoring), binding(f, lax))
		waitDenied(ctx, f, configMap("strict", map[string]string{"a": "b"}), "resulted in error: no such key: nowhere")
		waitDenied(ctx, f, configMap("lax", map[string]string{"nowhere": "y"}), "judged")
		mustAccept(ctx, f, configMap("lax", map[string]string{"a": "b"}))
	})

	f.It("admission/validating-policy-type-checking", func(ctx SpecContext) {
		p := policy(f.Namespace, v1.ValidatingAdmissionPolicySpec{MatchConstraints: on("apps", "deployments"), Validations: []v1.Validation{
			{Expression: "object.spec.replicas > 1"}, {Expression: "object.spec.replicas > '1'"}}})
		f.CreateForCluster(ctx, p)
		f.WaitUntil(ctx, "the policy was checked", SettleTimeout, func(ctx context.Context) (bool, string) {
			f.Get(ctx, p)
			return p.Status.ObservedGeneration == p.Generation && p.Status.TypeChecking != nil, "it was not"
		})
		Expect(p.Status.TypeChecking.ExpressionWarnings).To(HaveLen(1))
		got := p.Status.TypeChecking.ExpressionWarnings[0]
		Expect(got.FieldRef).To(Equal("spec.validations[1].expression"))
		Expect(got.Warning).To(And(HavePrefix("apps/v1, Kind=Deployment: "), ContainSubstring("no matching overload")))
	})

	f.It("admission/mutating-policy", func(ctx SpecContext) {
		f.CreateForCluster(ctx, &v1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace}, Spec: v1.MutatingAdmissionPolicySpec{
			MatchConstraints: on("", "configmaps"), ReinvocationPolicy: v1.NeverReinvocationPolicy, FailurePolicy: ptr.To(v1.Fail),
			MatchConditions: []v1.MatchCondition{{Name: "one", Expression: "object.metadata.name.startsWith('m')"}},
			Mutations: []v1.Mutation{
				{PatchType: v1.PatchTypeApplyConfiguration, ApplyConfiguration: &v1.ApplyConfiguration{
					Expression: `Object{metadata: Object.metadata{annotations: {"seen-in": request.namespace}}}`}},
				{PatchType: v1.PatchTypeJSONPatch, JSONPatch: &v1.JSONPatch{Expression: `[JSONPatch{op: "add", path: "/data", value: {"name": object.metadata.name}}]`}},
			}}}, &v1.MutatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: f.Namespace},
			Spec: v1.MutatingAdmissionPolicyBindingSpec{PolicyName: f.Namespace, MatchResources: here(f)}})
		var got *corev1.ConfigMap
		f.WaitUntil(ctx, "the policy is in force", SettleTimeout, func(ctx context.Context) (bool, string) {
			var err error
			if got, err = f.API.CoreV1().ConfigMaps(f.Namespace).Create(ctx, configMap("m", nil), dryRun); err != nil {
				return false, err.Error()
			}
			return got.Annotations != nil, "the object is unchanged"
		})
		Expect(got.Annotations).To(HaveKeyWithValue("seen-in", f.Namespace))
		Expect(got.Data).To(Equal(map[string]string{"name": "m"}))
		other, err := f.API.CoreV1().ConfigMaps(f.Namespace).Create(ctx, configMap("other", nil), dryRun)
		Expect(err).NotTo(HaveOccurred())
		Expect(other.Data).To(BeEmpty(), "an object that does not match was changed")
	})
})

// isInvalid tells a refusal by validation, 422.
func isInvalid(err error) bool { return strings.Contains(err.Error(), "is invalid") }
