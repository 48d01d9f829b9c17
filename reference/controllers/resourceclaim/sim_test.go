package resourceclaim

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// Whatever becomes of requests, watches, pods and the controller: in the end every pod that lives names one claim, which
// was made for it, and there is no other.
func TestMakesClaimsInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		number := rapid.IntRange(0, 3)
		template := newTemplate()
		template.Namespace = ""
		return sim.Scenario{
			Controllers: map[string]sim.New{"claims": sim.Controller(New)},
			Garbage:     true,
			Actions: map[string]sim.Action{
				"create a pod": func(t *rapid.T) sim.Act {
					pod := newPod(fmt.Sprint("p", number.Draw(t, "pod")))
					pod.Namespace, pod.UID = "", ""
					return func(w *sim.World) { w.Create(pod.DeepCopy()) }
				},
				"delete a pod": func(t *rapid.T) sim.Act {
					n := number.Draw(t, "pod")
					return func(w *sim.World) { sim.Delete[*corev1.Pod](w, fmt.Sprint("p", n)) }
				},
				"create the template": func(*rapid.T) sim.Act { return func(w *sim.World) { w.Create(template.DeepCopy()) } },
				"allocate": func(t *rapid.T) sim.Act {
					n := number.Draw(t, "claim")
					return func(w *sim.World) {
						if all := sim.List[*resourcev1.ResourceClaim](w); n < len(all) && all[n].Status.Allocation == nil && all[n].DeletionTimestamp == nil {
							owner := metav1.GetControllerOfNoCopy(all[n])
							if pod, there := sim.Get[*corev1.Pod](w, owner.Name); !there || statuses(pod)["gpu"] != all[n].Name {
								return // a scheduler goes by what the pod says
							}
							sim.Update(w, all[n].Name, func(c *resourcev1.ResourceClaim) { c.Finalizers = []string{resourcev1.Finalizer} })
							sim.UpdateStatus(w, all[n].Name, func(c *resourcev1.ResourceClaim) {
								c.Status.Allocation = &resourcev1.AllocationResult{}
								c.Status.ReservedFor = []resourcev1.ResourceClaimConsumerReference{{Resource: "pods", Name: owner.Name, UID: owner.UID}}
							})
						}
					}
				},
			},
			Invariants: map[string]sim.Invariant{"what a living pod uses is not taken away": func(w *sim.World, write sim.Write) error {
				before, was := write.Before.(*resourcev1.ResourceClaim)
				after, is := write.After.(*resourcev1.ResourceClaim)
				if !was || before == nil || before.Status.Allocation == nil || write.Actor != "claims" || is && after != nil && after.Status.Allocation != nil {
					return nil
				}
				for _, r := range before.Status.ReservedFor {
					if pod, there := sim.Get[*corev1.Pod](w, r.Name); there && pod.UID == r.UID && !done(pod) {
						return fmt.Errorf("claim %s was taken from pod %s", before.Name, r.Name)
					}
				}
				return nil
			}},
			Settled: func(w *sim.World) error {
				named := map[string]bool{}
				_, templated := sim.Get[*resourcev1.ResourceClaimTemplate](w, "template")
				for _, pod := range sim.List[*corev1.Pod](w) {
					if done(pod) || pod.DeletionTimestamp != nil || !templated {
						continue
					}
					name := statuses(pod)["gpu"]
					claim, there := sim.Get[*resourcev1.ResourceClaim](w, name)
					if !there || !metav1.IsControlledBy(claim, pod) {
						return fmt.Errorf("pod %s names the claim %q, which is there: %t", pod.Name, name, there)
					}
					named[name] = true
				}
				for _, claim := range sim.List[*resourcev1.ResourceClaim](w) {
					if !named[claim.Name] {
						return fmt.Errorf("claim %s is no pod's", claim.Name)
					}
				}
				return nil
			},
		}
	})
}
