package deployment

import (
	"math"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of a Deployment's conditions.
const (
	replicaSetUpdated          = "ReplicaSetUpdated"
	replicaSetCreateError      = "ReplicaSetCreateError"
	newReplicaSetCreated       = "NewReplicaSetCreated"
	foundNewReplicaSet         = "FoundNewReplicaSet"
	newReplicaSetAvailable     = "NewReplicaSetAvailable"
	progressDeadlineExceeded   = "ProgressDeadlineExceeded"
	deploymentPaused           = "DeploymentPaused"
	deploymentResumed          = "DeploymentResumed"
	minimumReplicasAvailable   = "MinimumReplicasAvailable"
	minimumReplicasUnavailable = "MinimumReplicasUnavailable"
)

// hasDeadline reports whether the Deployment's progress is watched at all.
func hasDeadline(d *appsv1.Deployment) bool {
	return d.Spec.ProgressDeadlineSeconds != nil && *d.Spec.ProgressDeadlineSeconds != math.MaxInt32
}

func deadline(d *appsv1.Deployment) time.Duration {
	return time.Duration(*d.Spec.ProgressDeadlineSeconds) * time.Second
}

func condition(status *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// setCondition leaves a condition of the same status and reason as it is.
func setCondition(status *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType, value corev1.ConditionStatus, reason, message string, now time.Time) {
	before := condition(status, kind)
	if before != nil && before.Status == value && before.Reason == reason {
		return
	}
	replaceCondition(status, appsv1.DeploymentCondition{
		Type: kind, Status: value, Reason: reason, Message: message,
		LastUpdateTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
	})
}

// noteCompletion tells of the end of a rollout. Where the one before had the same
// end, and a crash has kept what lay between from being told, the message is what
// is new.
func noteCompletion(status *appsv1.DeploymentStatus, message string, now time.Time) {
	if before := condition(status, appsv1.DeploymentProgressing); before != nil && before.Reason == newReplicaSetAvailable && before.Message == message {
		return
	}
	replaceCondition(status, appsv1.DeploymentCondition{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: newReplicaSetAvailable, Message: message,
		LastUpdateTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
	})
}

// noteProgress renews the Progressing condition even if it said so before: its
// update time is what the deadline counts from.
func noteProgress(status *appsv1.DeploymentStatus, message string, now time.Time) {
	replaceCondition(status, appsv1.DeploymentCondition{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: replicaSetUpdated, Message: message,
		LastUpdateTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
	})
}

// replaceCondition keeps the time of the last transition if the status is the same.
func replaceCondition(status *appsv1.DeploymentStatus, want appsv1.DeploymentCondition) {
	if before := condition(status, want.Type); before != nil && before.Status == want.Status {
		want.LastTransitionTime = before.LastTransitionTime
	}
	dropCondition(status, want.Type)
	status.Conditions = append(status.Conditions, want)
}

func dropCondition(status *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) {
	status.Conditions = slices.DeleteFunc(slices.Clone(status.Conditions), func(c appsv1.DeploymentCondition) bool {
		return c.Type == kind
	})
}

// notePause tells in the Progressing condition that a Deployment was paused or
// resumed. That its deadline had passed before stays on record.
func notePause(status *appsv1.DeploymentStatus, d *appsv1.Deployment, now time.Time) {
	progressing := condition(status, appsv1.DeploymentProgressing)
	if !hasDeadline(d) || progressing != nil && progressing.Reason == progressDeadlineExceeded {
		return
	}
	wasPaused := progressing != nil && progressing.Reason == deploymentPaused
	switch {
	case d.Spec.Paused && !wasPaused:
		setCondition(status, appsv1.DeploymentProgressing, corev1.ConditionUnknown, deploymentPaused, "Deployment is paused", now)
	case !d.Spec.Paused && wasPaused:
		setCondition(status, appsv1.DeploymentProgressing, corev1.ConditionUnknown, deploymentResumed, "Deployment is resumed", now)
	}
}

// carryFailure copies the ReplicaFailure condition of the current set, else of
// any set that has one.
func carryFailure(status *appsv1.DeploymentStatus, current *appsv1.ReplicaSet, sets []*appsv1.ReplicaSet) {
	if current != nil {
		sets = append([]*appsv1.ReplicaSet{current}, sets...)
	}
	for _, rs := range sets {
		for _, c := range rs.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure {
				setCondition(status, appsv1.DeploymentReplicaFailure, c.Status, c.Reason, c.Message, c.LastTransitionTime.Time)
				return
			}
		}
	}
	dropCondition(status, appsv1.DeploymentReplicaFailure)
}
