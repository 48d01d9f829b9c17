package devicetainteviction

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// judged is what has to become of the pod in the world as it is.
func judged(w *sim.World, pod *corev1.Pod) verdict {
	var claims []*resourcev1.ResourceClaim
	for _, claim := range sim.List[*resourcev1.ResourceClaim](w) {
		for _, r := range claim.Status.ReservedFor {
			if r.UID == pod.UID {
				claims = append(claims, claim)
			}
		}
	}
	return judge(claims, func(d device) []taint {
		var found []taint
		for _, s := range current(sim.List[*resourcev1.ResourceSlice](w)) {
			found = append(found, taintsIn(s, d.name)...)
		}
		for _, rule := range sim.List[*resourcev1.DeviceTaintRule](w) {
			if selects(rule, d) {
				found = append(found, taintBy(rule))
			}
		}
		return found
	})
}

// tolerant is the pod whose claim tolerates all for ever, patient that which does so for a minute.
const tolerant, patient = 0, 1

func tolerations(n int) []resourcev1.DeviceToleration {
	switch n {
	case tolerant:
		return []resourcev1.DeviceToleration{{Operator: exists}}
	case patient:
		return []resourcev1.DeviceToleration{{Operator: exists, TolerationSeconds: ptr.To[int64](60)}}
	}
	return nil
}

func simPod(n int) *corev1.Pod {
	name := fmt.Sprint("p", n)
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}},
		ResourceClaims: []corev1.PodResourceClaim{{Name: "c", ResourceClaimName: &name}}}}
}

// Whatever becomes of requests, watches, taints and the controller: in the end no pod is there whose device has a taint
// that its claim does not tolerate, and no pod was evicted whose claim tolerates everything. Every rule says that all is done.
func TestEvictsInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		effect := rapid.SampledFrom([]resourcev1.DeviceTaintEffect{none, noSchedule, noExecute})
		number := rapid.IntRange(0, 3)
		slice := &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "slice"}, Spec: resourcev1.ResourceSliceSpec{Driver: "d", Pool: resourcev1.ResourcePool{Name: "p"}}}
		for i := range 4 {
			slice.Spec.Devices = append(slice.Spec.Devices, resourcev1.Device{Name: fmt.Sprint("gpu-", i)})
		}
		objects := []sim.Object{slice}
		for i := range 4 {
			pod := simPod(i)
			// The world numbers what is made in it.
			objects = append(objects, pod, &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Name: pod.Name}, Status: resourcev1.ResourceClaimStatus{
				Allocation: &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{
					{Request: "r", Driver: "d", Pool: "p", Device: fmt.Sprint("gpu-", i), Tolerations: tolerations(i)}}}},
				ReservedFor: []resourcev1.ResourceClaimConsumerReference{{Resource: "pods", Name: pod.Name, UID: types.UID(fmt.Sprintf("pod-%04d", i+1))}}}})
		}
		return sim.Scenario{
			Controllers: map[string]sim.New{"evict": sim.Controller(New)},
			Objects:     objects,
			Longest:     40,
			Pods: func(*sim.World, *corev1.Pod) sim.Fate {
				return sim.Fate{Schedule: time.Second, Start: time.Second, Ready: time.Second, Stop: time.Second}
			},
			Actions: map[string]sim.Action{
				"create a pod": func(t *rapid.T) sim.Act {
					n := number.Draw(t, "pod")
					return func(w *sim.World) {
						pod := simPod(n)
						if _, there := sim.Get[*corev1.Pod](w, pod.Name); there {
							return
						}
						uid := w.Create(pod).GetUID()
						sim.UpdateStatus(w, pod.Name, func(c *resourcev1.ResourceClaim) { c.Status.ReservedFor[0].UID = uid })
					}
				},
				"taint a device": func(t *rapid.T) sim.Act {
					n, e := number.Draw(t, "device"), effect.Draw(t, "effect")
					return func(w *sim.World) {
						sim.Update(w, "slice", func(s *resourcev1.ResourceSlice) {
							s.Spec.Devices[n].Taints = []resourcev1.DeviceTaint{{Key: "k", Effect: e, TimeAdded: ptr.To(metav1.Now())}}
						})
					}
				},
				"heal a device": func(t *rapid.T) sim.Act {
					n := number.Draw(t, "device")
					return func(w *sim.World) {
						sim.Update(w, "slice", func(s *resourcev1.ResourceSlice) { s.Spec.Devices[n].Taints = nil })
					}
				},
				"create a rule": func(t *rapid.T) sim.Act {
					selector := &resourcev1.DeviceTaintSelector{}
					if rapid.Bool().Draw(t, "one device") {
						selector.Device = ptr.To(fmt.Sprint("gpu-", number.Draw(t, "device")))
					}
					rule := newRule(fmt.Sprint("r", rapid.IntRange(0, 1).Draw(t, "rule")), selector, effect.Draw(t, "effect"))
					rule.ObjectMeta = metav1.ObjectMeta{Name: rule.Name}
					return func(w *sim.World) {
						if _, there := sim.Get[*resourcev1.DeviceTaintRule](w, rule.Name); !there {
							w.Create(rule.DeepCopy())
						}
					}
				},
				"change a rule": func(t *rapid.T) sim.Act {
					name, e := fmt.Sprint("r", rapid.IntRange(0, 1).Draw(t, "rule")), effect.Draw(t, "effect")
					return func(w *sim.World) {
						if _, there := sim.Get[*resourcev1.DeviceTaintRule](w, name); there {
							sim.Update(w, name, func(r *resourcev1.DeviceTaintRule) { r.Spec.Taint.Effect = e })
						}
					}
				},
				"delete a rule": func(t *rapid.T) sim.Act {
					name := fmt.Sprint("r", rapid.IntRange(0, 1).Draw(t, "rule"))
					return func(w *sim.World) {
						if _, there := sim.Get[*resourcev1.DeviceTaintRule](w, name); there {
							sim.Delete[*resourcev1.DeviceTaintRule](w, name)
						}
					}
				},
			},
			Invariants: map[string]sim.Invariant{"what is tolerated evicts nobody": func(_ *sim.World, write sim.Write) error {
				if pod, ok := write.Before.(*corev1.Pod); ok && pod != nil && write.Actor == "evict" && pod.Name == fmt.Sprint("p", tolerant) {
					return fmt.Errorf("pod %s was written to", pod.Name)
				}
				return nil
			}},
			Settled: func(w *sim.World) error {
				for _, pod := range sim.List[*corev1.Pod](w) {
					if v := judged(w, pod); evictable(pod) && v.leaves {
						return fmt.Errorf("pod %s is still there, and had to go at %s", pod.Name, v.at)
					}
				}
				for _, rule := range sim.List[*resourcev1.DeviceTaintRule](w) {
					c := meta.FindStatusCondition(rule.Status.Conditions, resourcev1.DeviceTaintConditionEvictionInProgress)
					if c == nil || c.Status != metav1.ConditionFalse || c.ObservedGeneration != rule.Generation {
						return fmt.Errorf("rule %s (generation %d) says %+v", rule.Name, rule.Generation, c)
					}
				}
				return nil
			},
		}
	})
}
