package scheduler

import (
	"context"
	"encoding/json"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
)

// maxNote is how long the note of an event may be (events.k8s.io/v1).
const maxNote = 1024

// reportUnschedulable tells users why their pod stays Pending.
func (s *scheduler) reportUnschedulable(ctx context.Context, pod *corev1.Pod, why string) {
	s.report(ctx, pod, corev1.PodReasonUnschedulable, why)
}

// report writes the event FailedScheduling and the condition PodScheduled=False.
func (s *scheduler) report(ctx context.Context, pod *corev1.Pod, reason, why string) {
	s.recorder.Eventf(pod, nil, corev1.EventTypeWarning, "FailedScheduling", "Scheduling", "%s", shorten(why))
	s.setCondition(ctx, pod, reason, why)
}

// setCondition writes PodScheduled=False unless the pod says so already.
func (s *scheduler) setCondition(ctx context.Context, pod *corev1.Pod, reason, message string) {
	condition := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: reason, Message: message,
		ObservedGeneration: pod.Generation, LastTransitionTime: metav1.NewTime(time.Now()),
	}
	for _, old := range pod.Status.Conditions {
		if old.Type != condition.Type {
			continue
		}
		if old.Status == condition.Status {
			condition.LastTransitionTime = old.LastTransitionTime
		}
		if old.Status == condition.Status && old.Reason == reason && old.Message == message {
			return
		}
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID}, // another pod of the same name is none of our business
		"status":   map[string]any{"conditions": []corev1.PodCondition{condition}},
	})
	if err != nil {
		klog.FromContext(ctx).Error(err, "Encoding a pod condition", "pod", klog.KObj(pod))
		return
	}
	s.write(ctx, pod.UID, func(ctx context.Context) {
		_, err := s.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name,
			types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
		if err != nil && ctx.Err() == nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			klog.FromContext(ctx).Error(err, "Writing a pod condition", "pod", klog.KObj(pod))
		}
	})
}

// shorten cuts a message to what an event may carry.
func shorten(message string) string {
	const ellipsis = " ..."
	if len(message) <= maxNote {
		return message
	}
	return message[:maxNote-len(ellipsis)] + ellipsis
}
