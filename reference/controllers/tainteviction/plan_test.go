package tainteviction

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func taint(key string, after time.Duration) corev1.Taint {
	return corev1.Taint{Key: key, Effect: corev1.TaintEffectNoExecute, TimeAdded: &metav1.Time{Time: t0.Add(after)}}
}

func tolerate(key string, seconds ...int64) corev1.Toleration {
	toleration := corev1.Toleration{Key: key, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}
	if len(seconds) > 0 {
		toleration.TolerationSeconds = ptr.To(seconds[0])
	}
	return toleration
}

func TestDeadline(t *testing.T) {
	for name, test := range map[string]struct {
		taints      []corev1.Taint
		tolerations []corev1.Toleration
		came        time.Duration
		want        time.Duration
		stays       bool
	}{
		"no taint":                        {stays: true},
		"no NoExecute taint":              {taints: []corev1.Taint{{Key: "a", Effect: corev1.TaintEffectNoSchedule}}, stays: true},
		"tolerated for good":              {taints: []corev1.Taint{taint("a", 0)}, tolerations: []corev1.Toleration{tolerate("a")}, stays: true},
		"tolerated for a while":           {taints: []corev1.Taint{taint("a", 0)}, tolerations: []corev1.Toleration{tolerate("a", 300)}, want: 300 * time.Second},
		"the shorter of two":              {taints: []corev1.Taint{taint("a", 0)}, tolerations: []corev1.Toleration{tolerate("a", 300), tolerate("a", 10), tolerate("a")}, want: 10 * time.Second},
		"the earlier of two taints":       {taints: []corev1.Taint{taint("a", 0), taint("b", time.Minute)}, tolerations: []corev1.Toleration{tolerate("a", 300), tolerate("b", 10)}, want: 70 * time.Second},
		"one of two taints is tolerated":  {taints: []corev1.Taint{taint("a", 0), taint("b", 0)}, tolerations: []corev1.Toleration{tolerate("a", 300), tolerate("b")}, want: 300 * time.Second},
		"a pod that came after the taint": {taints: []corev1.Taint{taint("a", 0)}, came: time.Hour, tolerations: []corev1.Toleration{tolerate("a", 300)}, want: time.Hour + 300*time.Second},
		"a negative time is none":         {taints: []corev1.Taint{taint("a", 0)}, tolerations: []corev1.Toleration{tolerate("a", -5)}, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{Tolerations: test.tolerations}}
			pod.CreationTimestamp = metav1.NewTime(t0.Add(test.came))
			at, leaves := deadline(pod, test.taints, func(taint corev1.Taint) time.Time { return taint.TimeAdded.Time })
			if leaves == test.stays || leaves && at.Sub(t0) != test.want {
				t.Errorf("leaves %t, %s after; want %t, %s", leaves, at.Sub(t0), !test.stays, test.want)
			}
		})
	}
	if at, leaves := deadline(&corev1.Pod{}, []corev1.Taint{taint("a", time.Hour)}, func(corev1.Taint) time.Time { return t0 }); !leaves || !at.Before(t0) {
		t.Errorf("a pod that does not tolerate the taint leaves %t at %s; want at once", leaves, at)
	}
}
