package controllers_test

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

// The two kinds of sets go through the same: they adopt two orphans, grow, let a
// pod go that is no longer theirs, replace it, and shrink.
func setFaults() []fault.Scenario {
	return []fault.Scenario{
		setScenario("replicaset", "replicaset-controller", func(ctx context.Context, r *fault.Round, replicas int32) error {
			d := deployment(r.Namespace, "web", replicas)
			rs := &appsv1.ReplicaSet{ObjectMeta: d.ObjectMeta, Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Selector: d.Spec.Selector, Template: d.Spec.Template}}
			_, err := r.Client.AppsV1().ReplicaSets(r.Namespace).Create(ctx, rs, metav1.CreateOptions{})
			return err
		}, func(ctx context.Context, r *fault.Round, patch []byte) (string, int32, int32, error) {
			rs, err := r.Client.AppsV1().ReplicaSets(r.Namespace).Patch(ctx, "web", types.MergePatchType, patch, metav1.PatchOptions{})
			if err != nil {
				return "", 0, 0, err
			}
			// Those that are going are there, too; that they have gone may be told a second later.
			there := rs.Status.Replicas + ptr.Deref(rs.Status.TerminatingReplicas, 0)
			return fault.Text(rs.Status), there, rs.Status.AvailableReplicas, nil
		}),
		setScenario("replication", "replicationcontroller-controller", func(ctx context.Context, r *fault.Round, replicas int32) error {
			rc := &corev1.ReplicationController{ObjectMeta: metav1.ObjectMeta{Name: "web"}, Spec: corev1.ReplicationControllerSpec{Replicas: &replicas, Template: ptr.To(template("web"))}}
			_, err := r.Client.CoreV1().ReplicationControllers(r.Namespace).Create(ctx, rc, metav1.CreateOptions{})
			return err
		}, func(ctx context.Context, r *fault.Round, patch []byte) (string, int32, int32, error) {
			rc, err := r.Client.CoreV1().ReplicationControllers(r.Namespace).Patch(ctx, "web", types.MergePatchType, patch, metav1.PatchOptions{})
			if err != nil {
				return "", 0, 0, err
			}
			return fault.Text(rc.Status), rc.Status.Replicas, rc.Status.AvailableReplicas, nil
		}),
	}
}

// setScenario is told how to create a set, and how to patch one; that returns its
// status, and how many pods there are and are available.
func setScenario(name, controller string, create func(context.Context, *fault.Round, int32) error,
	patch func(context.Context, *fault.Round, []byte) (status string, replicas, available int32, err error),
) fault.Scenario {
	has := func(want int32) func(context.Context, *fault.Round) error {
		return func(ctx context.Context, r *fault.Round) error {
			status, replicas, available, err := patch(ctx, r, []byte("{}"))
			if err == nil && (replicas != want || available != want) {
				err = fmt.Errorf("status %s", status)
			}
			return err
		}
	}
	scale := func(replicas int32) func(context.Context, *fault.Round) error {
		return func(ctx context.Context, r *fault.Round) error {
			_, _, _, err := patch(ctx, r, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas))
			return err
		}
	}
	return fault.Scenario{
		Name: name, Start: runs(controller), Throughout: atMost(5, 0),
		Steps: []fault.Step{
			{Name: "make orphans", Do: makeOrphans},
			{Name: "create", Do: func(ctx context.Context, r *fault.Round) error { return create(ctx, r, 3) }, Until: has(3)},
			{Name: "grow", Do: scale(5), Until: has(5)},
			{Name: "relabel", Do: func(ctx context.Context, r *fault.Round) error {
				_, err := r.Client.CoreV1().Pods(r.Namespace).Patch(ctx, "orphan-0", types.MergePatchType, []byte(`{"metadata":{"labels":{"app":"debug"}}}`), metav1.PatchOptions{})
				return err
			}, Until: released},
			{Name: "shrink", Do: scale(1), Until: has(1)},
		},
		Outcome: func(ctx context.Context, r *fault.Round) (string, error) {
			status, _, _, err := patch(ctx, r, []byte("{}"))
			if err != nil {
				return "", err
			}
			pods, err := podOutcome(ctx, r)
			return fault.Lines(append(pods, status)), err
		},
	}
}

func makeOrphans(ctx context.Context, r *fault.Round) error {
	for i := range 2 {
		t := template("web")
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("orphan-%d", i), Labels: t.Labels}, Spec: t.Spec}
		if _, err := r.Client.CoreV1().Pods(r.Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// released waits until the pod that does not match has been let go, and another
// is there in its place.
func released(ctx context.Context, r *fault.Round) error {
	pods, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	owned := 0
	for _, pod := range pods.Items {
		if len(pod.OwnerReferences) > 0 {
			owned++
		}
		if pod.Name == "orphan-0" && len(pod.OwnerReferences) > 0 {
			return fmt.Errorf("%s still has an owner", pod.Name)
		}
	}
	if owned != 5 {
		return fmt.Errorf("%d pods are owned, want 5", owned)
	}
	return nil
}
