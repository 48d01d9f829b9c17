package ephemeralvolume

import (
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// Whatever becomes of pods, claims and the controller: a claim is never made over, or given to, another pod than it was
// made for, and in the end every pod that lives has the claim of its volume, unless somebody else's is in its place.
func TestMakesClaimsInTheSimulatedWorld(t *testing.T) {
	sim.Check(t, func(t *rapid.T) sim.Scenario {
		number := rapid.IntRange(0, 3)
		return sim.Scenario{
			Controllers: map[string]sim.New{"ephemeral": sim.Controller(New)},
			Garbage:     true,
			Actions: map[string]sim.Action{
				"create a pod": func(t *rapid.T) sim.Act {
					pod := newPod("data")
					pod.Namespace, pod.UID, pod.Name = "", "", fmt.Sprint("p", number.Draw(t, "pod"))
					return func(w *sim.World) { w.Create(pod.DeepCopy()) }
				},
				"delete a pod": func(t *rapid.T) sim.Act {
					n := number.Draw(t, "pod")
					return func(w *sim.World) { sim.Delete[*corev1.Pod](w, fmt.Sprint("p", n)) }
				},
				"create a claim": func(t *rapid.T) sim.Act {
					n := number.Draw(t, "pod")
					return func(w *sim.World) {
						w.Create(&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("p%d-data", n)}})
					}
				},
				"delete a claim": func(t *rapid.T) sim.Act {
					n := number.Draw(t, "pod")
					return func(w *sim.World) { sim.Delete[*corev1.PersistentVolumeClaim](w, fmt.Sprintf("p%d-data", n)) }
				},
			},
			Invariants: map[string]sim.Invariant{"a claim is its pod's from the start": func(_ *sim.World, write sim.Write) error {
				before, was := write.Before.(*corev1.PersistentVolumeClaim)
				after, is := write.After.(*corev1.PersistentVolumeClaim)
				if was && is && before != nil && after != nil && len(before.OwnerReferences) != len(after.OwnerReferences) {
					return fmt.Errorf("claim %s changed its owner", after.Name)
				}
				return nil
			}},
			Settled: func(w *sim.World) error {
				for _, pod := range sim.List[*corev1.Pod](w) {
					if !controller.IsActive(pod) {
						continue
					}
					if _, there := sim.Get[*corev1.PersistentVolumeClaim](w, pod.Name+"-data"); !there {
						return fmt.Errorf("pod %s lacks its claim", pod.Name)
					}
				}
				return nil
			},
		}
	})
}

// A claim that was made and deleted while the watch was broken is one that the cache never tells of.
func TestAClaimThatTheCacheNeverHad(t *testing.T) {
	sim.Run(t, sim.Scenario{Controllers: map[string]sim.New{"ephemeral": sim.Controller(New)}}, func(w *sim.World) error {
		w.Sleep(time.Second) // of the sim's clock: the caches are full
		pod := newPod("data")
		pod.Namespace, pod.UID, pod.Name = "", "", "p"
		w.Create(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "new"}}) // so that the watch is behind, and cannot go on
		w.Break("ephemeral:persistentvolumeclaims", true)
		w.Create(pod)
		w.Sleep(time.Millisecond)
		if _, made := sim.Get[*corev1.PersistentVolumeClaim](w, "p-data"); !made {
			return errors.New("no claim was made at first")
		}
		sim.Delete[*corev1.PersistentVolumeClaim](w, "p-data")
		if err := w.Settle(); err != nil {
			return err
		}
		if _, made := sim.Get[*corev1.PersistentVolumeClaim](w, "p-data"); !made {
			return errors.New("the claim was not made again")
		}
		return nil
	})
}
