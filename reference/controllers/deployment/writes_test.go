package deployment_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// needs are the writes of the controllers that a change needs: how many of each,
// by kind and verb. A status is to be written once for each state that others must
// see: the end; in a rollout each step, for the next waits for it; and what lasts.
type needs map[string]int

// and adds up needs.
func (n needs) and(more needs) needs {
	sum := maps.Clone(n)
	for what, count := range more {
		sum[what] += count
	}
	return sum
}

const (
	revision         = "Deployment update" // the annotation with it
	setMade          = "ReplicaSet create"
	setSized         = "ReplicaSet update"
	podMade          = "Pod create"
	podDeleted       = "Pod delete"
	setStatus        = "ReplicaSet update/status"
	deploymentStatus = "Deployment update/status"
)

// enough is by how much the writes of one kind may exceed those needed.
const enough = 1.3

// A Deployment's life takes no more writes than it needs, or hardly; nothing is
// refused on the way, and nothing is written when nothing changes.
func TestNoMoreWritesThanNeeded(t *testing.T) {
	const replicas, more = 3, 2
	// One more is made with each step of a rollout, one less is needed after it.
	rollout := needs{revision: 1, setMade: 1, setSized: 2*replicas - 1, podMade: replicas, podDeleted: replicas}
	created := needs{revision: 1, setMade: 1, podMade: replicas}
	scaled := needs{setSized: 1, podMade: more}
	told := needs{setStatus: 1, deploymentStatus: 1}
	for _, pods := range []struct {
		are                     string
		fate                    sim.Fate
		create, rollout, resize needs
	}{
		{
			// What is to be seen of a step is its end: one more is available, one less is there.
			"pods that come and go at once", sim.Fate{},
			told, needs{setStatus: 2 * replicas, deploymentStatus: replicas}, told,
		},
		{
			// For some time pods are there and not ready; and the last of the old ones is on its way.
			"pods that take their time", sim.Fate{Schedule: 20 * time.Millisecond, Start: 2 * time.Second, Ready: time.Second, Stop: 3 * time.Second},
			told.and(told), needs{setStatus: 3*replicas + 1, deploymentStatus: replicas + 2}, told.and(told),
		},
	} {
		t.Run(pods.are, func(t *testing.T) {
			scenario := sim.Scenario{
				Controllers: controllers, Garbage: true, Settled: settled,
				Pods: func(*sim.World, *corev1.Pod) sim.Fate { return pods.fate },
			}
			sim.Run(t, scenario, func(w *sim.World) error {
				for _, change := range []struct {
					is    string
					act   sim.Act
					needs needs
				}{
					{"creation", func(w *sim.World) { w.Create(web(replicas, 1, 0)) }, created.and(pods.create)},
					{"a rollout", roll(2), rollout.and(pods.rollout)},
					{"scaling up", resize(replicas + more), scaled.and(pods.resize)},
					{"deletion", func(w *sim.World) { sim.Delete[*appsv1.Deployment](w, "web", metav1.DeletePropagationBackground) }, needs{}},
				} {
					before := len(w.Writes())
					change.act(w)
					w.Sleep(5 * time.Minute)
					for what, count := range counted(w.Writes()[before:]) {
						t.Logf("%s: %s %d, needed %d", change.is, what, count, change.needs[what])
						if float64(count) > enough*float64(change.needs[what]) {
							t.Errorf("%s takes %d × %s, and needs %d", change.is, count, what, change.needs[what])
						}
					}
					if _, there := sim.Get[*appsv1.Deployment](w, "web"); there {
						if err := settled(w); err != nil {
							return fmt.Errorf("after %s: %w", change.is, err)
						}
					}
					if err := w.MustBeIdle(); err != nil {
						return fmt.Errorf("after %s: %w", change.is, err)
					}
				}
				if refused := w.Refused(); len(refused) > 0 {
					t.Errorf("writes were refused: %q", refused)
				}
				return nil
			})
		})
	}
}

// counted are the writes of the controllers that are tested.
func counted(writes []sim.Write) map[string]int {
	counts := map[string]int{}
	for _, write := range writes {
		if _, ours := controllers[write.Actor]; ours {
			counts[write.Kind+" "+write.Verb]++
		}
	}
	return counts
}

func resize(replicas int32) sim.Act {
	return change(func(s *appsv1.DeploymentSpec) { s.Replicas = &replicas })
}

// A status that waits for the sets' is written although they never stir.
func TestStatusDoesNotWaitForEver(t *testing.T) {
	scenario := sim.Scenario{Controllers: map[string]sim.New{"deployment": controllers["deployment"]}, Objects: []sim.Object{web(3, 1, 0)}}
	sim.Run(t, scenario, func(w *sim.World) error {
		w.Sleep(time.Second)
		d, _ := sim.Get[*appsv1.Deployment](w, "web")
		s := d.Status
		if s.ObservedGeneration != 1 || s.UnavailableReplicas != 3 || s.UpdatedReplicas != 0 {
			return fmt.Errorf("status %+v", s)
		}
		for _, c := range s.Conditions {
			if c.Type == appsv1.DeploymentProgressing && c.Reason == "NewReplicaSetCreated" {
				return nil
			}
		}
		return fmt.Errorf("conditions %+v do not tell of the new set", s.Conditions)
	})
}
