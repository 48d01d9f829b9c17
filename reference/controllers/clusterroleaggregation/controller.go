// Package clusterroleaggregation writes into every ClusterRole with an aggregationRule the rules of the
// ClusterRoles that it selects. What somebody wrote into its rules by hand is overwritten.
//
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
package clusterroleaggregation

import (
	"context"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	rbaclisters "k8s.io/client-go/listers/rbac/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// Name is the controller's name in logs, and as the manager of the fields that it writes.
const Name = "clusterrole-aggregation-controller"

// Controller aggregates. Its keys are ClusterRoles that have an aggregationRule.
type Controller struct {
	client kubernetes.Interface
	roles  rbaclisters.ClusterRoleLister
	queue  *controller.Queue
	synced cache.InformerSynced
}

// New returns the controller.
func New(client kubernetes.Interface, shared informers.SharedInformerFactory) *Controller {
	roles := shared.Rbac().V1().ClusterRoles()
	c := &Controller{client: client, roles: roles.Lister(), queue: controller.NewQueue(Name)}
	// Any role may be part of any aggregate: by the labels that it has or, before a change, had.
	c.synced = controller.Watch(roles.Informer(), func(_, _ *rbacv1.ClusterRole) { c.addAggregates() })
	return c
}

func (c *Controller) addAggregates() {
	all, err := c.roles.List(labels.Everything())
	if err != nil {
		return // a lister reads memory: it does not fail
	}
	for _, role := range all {
		if role.AggregationRule != nil {
			c.queue.Add(controller.Key(role))
		}
	}
}

// Run works until ctx ends.
func (c *Controller) Run(ctx context.Context, workers int) {
	c.queue.Run(ctx, workers, c.Reconcile, c.synced)
}

// Reconcile makes the rules of one role those of its parts.
func (c *Controller) Reconcile(ctx context.Context, key types.NamespacedName) (time.Duration, error) {
	role, err := c.roles.Get(key.Name)
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	all, err := c.roles.List(labels.Everything())
	if err != nil {
		return 0, err
	}
	rules, err := gather(role, all)
	if err != nil || equality.Semantic.DeepEqual(rules, role.Rules) {
		return 0, err
	}
	// An apply could not take away what another manager wrote, so this is an update.
	role = role.DeepCopy()
	role.Rules = rules
	_, err = c.client.RbacV1().ClusterRoles().Update(ctx, role, metav1.UpdateOptions{FieldManager: Name})
	return 0, err
}
