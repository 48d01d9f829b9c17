package pods

import (
	"testing"
	"testing/synctest"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

func TestANodeThatIsShortRefusesAndEvicts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: v1.NodeStatus{Allocatable: v1.ResourceList{
			v1.ResourcePods: resource.MustParse("110"), v1.ResourceMemory: resource.MustParse("1Gi")}}}
		greedy := prioritized("greedy", 0)
		r := newRigOn(t, node, node, greedy)
		defer r.stop()
		r.settle()
		r.Pressure = func() []v1.NodeConditionType { return []v1.NodeConditionType{v1.NodeMemoryPressure} }
		refused, taken := prioritized("refused", 0), prioritized("taken", 0)
		taken.Spec.Containers[0].Resources.Requests = v1.ResourceList{v1.ResourceMemory: resource.MustParse("1Mi")}
		for _, p := range []*v1.Pod{refused, taken} {
			if err := r.client.Tracker().Add(p); err != nil {
				t.Fatal(err)
			}
			r.Update(p)
		}
		r.settle()
		if s := r.get("refused").Status; s.Phase != v1.PodFailed || s.Reason != "Evicted" || s.Message != "Pod was rejected: The node had condition: [MemoryPressure]. " {
			t.Errorf("a best-effort pod: %+v", s)
		}
		if s := r.get("taken").Status; s.Phase != v1.PodRunning {
			t.Errorf("a burstable pod: %+v", s)
		}
		if got := len(r.Active()); got != 2 {
			t.Errorf("%d pods hold resources of the node, want 2", got)
		}
		why := &status.Verdict{Reason: "Evicted", Message: "why", Disruption: v1.PodReasonTerminationByKubelet}
		r.End(greedy.UID, why, ptr.To[int64](1))
		r.settle()
		s := r.get("greedy").Status
		c := conditionOf(s, v1.DisruptionTarget)
		if s.Phase != v1.PodFailed || s.Reason != "Evicted" || s.Message != "why" || c == nil || c.Reason != v1.PodReasonTerminationByKubelet {
			t.Errorf("the evicted pod: %+v", s)
		}
		if got := r.Active(); len(got) != 1 || got[0].Name != "taken" {
			t.Errorf("an evicted pod holds resources: %v", got)
		}
	})
}
