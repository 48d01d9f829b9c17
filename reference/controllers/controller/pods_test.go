package controller

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAvailableIn(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	readyFor := func(d time.Duration) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-d)),
		}}}}
	}
	for name, test := range map[string]struct {
		pod     *corev1.Pod
		seconds int32
		wait    time.Duration
		ok      bool
	}{
		"not ready":              {&corev1.Pod{}, 0, 0, false},
		"ready":                  {readyFor(0), 0, 0, true},
		"ready for long enough":  {readyFor(10 * time.Second), 10, 0, true},
		"ready, not long enough": {readyFor(3 * time.Second), 10, 7 * time.Second, true},
	} {
		t.Run(name, func(t *testing.T) {
			wait, ok := AvailableIn(test.pod, test.seconds, now)
			if wait != test.wait || ok != test.ok {
				t.Errorf("got %s, %t; want %s, %t", wait, ok, test.wait, test.ok)
			}
		})
	}
}

func TestFromTemplate(t *testing.T) {
	template := &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"a": "b"}, Finalizers: []string{"example.com/f"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c"}}},
	}
	made := FromTemplate(&metav1.OwnerReference{Name: "web", UID: "u"}, "default", template)
	if made.GenerateName != "web-" {
		t.Errorf("the prefix is %q, want web-", made.GenerateName)
	}
	if made.Labels["app"] != "web" || made.Annotations["a"] != "b" || len(made.Finalizers) != 1 || made.OwnerReferences[0].UID != "u" {
		t.Errorf("metadata is %+v", made.ObjectMeta)
	}
	made.Labels["app"] = "changed"
	if template.Labels["app"] != "web" {
		t.Error("the pod shares its labels with the template")
	}
}
