package pods

import (
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func prioritized(name string, priority int32) *v1.Pod {
	p := simple(v1.RestartPolicyAlways)
	p.Name, p.UID, p.Spec.Priority = name, types.UID("u-"+name), &priority
	p.Spec.Containers[0].Name = name
	return p
}

var twoSteps = []kubeletv1beta1.ShutdownGracePeriodByPodPriority{
	{Priority: 0, ShutdownGracePeriodSeconds: 10}, {Priority: 2_000_000_000, ShutdownGracePeriodSeconds: 5}}

// Pods end by priority, each step within its time, and say why; none comes in meanwhile.
func TestPodsEndWithTheirNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"},
			Status: v1.NodeStatus{Allocatable: v1.ResourceList{v1.ResourcePods: resource.MustParse("110")}}}
		done := simple(v1.RestartPolicyNever)
		done.Name, done.UID, done.Status.Phase = "done", "u-done", v1.PodSucceeded
		normal, critical, late := prioritized("normal", 5), prioritized("critical", 2_000_001_000), prioritized("late", 0)
		// They end before their steps do: else it is chance which comes first, the end of the sandbox or the next step.
		normal.Spec.TerminationGracePeriodSeconds, critical.Spec.TerminationGracePeriodSeconds = ptr.To(int64(8)), ptr.To(int64(3))
		r := newRigOn(t, node, node, normal, critical, done)
		defer r.stop()
		if err := r.client.Tracker().Add(late); err != nil {
			t.Fatal(err)
		}
		r.cri.stubborn = true
		r.settle()
		before := len(r.cri.said())
		ended := make(chan struct{})
		go func() {
			r.Shutdown(t.Context(), twoSteps)
			close(ended)
		}()
		r.settle()
		r.Update(late)
		r.settle()
		if s := r.get("late").Status; s.Phase != v1.PodFailed || s.Reason != "NodeShutdown" || s.Message != "Pod was rejected: Pod was rejected as the node is shutting down." {
			t.Errorf("a pod that comes meanwhile: %+v", s)
		}
		<-ended
		synctest.Wait()
		got := r.cri.said()[before:]
		want := []string{"stop normal within 8", "stop sandbox", "stop critical within 3", "stop sandbox"}
		for i := range want {
			if i >= len(got) || got[i] != want[i] {
				t.Fatalf("the runtime was told %v, want %v", got, want)
			}
		}
		for _, name := range []string{"normal", "critical"} {
			s := r.get(name).Status
			c := conditionOf(s, v1.DisruptionTarget)
			if s.Phase != v1.PodFailed || s.Reason != "Terminated" || s.Message != "Pod was terminated in response to imminent node shutdown." ||
				c == nil || c.Status != v1.ConditionTrue || c.Reason != "TerminationByKubelet" || c.Message != s.Message {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if s := r.get("done").Status; s.Phase != v1.PodSucceeded || s.Reason != "" {
			t.Errorf("a pod that had succeeded before: %+v", s)
		}
	})
}

// A pod that gives itself less than the step does gets no more, and one that will not end does not hold up the rest.
func TestAPodsOwnGracePeriodCountsWhereItIsShorter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short := prioritized("short", 0)
		short.Spec.TerminationGracePeriodSeconds = ptr.To(int64(3))
		r := newRig(t, short)
		defer r.stop()
		r.cri.stubborn = true
		r.settle()
		began := time.Now()
		r.Shutdown(t.Context(), twoSteps)
		if took := time.Since(began); took < 3*time.Second || took > 5*time.Second {
			t.Errorf("it took %v, want the 3 s that the pod gives itself", took)
		}
		if count(r.cri.said(), "stop short within 3") != 1 {
			t.Errorf("got %v", r.cri.said())
		}
	})
}

func conditionOf(s v1.PodStatus, kind v1.PodConditionType) *v1.PodCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == kind {
			return &s.Conditions[i]
		}
	}
	return nil
}

// Every pod is in one group: the one of the highest priority that is not above its own, or the first.
func TestGroupsOfAShutdown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var steps []kubeletv1beta1.ShutdownGracePeriodByPodPriority
		at := int32(rapid.IntRange(-10, 10).Draw(t, "first"))
		for range rapid.IntRange(1, 5).Draw(t, "steps") {
			steps = append(steps, kubeletv1beta1.ShutdownGracePeriodByPodPriority{Priority: at})
			at += int32(rapid.IntRange(1, 5).Draw(t, "gap"))
		}
		p := prioritized("p", int32(rapid.IntRange(-15, 40).Draw(t, "priority")))
		for i, group := range groups([]*v1.Pod{p}, steps) {
			above := i+1 < len(steps) && steps[i+1].Priority <= *p.Spec.Priority
			below := i > 0 && steps[i].Priority > *p.Spec.Priority
			if (len(group) == 1) != (!above && !below) {
				t.Fatalf("priority %d in step %d of %v: %v", *p.Spec.Priority, i, steps, len(group))
			}
		}
	})
	if got := groups([]*v1.Pod{prioritized("p", 0)}, nil); len(got) != 0 {
		t.Errorf("without steps: %v", got)
	}
}
