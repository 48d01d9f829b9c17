package replicaset

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/controllers/replicas"
)

func fromAPI(status appsv1.ReplicaSetStatus) replicas.Status {
	s := replicas.Status{
		Replicas:             status.Replicas,
		FullyLabeledReplicas: status.FullyLabeledReplicas,
		ReadyReplicas:        status.ReadyReplicas,
		AvailableReplicas:    status.AvailableReplicas,
		TerminatingReplicas:  status.TerminatingReplicas,
		ObservedGeneration:   status.ObservedGeneration,
	}
	for _, condition := range status.Conditions {
		if condition.Type == appsv1.ReplicaSetReplicaFailure {
			s.Failure = &replicas.Failure{Reason: condition.Reason, Message: condition.Message, Since: condition.LastTransitionTime}
		}
	}
	return s
}

// toAPI keeps conditions that are not the controller's own.
func toAPI(status replicas.Status, conditions []appsv1.ReplicaSetCondition) appsv1.ReplicaSetStatus {
	conditions = slices.DeleteFunc(slices.Clone(conditions), func(c appsv1.ReplicaSetCondition) bool {
		return c.Type == appsv1.ReplicaSetReplicaFailure
	})
	if failure := status.Failure; failure != nil {
		conditions = append(conditions, appsv1.ReplicaSetCondition{
			Type:               appsv1.ReplicaSetReplicaFailure,
			Status:             corev1.ConditionTrue,
			LastTransitionTime: failure.Since,
			Reason:             failure.Reason,
			Message:            failure.Message,
		})
	}
	return appsv1.ReplicaSetStatus{
		Replicas:             status.Replicas,
		FullyLabeledReplicas: status.FullyLabeledReplicas,
		ReadyReplicas:        status.ReadyReplicas,
		AvailableReplicas:    status.AvailableReplicas,
		TerminatingReplicas:  status.TerminatingReplicas,
		ObservedGeneration:   status.ObservedGeneration,
		Conditions:           conditions,
	}
}
