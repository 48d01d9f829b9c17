package replication

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/replicas"
)

func fromAPI(status corev1.ReplicationControllerStatus) replicas.Status {
	s := replicas.Status{
		Replicas:             status.Replicas,
		FullyLabeledReplicas: status.FullyLabeledReplicas,
		ReadyReplicas:        status.ReadyReplicas,
		AvailableReplicas:    status.AvailableReplicas,
		ObservedGeneration:   status.ObservedGeneration,
	}
	for _, condition := range status.Conditions {
		if condition.Type == corev1.ReplicationControllerReplicaFailure {
			s.Failure = &replicas.Failure{Reason: condition.Reason, Message: condition.Message, Since: condition.LastTransitionTime}
		}
	}
	return s
}

// toAPI keeps conditions that are not the controller's own.
func toAPI(status replicas.Status, conditions []corev1.ReplicationControllerCondition) corev1.ReplicationControllerStatus {
	conditions = slices.DeleteFunc(slices.Clone(conditions), func(c corev1.ReplicationControllerCondition) bool {
		return c.Type == corev1.ReplicationControllerReplicaFailure
	})
	if failure := status.Failure; failure != nil {
		conditions = append(conditions, corev1.ReplicationControllerCondition{
			Type:               corev1.ReplicationControllerReplicaFailure,
			Status:             corev1.ConditionTrue,
			LastTransitionTime: failure.Since,
			Reason:             failure.Reason,
			Message:            failure.Message,
		})
	}
	return corev1.ReplicationControllerStatus{
		Replicas:             status.Replicas,
		FullyLabeledReplicas: status.FullyLabeledReplicas,
		ReadyReplicas:        status.ReadyReplicas,
		AvailableReplicas:    status.AvailableReplicas,
		ObservedGeneration:   status.ObservedGeneration,
		Conditions:           conditions,
	}
}
