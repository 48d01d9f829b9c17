package deployment

import (
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// observe counts the pods of the sets. Conditions are those of before, with
// Available brought up to date.
func observe(before appsv1.DeploymentStatus, d *appsv1.Deployment, sets []*appsv1.ReplicaSet, now time.Time) appsv1.DeploymentStatus {
	current, _ := split(d, sets)
	status := *before.DeepCopy()
	status.ObservedGeneration = d.Generation
	status.Replicas = sum(sets, func(rs *appsv1.ReplicaSet) int32 { return rs.Status.Replicas })
	status.ReadyReplicas = sum(sets, func(rs *appsv1.ReplicaSet) int32 { return rs.Status.ReadyReplicas })
	status.AvailableReplicas = sum(sets, func(rs *appsv1.ReplicaSet) int32 { return rs.Status.AvailableReplicas })
	status.UnavailableReplicas = max(0, sum(sets, size)-status.AvailableReplicas)
	status.TerminatingReplicas = terminating(sets)
	status.UpdatedReplicas = 0
	if current != nil {
		status.UpdatedReplicas = current.Status.Replicas
	}
	if status.AvailableReplicas >= leastAvailable(d) {
		setCondition(&status, appsv1.DeploymentAvailable, corev1.ConditionTrue, minimumReplicasAvailable,
			"Deployment has minimum availability.", now)
	} else {
		setCondition(&status, appsv1.DeploymentAvailable, corev1.ConditionFalse, minimumReplicasUnavailable,
			"Deployment does not have minimum availability.", now)
	}
	return status
}

// terminating is nil as long as a set does not say.
func terminating(sets []*appsv1.ReplicaSet) *int32 {
	var total int32
	for _, rs := range sets {
		if rs.Status.TerminatingReplicas == nil {
			return nil
		}
		total += *rs.Status.TerminatingReplicas
	}
	return &total
}

// complete reports whether all pods wanted are of the current template and
// available, and no others are left.
func complete(d *appsv1.Deployment, status *appsv1.DeploymentStatus) bool {
	return status.UpdatedReplicas == wanted(d) && status.Replicas == wanted(d) &&
		status.AvailableReplicas == wanted(d) && status.ObservedGeneration >= d.Generation
}

// progressed reports whether status is closer to completion than before.
func progressed(before, status *appsv1.DeploymentStatus) bool {
	return status.UpdatedReplicas > before.UpdatedReplicas ||
		status.Replicas-status.UpdatedReplicas < before.Replicas-before.UpdatedReplicas ||
		status.ReadyReplicas > before.ReadyReplicas ||
		status.AvailableReplicas > before.AvailableReplicas
}

// timedOut reports whether nothing has progressed for the Deployment's deadline.
func timedOut(d *appsv1.Deployment, status *appsv1.DeploymentStatus, now time.Time) bool {
	progressing := condition(status, appsv1.DeploymentProgressing)
	switch {
	case progressing == nil || !hasDeadline(d) || progressing.Reason == newReplicaSetAvailable:
		return false
	case progressing.Reason == progressDeadlineExceeded:
		return true
	}
	return progressing.LastUpdateTime.Add(deadline(d)).Before(now)
}

// judge sets the Progressing condition of status from what has changed since
// before, and the ReplicaFailure condition from those of the sets.
func judge(before, status *appsv1.DeploymentStatus, d *appsv1.Deployment, sets []*appsv1.ReplicaSet, now time.Time) {
	current, _ := split(d, sets)
	if !hasDeadline(d) {
		dropCondition(status, appsv1.DeploymentProgressing)
	} else if subject := subject(d, current); !restsComplete(status, subject) {
		switch {
		case complete(d, status):
			noteCompletion(status, subject+" has successfully progressed.", now)
		case progressed(before, status):
			noteProgress(status, subject+" is progressing.", now)
		case timedOut(d, status, now):
			setCondition(status, appsv1.DeploymentProgressing, corev1.ConditionFalse, progressDeadlineExceeded,
				subject+" has timed out progressing.", now)
		}
	}
	carryFailure(status, current, sets)
}

// subject is what a message about progress speaks of.
func subject(d *appsv1.Deployment, current *appsv1.ReplicaSet) string {
	if current == nil {
		return fmt.Sprintf("Deployment %q", d.Name)
	}
	return fmt.Sprintf("ReplicaSet %q", current.Name)
}

// restsComplete reports whether the rollout of the subject had finished before
// and nothing has been rolled out since. A pod lost later is not a matter of
// progress.
func restsComplete(status *appsv1.DeploymentStatus, subject string) bool {
	progressing := condition(status, appsv1.DeploymentProgressing)
	return status.Replicas == status.UpdatedReplicas && progressing != nil && progressing.Reason == newReplicaSetAvailable &&
		strings.HasPrefix(progressing.Message, subject)
}

// deadlineIn says when to look whether the deadline has passed; zero if never.
func deadlineIn(d *appsv1.Deployment, status *appsv1.DeploymentStatus, now time.Time) time.Duration {
	progressing := condition(status, appsv1.DeploymentProgressing)
	if !hasDeadline(d) || progressing == nil || complete(d, status) ||
		progressing.Reason == progressDeadlineExceeded || progressing.Reason == newReplicaSetAvailable {
		return 0
	}
	// A second more: condition times are in whole seconds.
	return max(time.Second, progressing.LastUpdateTime.Add(deadline(d)).Sub(now)+time.Second)
}
