package taintnodesbycondition

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func TestTaint(t *testing.T) {
	notReady := corev1.Taint{Key: "node.kubernetes.io/not-ready", Effect: "NoSchedule"}
	valued := corev1.Taint{Key: notReady.Key, Value: "v", Effect: "NoSchedule"}
	evicting := corev1.Taint{Key: notReady.Key, Effect: "NoExecute"}
	for _, c := range []struct{ have, want []corev1.Taint }{
		{nil, []corev1.Taint{notReady}},
		{[]corev1.Taint{valued}, []corev1.Taint{valued}},
		{[]corev1.Taint{evicting}, []corev1.Taint{evicting, notReady}},
	} {
		node := &corev1.Node{Spec: corev1.NodeSpec{Taints: c.have}}
		for range 2 {
			if err := admissiontest.Run(t, New(), admissiontest.Request{Object: node, Resource: "nodes"}); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(c.want, node.Spec.Taints); d != "" {
			t.Error(d)
		}
	}
}

// An update must not bring back the taint that the lifecycle controller took away.
func TestUpdatesAreLeftAlone(t *testing.T) {
	node := &corev1.Node{}
	err := admissiontest.Run(t, New(), admissiontest.Request{Object: node, Old: node, Resource: "nodes", Operation: admission.Update})
	if err != nil || len(node.Spec.Taints) > 0 {
		t.Errorf("an update got %v, %v", node.Spec.Taints, err)
	}
}
