package simulation

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// A deletion is never before what was seen just then, and a simulator that starts anew later puts it at most a second off.
func TestWhenADeletionWasAskedFor(t *testing.T) {
	at := func(d time.Duration) time.Time { return origin.Add(d) }
	for name, c := range map[string]struct{ now, want time.Duration }{
		"within the second":          {600 * time.Millisecond, 600 * time.Millisecond},
		"by a clock behind":          {-time.Second, 0},
		"by one who comes later":     {time.Hour, time.Second},
		"as the second ends":         {time.Second, time.Second},
		"as the second is beginning": {0, 0},
	} {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: ptr.To(metav1.NewTime(at(30 * time.Second))), DeletionGracePeriodSeconds: ptr.To(int64(30))}}
		if asked, grace := deletion(p, at(c.now)); !asked.Equal(at(c.want)) || grace != 30*time.Second {
			t.Errorf("%s: asked for after %v with %v, wanted %v", name, asked.Sub(origin), grace, c.want)
		}
	}
	if asked, _ := deletion(&corev1.Pod{}, origin); !asked.IsZero() {
		t.Errorf("a pod that is not deleted was, at %v", asked)
	}
}
