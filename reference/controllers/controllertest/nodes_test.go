package controllertest

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

// A server that is too busy is asked again; one that refuses is not.
func TestNodesTryAgain(t *testing.T) {
	pods := schema.GroupResource{Resource: "pods"}
	for name, test := range map[string]struct {
		answers []error
		tries   int
	}{
		"busy":     {[]error{apierrors.NewServerTimeout(pods, "update", 0), apierrors.NewInternalError(context.DeadlineExceeded), nil}, 3},
		"too many": {[]error{apierrors.NewTooManyRequestsError("later"), nil}, 2},
		"no word":  {[]error{context.DeadlineExceeded, nil}, 2},
		"conflict": {[]error{apierrors.NewConflict(pods, "p", nil)}, 1},
		"gone":     {[]error{apierrors.NewNotFound(pods, "p")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"}, Status: corev1.PodStatus{Phase: corev1.PodPending}}
			client := fake.NewClientset(pod)
			tries := 0
			client.PrependReactor("update", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
				tries++
				return true, pod, test.answers[tries-1]
			})
			Nodes{Client: client}.look(t.Context(), pod)
			if tries != test.tries {
				t.Errorf("tried %d times, want %d", tries, test.tries)
			}
		})
	}
}
