package horizontalpodautoscaler

import (
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// report gathers what the status of an autoscaler is to say after a look at it.
type report struct {
	status     *autoscalingv2.HorizontalPodAutoscalerStatus
	generation int64
	now        time.Time
}

func (r report) set(kind autoscalingv2.HorizontalPodAutoscalerConditionType, value bool, reason, message string) {
	want := autoscalingv2.HorizontalPodAutoscalerCondition{
		Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(r.now),
	}
	if value {
		want.Status = corev1.ConditionTrue
	}
	if r.generation != 0 {
		want.ObservedGeneration = ptr.To(r.generation)
	}
	have := condition(r.status, kind)
	if have == nil {
		r.status.Conditions = append(r.status.Conditions, want)
		return
	}
	if have.Status == want.Status {
		want.LastTransitionTime = have.LastTransitionTime
	}
	*have = want
}

func condition(status *autoscalingv2.HorizontalPodAutoscalerStatus, kind autoscalingv2.HorizontalPodAutoscalerConditionType) *autoscalingv2.HorizontalPodAutoscalerCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// scaledToZero says that it was this autoscaler that left its target without replicas.
func scaledToZero(status *autoscalingv2.HorizontalPodAutoscalerStatus) bool {
	c := condition(status, autoscalingv2.ScaledToZero)
	return c != nil && c.Status == corev1.ConditionTrue
}
