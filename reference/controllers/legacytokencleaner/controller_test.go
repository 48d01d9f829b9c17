package legacytokencleaner

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

const (
	lastUsed = serviceaccount.LastUsedLabel
	invalid  = serviceaccount.InvalidSinceLabel
)

func token(labels map[string]string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "robot-token", Labels: labels, CreationTimestamp: metav1.NewTime(now.AddDate(-3, 0, 0)),
			Annotations: map[string]string{corev1.ServiceAccountNameKey: "robot"}},
		Type: corev1.SecretTypeServiceAccountToken,
	}
}

func TestPlan(t *testing.T) {
	young := token(nil)
	young.CreationTimestamp = metav1.NewTime(now.AddDate(0, -1, 0))
	for name, c := range map[string]struct {
		secret *corev1.Secret
		want   action
	}{
		"never used":                 {token(nil), invalidate},
		"used long ago":              {token(map[string]string{lastUsed: "2024-01-01"}), invalidate},
		"used lately":                {token(map[string]string{lastUsed: "2026-04-01"}), keep},
		"used on no day":             {token(map[string]string{lastUsed: "lately"}), keep},
		"made lately":                {young, keep},
		"invalid for long":           {token(map[string]string{invalid: "2025-04-01"}), remove},
		"invalid lately":             {token(map[string]string{invalid: "2026-04-01"}), keep},
		"invalid, and used since":    {token(map[string]string{invalid: "2025-04-01", lastUsed: "2026-04-01"}), keep},
		"invalid since a wrong date": {token(map[string]string{invalid: "x"}), keep},
	} {
		if got := plan(c.secret, now, DefaultPeriod); got != c.want {
			t.Errorf("%s: got %v, wanted %v", name, got, c.want)
		}
	}
}

func TestClean(t *testing.T) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "robot"}, Secrets: []corev1.ObjectReference{{Name: "robot-token"}}}
	since := func(date string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: serviceaccount.Tracking.Namespace, Name: serviceaccount.Tracking.Name}, Data: map[string]string{"since": date}}
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "n", Name: "p"}, Spec: corev1.PodSpec{
		Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "robot-token"}}}}}}
	unlisted := &corev1.ServiceAccount{ObjectMeta: account.ObjectMeta}
	for name, c := range map[string]struct {
		objects []runtime.Object
		gone    bool
		label   string
	}{
		"unused":             {[]runtime.Object{since("2024-01-01"), account, token(nil)}, false, "2026-05-01"},
		"tracked for a week": {[]runtime.Object{since("2026-04-24"), account, token(nil)}, false, ""},
		"not tracked":        {[]runtime.Object{account, token(nil)}, false, ""},
		"asked for":          {[]runtime.Object{since("2024-01-01"), unlisted, token(nil)}, false, ""},
		"mounted":            {[]runtime.Object{since("2024-01-01"), account, token(nil), pod}, false, ""},
		"invalid for long":   {[]runtime.Object{since("2024-01-01"), account, token(map[string]string{invalid: "2025-04-01"})}, true, ""},
	} {
		client := fake.NewClientset(c.objects...)
		cleaner := New(client, DefaultPeriod)
		cleaner.now = func() time.Time { return now }
		if err := cleaner.clean(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		got, err := client.CoreV1().Secrets("n").Get(t.Context(), "robot-token", metav1.GetOptions{})
		if c.gone != apierrors.IsNotFound(err) {
			t.Errorf("%s: got %v, wanted gone: %v", name, err, c.gone)
		} else if err == nil && got.Labels[invalid] != c.label {
			t.Errorf("%s: invalid since %q, wanted %q", name, got.Labels[invalid], c.label)
		}
	}
}
