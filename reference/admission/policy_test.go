package admission_test

import (
	"context"
	"strings"
	"testing"

	v1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// onMaps matches the creation and update of ConfigMaps.
func onMaps() *v1.MatchResources {
	r := rule("", "v1", "configmaps")
	r[0].Operations = []v1.OperationType{v1.Create, v1.Update}
	return &v1.MatchResources{ResourceRules: []v1.NamedRuleWithOperations{{RuleWithOperations: r[0]}}}
}

// bind puts a policy into force in the namespace of its name.
func bind(t *testing.T, client kubernetes.Interface, name string, spec v1.ValidatingAdmissionPolicySpec, change ...func(*v1.ValidatingAdmissionPolicyBindingSpec)) {
	t.Helper()
	api := client.AdmissionregistrationV1()
	if spec.MatchConstraints == nil {
		spec.MatchConstraints = onMaps()
	}
	if _, err := api.ValidatingAdmissionPolicies().Create(t.Context(), &v1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: spec}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	b := &v1.ValidatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.ValidatingAdmissionPolicyBindingSpec{
		PolicyName: name, ValidationActions: []v1.ValidationAction{v1.Deny}, MatchResources: &v1.MatchResources{NamespaceSelector: within(name)}}}
	for _, f := range change {
		f(&b.Spec)
	}
	if _, err := api.ValidatingAdmissionPolicyBindings().Create(t.Context(), b, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

func mapOf(name, key, value string) *corev1.ConfigMap {
	m := newMap(name)
	m.Data = map[string]string{key: value}
	return m
}

// TestValidatingPolicies: CEL expressions judge requests.
func TestValidatingPolicies(t *testing.T) {
	server := apiservertest.New(t)
	client, warnings := connect(t, server.Config)
	core := client.CoreV1()
	create := func(ctx context.Context, ns string, m *corev1.ConfigMap) error {
		_, err := core.ConfigMaps(ns).Create(ctx, m, metav1.CreateOptions{DryRun: []string{"All"}})
		return err
	}

	t.Run("denial", func(t *testing.T) {
		newNamespace(t, client, "deny", map[string]string{"tier": "gold"})
		bind(t, client, "deny", v1.ValidatingAdmissionPolicySpec{
			Variables:       []v1.Variable{{Name: "big", Expression: "has(object.data) && object.data.size() > 1"}},
			MatchConditions: []v1.MatchCondition{{Name: "not-system", Expression: "!object.metadata.name.startsWith('system-')"}},
			Validations: []v1.Validation{
				{Expression: "!variables.big", MessageExpression: "'too big: ' + string(object.data.size()) + ' in ' + namespaceObject.metadata.labels.tier", Reason: ptr.To(metav1.StatusReasonRequestEntityTooLarge)},
				{Expression: "object.metadata.name != 'plain'", Message: "be more inventive"},
				{Expression: "object.metadata.name != 'bare'"},
			}})
		for name, want := range map[string]string{
			"plain": `configmaps "plain" is forbidden: ValidatingAdmissionPolicy 'deny' with binding 'deny' denied request: be more inventive`,
			"bare":  `configmaps "bare" is forbidden: ValidatingAdmissionPolicy 'deny' with binding 'deny' denied request: failed expression: object.metadata.name != 'bare'`,
		} {
			var err error
			eventually(t, name+" is refused", func(ctx context.Context) bool { err = create(ctx, "deny", newMap(name)); return err != nil })
			if !apierrors.IsInvalid(err) || err.Error() != want {
				t.Errorf("got %v, wanted %s", err, want)
			}
		}
		big := newMap("big")
		big.Data = map[string]string{"a": "", "b": ""}
		if err := create(t.Context(), "deny", big); !apierrors.IsRequestEntityTooLargeError(err) || !strings.HasSuffix(err.Error(), "denied request: too big: 2 in gold") {
			t.Errorf("got %v", err)
		}
		if err := create(t.Context(), "deny", newMap("system-x")); err != nil {
			t.Errorf("an unmatched condition: %v", err)
		}
	})

	t.Run("warning", func(t *testing.T) {
		newNamespace(t, client, "warn", nil)
		bind(t, client, "warn", v1.ValidatingAdmissionPolicySpec{
			AuditAnnotations: []v1.AuditAnnotation{{Key: "name", ValueExpression: "string(object.metadata.name)"}},
			Validations:      []v1.Validation{{Expression: "false", Message: "you should not"}},
		}, func(b *v1.ValidatingAdmissionPolicyBindingSpec) {
			b.ValidationActions = []v1.ValidationAction{v1.Warn, v1.Audit}
		})
		warnings.take()
		want := `Validation failed for ValidatingAdmissionPolicy 'warn' with binding 'warn': you should not`
		eventually(t, "a warning", func(ctx context.Context) bool {
			return create(ctx, "warn", newMap("m")) == nil && warnings.take() == want
		})
	})

	t.Run("failure policy", func(t *testing.T) {
		newNamespace(t, client, "fail", nil)
		newNamespace(t, client, "ignore", nil)
		wrong := []v1.Validation{{Expression: "object.data.nowhere == 'x'"}}
		bind(t, client, "fail", v1.ValidatingAdmissionPolicySpec{Validations: wrong})
		bind(t, client, "ignore", v1.ValidatingAdmissionPolicySpec{Validations: wrong, FailurePolicy: ptr.To(v1.Ignore)})
		var err error
		eventually(t, "an error refuses", func(ctx context.Context) bool { err = create(ctx, "fail", mapOf("m", "a", "b")); return err != nil })
		if !strings.Contains(err.Error(), `denied request: expression 'object.data.nowhere == 'x'' resulted in error: no such key: nowhere`) {
			t.Errorf("got %v", err)
		}
		eventually(t, "the other policy is in force", func(ctx context.Context) bool { return create(ctx, "ignore", mapOf("m", "nowhere", "y")) != nil })
		if err := create(t.Context(), "ignore", mapOf("m", "a", "b")); err != nil {
			t.Errorf("an error that is to be ignored: %v", err)
		}
	})

	t.Run("parameters", func(t *testing.T) {
		newNamespace(t, client, "params", nil)
		spec := v1.ValidatingAdmissionPolicySpec{ParamKind: &v1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"},
			Validations: []v1.Validation{{Expression: "!has(object.data) || !('size' in object.data) || int(object.data.size) <= int(params.data.most)",
				MessageExpression: "'more than ' + params.data.most"}}}
		for name, most := range map[string]string{"loose": "9", "tight": "3"} {
			m := mapOf(name, "most", most)
			m.Labels = map[string]string{"use": "yes"}
			if _, err := core.ConfigMaps("params").Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		bind(t, client, "params", spec, func(b *v1.ValidatingAdmissionPolicyBindingSpec) {
			b.ParamRef = &v1.ParamRef{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"use": "yes"}}, ParameterNotFoundAction: ptr.To(v1.DenyAction)}
		})
		var err error
		eventually(t, "the tighter parameter refuses", func(ctx context.Context) bool {
			err = create(ctx, "params", mapOf("m", "size", "5"))
			return err != nil && strings.Contains(err.Error(), "more than 3")
		})
		if err := create(t.Context(), "params", mapOf("m", "size", "2")); err != nil {
			t.Errorf("within all parameters: %v", err)
		}
	})

	t.Run("missing parameters", func(t *testing.T) {
		newNamespace(t, client, "lost", nil)
		bind(t, client, "lost", v1.ValidatingAdmissionPolicySpec{ParamKind: &v1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"}, Validations: []v1.Validation{{Expression: "true"}}},
			func(b *v1.ValidatingAdmissionPolicyBindingSpec) {
				b.ParamRef = &v1.ParamRef{Name: "nowhere", ParameterNotFoundAction: ptr.To(v1.DenyAction)}
			})
		var err error
		eventually(t, "no parameter refuses", func(ctx context.Context) bool { err = create(ctx, "lost", newMap("m")); return err != nil })
		if !strings.Contains(err.Error(), "no params found for policy binding with `Deny` parameterNotFoundAction") {
			t.Errorf("got %v", err)
		}
	})

	t.Run("custom parameters", func(t *testing.T) {
		newNamespace(t, client, "custom", nil)
		limits := dynamic.NewForConfigOrDie(server.Config)
		crd := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": map[string]any{"name": "limits.example.com"},
			"spec": map[string]any{"group": "example.com", "scope": "Cluster", "names": map[string]any{"plural": "limits", "singular": "limit", "kind": "Limit", "listKind": "LimitList"},
				"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{"openAPIV3Schema": map[string]any{"type": "object",
					"properties": map[string]any{"most": map[string]any{"type": "integer"}}}}}}}}}
		if _, err := limits.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).Create(t.Context(), crd, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		limit := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Limit", "metadata": map[string]any{"name": "l"}, "most": int64(1)}}
		eventually(t, "the custom resource is served", func(ctx context.Context) bool {
			_, err := limits.Resource(schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "limits"}).Create(ctx, limit, metav1.CreateOptions{})
			return err == nil
		})
		bind(t, client, "custom", v1.ValidatingAdmissionPolicySpec{ParamKind: &v1.ParamKind{APIVersion: "example.com/v1", Kind: "Limit"},
			Validations: []v1.Validation{{Expression: "!has(object.data) || object.data.size() <= params.most", Message: "too many"}}},
			func(b *v1.ValidatingAdmissionPolicyBindingSpec) {
				b.ParamRef = &v1.ParamRef{Name: "l", ParameterNotFoundAction: ptr.To(v1.DenyAction)}
			})
		two := newMap("two")
		two.Data = map[string]string{"a": "", "b": ""}
		eventually(t, "the custom parameter refuses", func(ctx context.Context) bool {
			err := create(ctx, "custom", two)
			return err != nil && strings.HasSuffix(err.Error(), "too many")
		})
		if err := create(t.Context(), "custom", mapOf("one", "a", "")); err != nil {
			t.Errorf("within the limit: %v", err)
		}
	})

	t.Run("authorizer", func(t *testing.T) {
		newNamespace(t, client, "authz", nil)
		role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Name: "maps"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"create"}, APIGroups: []string{""}, Resources: []string{"configmaps"}}}}
		if _, err := client.RbacV1().Roles("authz").Create(t.Context(), role, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Name: "maps"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "maps"}, Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: "bob"}}}
		if _, err := client.RbacV1().RoleBindings("authz").Create(t.Context(), b, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		bind(t, client, "authz", v1.ValidatingAdmissionPolicySpec{Validations: []v1.Validation{{Message: "only for those who may delete them",
			Expression: "authorizer.requestResource.check('create').allowed() && authorizer.group('').resource('configmaps').namespace('authz').check('delete').allowed()"}}})
		bob, _ := connect(t, server.User("bob"))
		eventually(t, "bob is refused", func(ctx context.Context) bool {
			_, err := bob.CoreV1().ConfigMaps("authz").Create(ctx, newMap("m"), metav1.CreateOptions{DryRun: []string{"All"}})
			return err != nil && strings.HasSuffix(err.Error(), "only for those who may delete them")
		})
		if err := create(t.Context(), "authz", newMap("m")); err != nil {
			t.Errorf("the administrator: %v", err)
		}
	})
}

// TestMutatingPolicies: CEL expressions change requests, by apply configurations and JSON patches, one
// after the other.
func TestMutatingPolicies(t *testing.T) {
	client, _ := connect(t, apiservertest.Start(t))
	newNamespace(t, client, "mutate", nil)
	api := client.AdmissionregistrationV1()
	policy := &v1.MutatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "mutate"}, Spec: v1.MutatingAdmissionPolicySpec{
		MatchConstraints: onMaps(), ReinvocationPolicy: v1.IfNeededReinvocationPolicy, FailurePolicy: ptr.To(v1.Fail),
		ParamKind:       &v1.ParamKind{APIVersion: "v1", Kind: "ConfigMap"},
		Variables:       []v1.Variable{{Name: "prefix", Expression: "params.data.prefix"}},
		MatchConditions: []v1.MatchCondition{{Name: "opt-in", Expression: "has(object.metadata.labels) && 'mutate' in object.metadata.labels"}},
		Mutations: []v1.Mutation{
			{PatchType: v1.PatchTypeApplyConfiguration, ApplyConfiguration: &v1.ApplyConfiguration{
				Expression: `Object{metadata: Object.metadata{annotations: {"by": variables.prefix + object.metadata.name}}}`}},
			{PatchType: v1.PatchTypeJSONPatch, JSONPatch: &v1.JSONPatch{
				Expression: `has(object.data) ? [] : [JSONPatch{op: "add", path: "/data", value: {"seen": object.metadata.annotations["by"]}}]`}},
		}}}
	params := mapOf("params", "prefix", "p-")
	if _, err := client.CoreV1().ConfigMaps("mutate").Create(t.Context(), params, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := api.MutatingAdmissionPolicies().Create(t.Context(), policy, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	binding := &v1.MutatingAdmissionPolicyBinding{ObjectMeta: metav1.ObjectMeta{Name: "mutate"}, Spec: v1.MutatingAdmissionPolicyBindingSpec{PolicyName: "mutate",
		ParamRef:       &v1.ParamRef{Name: "params", ParameterNotFoundAction: ptr.To(v1.DenyAction)},
		MatchResources: &v1.MatchResources{NamespaceSelector: within("mutate")}}}
	if _, err := api.MutatingAdmissionPolicyBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	m := newMap("m")
	m.Labels = map[string]string{"mutate": ""}
	var got *corev1.ConfigMap
	var err error
	eventually(t, "the policy is in force", func(ctx context.Context) bool {
		got, err = client.CoreV1().ConfigMaps("mutate").Create(ctx, m, metav1.CreateOptions{DryRun: []string{"All"}})
		return err != nil || got.Annotations != nil
	})
	if err != nil || got.Annotations["by"] != "p-m" || got.Data["seen"] != "p-m" {
		t.Errorf("got %v %v, %v", got.Annotations, got.Data, err)
	}
	if got, err = client.CoreV1().ConfigMaps("mutate").Create(t.Context(), newMap("plain"), metav1.CreateOptions{}); err != nil || got.Annotations != nil || got.Data != nil {
		t.Errorf("an unmatched condition: got %v %v, %v", got.Annotations, got.Data, err)
	}
}
