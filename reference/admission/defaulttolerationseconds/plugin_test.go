package defaulttolerationseconds

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/utils/ptr"
)

func TestAdmit(t *testing.T) {
	notReady := corev1.Toleration{Key: "node.kubernetes.io/not-ready", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To(int64(300))}
	unreachable := corev1.Toleration{Key: "node.kubernetes.io/unreachable", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To(int64(300))}
	soon := corev1.Toleration{Key: notReady.Key, Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To(int64(1))}
	anyEffect := corev1.Toleration{Key: unreachable.Key, Operator: "Exists"}
	everything := corev1.Toleration{Operator: "Exists"}
	otherEffect := corev1.Toleration{Key: notReady.Key, Operator: "Exists", Effect: "NoSchedule"}
	for _, c := range []struct{ have, want []corev1.Toleration }{
		{nil, []corev1.Toleration{notReady, unreachable}},
		{[]corev1.Toleration{soon}, []corev1.Toleration{soon, unreachable}},
		{[]corev1.Toleration{anyEffect}, []corev1.Toleration{anyEffect, notReady}},
		{[]corev1.Toleration{everything}, []corev1.Toleration{everything}},
		{[]corev1.Toleration{otherEffect}, []corev1.Toleration{otherEffect, notReady, unreachable}},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Tolerations: c.have}}
		for range 2 { // again: it must not add twice
			if err := New().Admit(context.Background(), attributes(pod, "pods", ""), nil); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(c.want, pod.Spec.Tolerations); d != "" {
			t.Errorf("%+v: %s", c.have, d)
		}
	}
}

func TestLeavesOthersAlone(t *testing.T) {
	pod := &corev1.Pod{}
	for _, a := range []admission.Attributes{attributes(pod, "pods", "status"), attributes(pod, "nodes", "")} {
		if err := New().Admit(context.Background(), a, nil); err != nil || len(pod.Spec.Tolerations) > 0 {
			t.Errorf("%s/%s was changed: %v", a.GetResource().Resource, a.GetSubresource(), err)
		}
	}
}

func attributes(pod *corev1.Pod, resource, subresource string) admission.Attributes {
	return admission.NewAttributesRecord(pod, nil, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p",
		corev1.SchemeGroupVersion.WithResource(resource), subresource, admission.Create, nil, false, nil)
}
