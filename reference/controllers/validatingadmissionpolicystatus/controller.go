// Package validatingadmissionpolicystatus tells authors of ValidatingAdmissionPolicies, in the
// policy's status, which expressions do not fit the types that the policy matches.
//
// https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#type-checking
package validatingadmissionpolicystatus

import (
	"context"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/cel/openapi/resolver"
	apply "k8s.io/client-go/applyconfigurations/admissionregistration/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/admissionregistration/v1"
	"k8s.io/client-go/restmapper"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in logs, and the manager of the fields it writes.
const Name = "validatingadmissionpolicy-status-controller"

// Checker finds the expressions of a policy that do not fit.
type Checker interface {
	Check(*admissionregistrationv1.ValidatingAdmissionPolicy) []admissionregistrationv1.ExpressionWarning
}

// Controller checks each generation of a policy once. Its keys are policies.
type Controller struct {
	client   kubernetes.Interface
	checker  Checker
	policies listers.ValidatingAdmissionPolicyLister
	queue    *controller.Queue
	synced   []cache.InformerSynced
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory, checker Checker) *Controller {
	policies := shared.Admissionregistration().V1().ValidatingAdmissionPolicies()
	c := &Controller{client: client, checker: checker, policies: policies.Lister(), queue: controller.NewQueue(Name)}
	c.synced = []cache.InformerSynced{controller.WatchKeys[*admissionregistrationv1.ValidatingAdmissionPolicy](policies.Informer(), c.queue)}
	return c
}

// NewChecker checks against the types that the API server publishes, built-in and custom. It asks for
// them when a policy comes, not before.
func NewChecker(api discovery.DiscoveryInterface) Checker {
	return &validating.TypeChecker{
		SchemaResolver: &resolver.ClientDiscoveryResolver{Discovery: api},
		RestMapper:     restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(api)),
	}
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced...)
}

// Reconcile writes what the check found, and for which generation.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	policy, err := c.policies.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil || policy.Status.ObservedGeneration == policy.Generation {
		return 0, err
	}
	checking := apply.TypeChecking()
	for _, w := range c.checker.Check(policy) {
		checking.WithExpressionWarnings(apply.ExpressionWarning().WithFieldRef(w.FieldRef).WithWarning(w.Warning))
	}
	status := apply.ValidatingAdmissionPolicyStatus().WithObservedGeneration(policy.Generation).WithTypeChecking(checking)
	_, err = c.client.AdmissionregistrationV1().ValidatingAdmissionPolicies().ApplyStatus(ctx,
		apply.ValidatingAdmissionPolicy(policy.Name).WithStatus(status), metav1.ApplyOptions{FieldManager: Name, Force: true})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	return 0, err
}
