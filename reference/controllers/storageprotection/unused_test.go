package storageprotection

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestUnused(t *testing.T) {
	byName := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "x"}}
	long, now := metav1.NewTime(time.Unix(1000, 0)), metav1.NewTime(time.Unix(2000, 0))
	told := func(status corev1.ConditionStatus) *corev1.PersistentVolumeClaim {
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: meta(false)}
		if status != "" {
			claim.Status.Conditions = []corev1.PersistentVolumeClaimCondition{{Type: corev1.PersistentVolumeClaimResizing, Status: corev1.ConditionTrue},
				{Type: corev1.PersistentVolumeClaimUnused, Status: status, LastTransitionTime: long}}
		}
		return claim
	}
	going := told(corev1.ConditionFalse)
	going.DeletionTimestamp = &now
	for name, c := range map[string]struct {
		claim   *corev1.PersistentVolumeClaim
		pods    []*corev1.Pod
		status  corev1.ConditionStatus
		reason  string
		changed bool
	}{
		"new":                {told(""), nil, corev1.ConditionTrue, "NoPodsUsingPVC", true},
		"new, with a pod":    {told(""), []*corev1.Pod{user("n", corev1.PodRunning, byName)}, corev1.ConditionFalse, "PodUsingPVC", true},
		"still unused":       {told(corev1.ConditionTrue), nil, corev1.ConditionTrue, "", false},
		"by an ended pod":    {told(corev1.ConditionTrue), []*corev1.Pod{user("n", corev1.PodFailed, byName)}, corev1.ConditionTrue, "", false},
		"by an unplaced pod": {told(corev1.ConditionTrue), []*corev1.Pod{user("", corev1.PodPending, byName)}, corev1.ConditionFalse, "PodUsingPVC", true},
		"still used":         {told(corev1.ConditionFalse), []*corev1.Pod{user("n", corev1.PodRunning, byName)}, corev1.ConditionFalse, "", false},
		"going":              {going, nil, corev1.ConditionFalse, "", false},
		"the last pod ended": {told(corev1.ConditionFalse), []*corev1.Pod{user("n", corev1.PodSucceeded, byName)}, corev1.ConditionTrue, "NoPodsUsingPVC", true},
	} {
		got, changed := withUnused(c.claim, c.pods, now)
		last := got.Status.Conditions[len(got.Status.Conditions)-1]
		since := long
		if c.changed {
			since = now
		}
		if changed != c.changed || last.Status != c.status || last.Reason != c.reason || !last.LastTransitionTime.Equal(&since) {
			t.Errorf("%s: changed %t, %+v", name, changed, last)
		}
		if conditions := len(c.claim.Status.Conditions); conditions > 0 && len(got.Status.Conditions) != conditions {
			t.Errorf("%s: the conditions are %v", name, got.Status.Conditions)
		}
	}
}
