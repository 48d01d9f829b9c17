package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/controllers"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

// All scenarios share one API server, and play side by side.
func TestFaults(t *testing.T) {
	fault.AtEachWrite(t, slices.Concat(
		setFaults(), deploymentFaults(), statefulSetFaults(), daemonSetFaults(), jobFaults(), cronJobFaults(),
		budgetFaults(), volumeFaults(), autoscalerFaults(), garbageFaults(), namespaceFaults(), nodeFaults(), attachFaults(), podClaimFaults(),
	)...)
}

// runs starts the controllers of these names.
func runs(names ...string) func(ctx context.Context, config *rest.Config) error {
	return func(ctx context.Context, config *rest.Config) error {
		return controllers.Run(ctx, controllers.Options{Config: config, Controllers: names})
	}
}

// deployed waits until the Deployment web is complete with so many replicas and
// nothing of its past is left but empty sets.
func deployed(replicas int32) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		d, err := r.Client.AppsV1().Deployments(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		s := d.Status
		if s.ObservedGeneration < d.Generation || s.Replicas != replicas || s.UpdatedReplicas != replicas || s.AvailableReplicas != replicas {
			return fmt.Errorf("generation %d, status %+v", d.Generation, s)
		}
		return nil
	}
}

// patch changes the Deployment web.
func patch(format string, args ...any) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		_, err := r.Client.AppsV1().Deployments(r.Namespace).
			Patch(ctx, "web", types.StrategicMergePatchType, fmt.Appendf(nil, format, args...), metav1.PatchOptions{})
		return err
	}
}

// image is a patch to another version of the template.
func image(version int) func(ctx context.Context, r *fault.Round) error {
	return patch(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v%d"}]}}}}`, version)
}

// deploymentOutcome tells of the Deployments, their sets, and how many pods each has.
func deploymentOutcome(ctx context.Context, r *fault.Round) (string, error) {
	var lines []string
	deployments, err := r.Client.AppsV1().Deployments(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, d := range deployments.Items {
		lines = append(lines, fmt.Sprint(d.Name, " ", fault.Text(d.Annotations), fault.Text(d.Status)))
	}
	sets, err := r.Client.AppsV1().ReplicaSets(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, rs := range sets.Items {
		lines = append(lines, fmt.Sprint(rs.Name, " ", fault.Text(rs.Annotations), *rs.Spec.Replicas, fault.Text(rs.Status)))
	}
	pods, err := podOutcome(ctx, r)
	return fault.Lines(append(lines, pods...)), err
}

// podOutcome tells of the pods without their names.
func podOutcome(ctx context.Context, r *fault.Round) ([]string, error) {
	pods, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, pod := range pods.Items {
		lines = append(lines, fmt.Sprint("pod ", fault.Text(pod.Labels), fault.Text(pod.OwnerReferences), pod.Spec.Containers[0].Image,
			pod.Status.Phase, pod.DeletionTimestamp != nil))
	}
	return lines, nil
}

// atMost checks that there are never more pods of the app web that are not
// terminating, and that once so many as least are ready as many always are.
func atMost(most, least int) func() func(pods []*corev1.Pod) error {
	return func() func(pods []*corev1.Pod) error {
		begun := false
		return func(pods []*corev1.Pod) error {
			live, ready := 0, 0
			for _, pod := range pods {
				if pod.DeletionTimestamp != nil || pod.Labels["app"] != "web" {
					continue
				}
				live++
				for _, c := range pod.Status.Conditions {
					if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
						ready++
					}
				}
			}
			begun = begun || ready >= least
			if live > most || begun && ready < least {
				return fmt.Errorf("%d pods of which %d are ready; at most %d may be and at least %d must be ready", live, ready, most, least)
			}
			return nil
		}
	}
}

// createDeployment makes the Deployment web, changed in some way.
func createDeployment(replicas int32, changes ...func(*appsv1.Deployment)) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		d := deployment(r.Namespace, "web", replicas)
		for _, change := range changes {
			change(d)
		}
		_, err := r.Client.AppsV1().Deployments(r.Namespace).Create(ctx, d, metav1.CreateOptions{})
		return err
	}
}
