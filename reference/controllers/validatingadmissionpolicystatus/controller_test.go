package validatingadmissionpolicystatus

import (
	"context"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

// TestTypeChecking: the warnings name the expression, and follow the policy's generations.
func TestTypeChecking(t *testing.T) {
	client, err := kubernetes.NewForConfig(apiservertest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, shared, NewChecker(client.Discovery()))
	controllertest.Start(t, shared)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { c.Run(ctx, 1); close(done) }()
	t.Cleanup(func() { cancel(); <-done })

	api := client.AdmissionregistrationV1().ValidatingAdmissionPolicies()
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: "replicas"},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
				RuleWithOperations: admissionregistrationv1.RuleWithOperations{
					Operations: []admissionregistrationv1.OperationType{"CREATE"},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
				}}}},
			Validations: []admissionregistrationv1.Validation{
				{Expression: "object.spec.replicas > 1"},
				{Expression: "object.spec.replicas > '1'", MessageExpression: "string(object.nowhere)"},
			},
		},
	}
	policy, err = api.Create(t.Context(), policy, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	policy = observed(t, client, policy.Generation)
	if policy.Status.TypeChecking == nil || len(policy.Status.TypeChecking.ExpressionWarnings) != 2 {
		t.Fatalf("got %+v, wanted two warnings", policy.Status.TypeChecking)
	}
	for i, want := range []struct{ field, text string }{
		{"spec.validations[1].expression", "no matching overload"}, {"spec.validations[1].messageExpression", "undefined field 'nowhere'"},
	} {
		got := policy.Status.TypeChecking.ExpressionWarnings[i]
		if got.FieldRef != want.field || !strings.HasPrefix(got.Warning, "apps/v1, Kind=Deployment: ") || !strings.Contains(got.Warning, want.text) {
			t.Errorf("got %+v, wanted %+v", got, want)
		}
	}

	policy.Spec.Validations = policy.Spec.Validations[:1]
	policy, err = api.Update(t.Context(), policy, metav1.UpdateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if policy = observed(t, client, policy.Generation); policy.Status.TypeChecking != nil && len(policy.Status.TypeChecking.ExpressionWarnings) > 0 {
		t.Errorf("got %+v, wanted no warnings", policy.Status.TypeChecking)
	}
}

// observed waits until the status is about the generation.
func observed(t *testing.T, client kubernetes.Interface, generation int64) *admissionregistrationv1.ValidatingAdmissionPolicy {
	t.Helper()
	var policy *admissionregistrationv1.ValidatingAdmissionPolicy
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		var err error
		policy, err = client.AdmissionregistrationV1().ValidatingAdmissionPolicies().Get(ctx, "replicas", metav1.GetOptions{})
		return err == nil && policy.Status.ObservedGeneration == generation, err
	})
	if err != nil {
		t.Fatalf("generation %d was not observed: %v", generation, err)
	}
	return policy
}
