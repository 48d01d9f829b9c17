package core

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestPodGrace(t *testing.T) {
	for _, c := range []struct {
		name      string
		node      string
		phase     corev1.PodPhase
		requested *int64
		want      int64
	}{
		{name: "what the pod says", node: "n", phase: corev1.PodRunning, want: 30},
		{name: "what the request says", node: "n", phase: corev1.PodRunning, requested: ptr.To[int64](5), want: 5},
		{name: "force", node: "n", phase: corev1.PodRunning, requested: ptr.To[int64](0), want: 0},
		{name: "not scheduled", phase: corev1.PodPending, requested: ptr.To[int64](5), want: 0},
		{name: "succeeded", node: "n", phase: corev1.PodSucceeded, want: 0},
		{name: "failed", node: "n", phase: corev1.PodFailed, want: 0},
		{name: "negative", node: "n", phase: corev1.PodRunning, requested: ptr.To[int64](-7), want: 1},
	} {
		p := &corev1.Pod{Spec: corev1.PodSpec{NodeName: c.node, TerminationGracePeriodSeconds: ptr.To[int64](30)}, Status: corev1.PodStatus{Phase: c.phase}}
		options := &metav1.DeleteOptions{GracePeriodSeconds: c.requested}
		podGrace(p, options)
		if *options.GracePeriodSeconds != c.want {
			t.Errorf("%s: %d seconds, want %d", c.name, *options.GracePeriodSeconds, c.want)
		}
	}
}

func TestPreparePod(t *testing.T) {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"hash": "x"}},
		Spec: corev1.PodSpec{
			SchedulingGates: []corev1.PodSchedulingGate{{Name: "g"}},
			Affinity: &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
				LabelSelector: &metav1.LabelSelector{}, MatchLabelKeys: []string{"hash", "missing"},
			}}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "1.2.3.4"},
	}
	preparePod(context.Background(), p)
	if p.Status.Phase != corev1.PodPending || p.Status.PodIP != "" || p.Status.QOSClass != corev1.PodQOSBestEffort {
		t.Errorf("the status that the user sent is kept: %+v", p.Status)
	}
	if c := podCondition(&p.Status, corev1.PodScheduled); c == nil || c.Reason != "SchedulingGated" {
		t.Errorf("no SchedulingGated condition: %+v", p.Status.Conditions)
	}
	terms := p.Spec.Affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	if got := metav1.FormatLabelSelector(terms[0].LabelSelector); got != "hash in (x)" {
		t.Errorf("matchLabelKeys became %q", got)
	}
}

func TestPreparePodStatus(t *testing.T) {
	old := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{OwnerReferences: []metav1.OwnerReference{{Name: "owner"}}},
		Status:     corev1.PodStatus{QOSClass: corev1.PodQOSBurstable, ObservedGeneration: 2},
	}
	p := &corev1.Pod{Status: corev1.PodStatus{Phase: corev1.PodRunning}}
	preparePodStatus(context.Background(), p, old)
	if len(p.OwnerReferences) != 1 || p.Status.QOSClass != corev1.PodQOSBurstable || p.Status.ObservedGeneration != 2 || p.Status.Phase != corev1.PodRunning {
		t.Errorf("an old kubelet's write lost something: %+v %+v", p.OwnerReferences, p.Status)
	}
}

func TestBind(t *testing.T) {
	b := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Annotations: map[string]string{"a": "1"}, Labels: map[string]string{"zone": "new"}},
		Target:     corev1.ObjectReference{Name: "node-2"},
	}
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{"app": "x", "zone": "old"}}}
		change(p)
		return p
	}
	for _, c := range []struct {
		pod  *corev1.Pod
		want string
	}{
		{pod(func(p *corev1.Pod) { p.Spec.NodeName = "node-1" }), `pod p is already assigned to node "node-1"`},
		{pod(func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.Now()) }), "pod p is being deleted, cannot be assigned to a host"},
		{pod(func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "g"}} }), "pod p has non-empty .spec.schedulingGates"},
	} {
		if err := bind(c.pod, b); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	p := pod(func(*corev1.Pod) {})
	if err := bind(p, b); err != nil {
		t.Fatal(err)
	}
	scheduled := podCondition(&p.Status, corev1.PodScheduled)
	if p.Spec.NodeName != "node-2" || p.Annotations["a"] != "1" || p.Labels["app"] != "x" || p.Labels["zone"] != "new" ||
		scheduled == nil || scheduled.Status != corev1.ConditionTrue {
		t.Errorf("bound: %+v", p)
	}
}
