package controllers_test

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

func statefulSetFaults() []fault.Scenario {
	start := runs("statefulset-controller")
	return []fault.Scenario{
		{
			Name: "statefulset-ordered", Start: start, Outcome: statefulSetOutcome, Throughout: inTurn,
			Steps: []fault.Step{
				{Name: "create", Do: createStatefulSet(2), Until: setIs(2)},
				{Name: "update", Do: patchSet(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v2"}]}}}}`), Until: setIs(2)},
				{Name: "and back", Do: patchSet(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v1"}]}}}}`), Until: setIs(2)},
				{Name: "scale", Do: patchSet(`{"spec":{"replicas":1}}`), Until: setIs(1)},
			},
		},
		{
			Name: "statefulset-parallel", Start: start, Outcome: statefulSetOutcome,
			Steps: []fault.Step{
				{Name: "create", Do: createStatefulSet(3, func(s *appsv1.StatefulSet) {
					s.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
					s.Spec.RevisionHistoryLimit = new(int32)
					s.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
						WhenScaled: appsv1.DeletePersistentVolumeClaimRetentionPolicyType,
					}
				}), Until: setIs(3)},
				{Name: "keep claims no longer than the set", Do: patchSet(`{"spec":{"persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Delete"}}}`), Until: claimsOwned(3)},
				{Name: "update and scale", Do: patchSet(`{"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v2"}]}}}}`), Until: setIs(2)},
			},
		},
	}
}

func createStatefulSet(replicas int32, changes ...func(*appsv1.StatefulSet)) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		set := statefulSet(r.Namespace, "web", replicas)
		for _, change := range changes {
			change(set)
		}
		_, err := r.Client.AppsV1().StatefulSets(r.Namespace).Create(ctx, set, metav1.CreateOptions{})
		return err
	}
}

func patchSet(patch string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		_, err := r.Client.AppsV1().StatefulSets(r.Namespace).Patch(ctx, "web", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
}

// setIs waits until all of so many pods are of the newest template.
func setIs(replicas int32) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		set, err := r.Client.AppsV1().StatefulSets(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		s := set.Status
		if s.ObservedGeneration != set.Generation || s.Replicas != replicas || s.AvailableReplicas != replicas ||
			s.CurrentReplicas != replicas || s.CurrentRevision != s.UpdateRevision {
			return fmt.Errorf("generation %d, status %+v", set.Generation, s)
		}
		return nil
	}
}

// claimsOwned waits until so many claims have a controller.
func claimsOwned(count int) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		claims, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		owned := 0
		for i := range claims.Items {
			if metav1.GetControllerOf(&claims.Items[i]) != nil {
				owned++
			}
		}
		if owned != count {
			return fmt.Errorf("%d of %d claims are owned, want %d", owned, len(claims.Items), count)
		}
		return nil
	}
}

// statefulSetOutcome tells of the set, its pods, claims and revisions.
func statefulSetOutcome(ctx context.Context, r *fault.Round) (string, error) {
	set, err := r.Client.AppsV1().StatefulSets(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	lines, err := podOutcome(ctx, r)
	if err != nil {
		return "", err
	}
	lines = append(lines, fault.Text(set.Status))
	claims, err := r.Client.CoreV1().PersistentVolumeClaims(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, claim := range claims.Items {
		lines = append(lines, fmt.Sprint(claim.Name, fault.Text(claim.Labels), fault.Text(claim.OwnerReferences)))
	}
	revisions, err := r.Client.AppsV1().ControllerRevisions(r.Namespace).List(ctx, metav1.ListOptions{})
	for _, revision := range revisions.Items {
		lines = append(lines, fmt.Sprint(revision.Name, revision.Revision, fault.Text(revision.Labels)))
	}
	return fault.Lines(lines), err
}

// inTurn checks that of all pods at most one is new or going.
func inTurn() func(pods []*corev1.Pod) error {
	ready := map[types.UID]bool{}
	return func(pods []*corev1.Pod) error {
		unready := 0
		for _, pod := range pods {
			for _, c := range pod.Status.Conditions {
				if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
					ready[pod.UID] = true
				}
			}
		}
		for _, pod := range pods {
			if ready[pod.UID] && pod.DeletionTimestamp == nil {
				continue
			}
			if unready++; unready > 1 {
				return fmt.Errorf("two of %d pods are new or going", len(pods))
			}
		}
		return nil
	}
}
