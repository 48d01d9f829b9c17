package controllers_test

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

func deploymentFaults() []fault.Scenario {
	start := runs("deployment-controller", "replicaset-controller")
	return []fault.Scenario{
		{
			Name: "deployment", Start: start, Outcome: deploymentOutcome, Throughout: atMost(4, 3),
			Steps: []fault.Step{
				{Name: "create", Do: createDeployment(3), Until: deployed(3)},
				{Name: "update", Do: image(2), Until: deployed(3)},
			},
		},
		{
			Name: "deployment-rollover", Start: start, Outcome: deploymentOutcome, Throughout: atMost(4, 3),
			Steps: []fault.Step{
				{Name: "create", Do: createDeployment(3), Until: deployed(3)},
				{Name: "update", Do: image(2), Until: setsAre(2)},
				{Name: "update again", Do: image(3), Until: deployed(3)},
				{Name: "and back", Do: image(1), Until: deployed(3)},
			},
		},
		{
			Name: "deployment-recreate", Start: start, Outcome: deploymentOutcome, Throughout: oneTemplate,
			Steps: []fault.Step{
				{Name: "create", Do: createDeployment(2, func(d *appsv1.Deployment) {
					d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
				}), Until: deployed(2)},
				{Name: "update", Do: image(2), Until: deployed(2)},
			},
		},
		{
			Name: "deployment-paused", Start: start, Outcome: deploymentOutcome, Throughout: atMost(6, 2),
			Steps: []fault.Step{
				{Name: "create", Do: createDeployment(2, func(d *appsv1.Deployment) { d.Spec.RevisionHistoryLimit = ptr.To[int32](0) }), Until: deployed(2)},
				{Name: "pause and scale", Do: patch(`{"spec":{"paused":true,"replicas":4}}`), Until: deployed(4)},
				{Name: "update", Do: image(2)},
				{Name: "resume", Do: patch(`{"spec":{"paused":false}}`), Until: deployed(4)},
			},
		},
		{
			Name: "deployment-deletion", Start: runs("deployment-controller", "replicaset-controller", "garbage-collector-controller"), Outcome: deploymentOutcome,
			Steps: []fault.Step{
				{Name: "create", Do: createDeployment(2), Until: deployed(2)},
				{Name: "delete", Do: func(ctx context.Context, r *fault.Round) error {
					return r.Client.AppsV1().Deployments(r.Namespace).Delete(ctx, "web", metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationForeground)})
				}, Until: func(ctx context.Context, r *fault.Round) error {
					if _, err := r.Client.AppsV1().Deployments(r.Namespace).Get(ctx, "web", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
						return fmt.Errorf("the Deployment is still there: %v", err)
					}
					return nil
				}},
			},
		},
	}
}

// setsAre waits until there are so many sets.
func setsAre(count int) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		sets, err := r.Client.AppsV1().ReplicaSets(r.Namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(sets.Items) != count {
			err = fmt.Errorf("%d sets, want %d", len(sets.Items), count)
		}
		return err
	}
}

// oneTemplate checks that pods of two templates never exist at once, terminating
// ones included.
func oneTemplate() func(pods []*corev1.Pod) error {
	return func(pods []*corev1.Pod) error {
		images := map[string]bool{}
		for _, pod := range pods {
			images[pod.Spec.Containers[0].Image] = true
		}
		if len(images) > 1 {
			return fmt.Errorf("pods of %v exist at once", images)
		}
		return nil
	}
}
