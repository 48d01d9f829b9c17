package controllers

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// namespace is where everything is made.
const namespace = "bench-controllers"

// phase is one change of every object.
type phase struct {
	name string
	// act changes the ith object.
	act func(ctx context.Context, client kubernetes.Interface, i int) error
	// done tells whether an object is as the change wants it; without it the objects and all that is theirs are to go.
	done func(d *appsv1.Deployment) bool
	// pods is how many there are in the end for each object.
	pods  int
	needs []need
}

func phases(o Options) []phase {
	patch := func(what string) func(context.Context, kubernetes.Interface, int) error {
		return func(ctx context.Context, client kubernetes.Interface, i int) error {
			_, err := client.AppsV1().Deployments(namespace).Patch(ctx, name(i), types.StrategicMergePatchType, []byte(what), metav1.PatchOptions{})
			return err
		}
	}
	r, all := o.Replicas, o.Replicas+o.More
	return []phase{
		{"create", func(ctx context.Context, client kubernetes.Interface, i int) error {
			_, err := client.AppsV1().Deployments(namespace).Create(ctx, deployment(i, r), metav1.CreateOptions{})
			return err
		}, converged(r, "1"), r, createNeeds(r)},
		{"roll out", patch(`{"spec":{"template":{"spec":{"containers":[{"name":"server","image":"registry.example/bench/server:2"}]}}}}`),
			converged(r, "2"), r, rolloutNeeds(r)},
		{fmt.Sprintf("scale to %d", all), patch(fmt.Sprintf(`{"spec":{"replicas":%d}}`, all)), converged(all, "2"), all, scaleNeeds(o.More)},
		{"delete", func(ctx context.Context, client kubernetes.Interface, i int) error {
			return client.AppsV1().Deployments(namespace).Delete(ctx, name(i), metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)})
		}, nil, 0, deleteNeeds(all)},
	}
}

func name(i int) string { return fmt.Sprintf("bench-%d", i) }

// deployment rolls out one pod at a time, and never has fewer than its replicas.
func deployment(i, replicas int) *appsv1.Deployment {
	labels := map[string]string{"app": name(i)}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name(i), Namespace: namespace, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To(int32(replicas)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
				MaxSurge: ptr.To(intstr.FromInt32(1)), MaxUnavailable: ptr.To(intstr.FromInt32(0)),
			}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{
					AutomountServiceAccountToken: ptr.To(false),
					Containers:                   []corev1.Container{{Name: "server", Image: "registry.example/bench/server:1"}},
				},
			},
		},
	}
}

// revisionAnnotation is the number of a Deployment's template in its history.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// converged tells whether a Deployment has so many replicas of its revision, all available, and says so.
func converged(replicas int, revision string) func(*appsv1.Deployment) bool {
	n := int32(replicas)
	return func(d *appsv1.Deployment) bool {
		s := &d.Status
		return s.ObservedGeneration >= d.Generation && *d.Spec.Replicas == n && d.Annotations[revisionAnnotation] == revision &&
			s.Replicas == n && s.UpdatedReplicas == n && s.ReadyReplicas == n && s.AvailableReplicas == n
	}
}
