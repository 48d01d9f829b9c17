package job

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// A suspended Job loses its pods, which are no failures, and its start; resumed, it begins anew.
func TestSuspendAndResume(t *testing.T) {
	job := newJob(2, 2, func(j *batchv1.Job) { j.Status = batchv1.JobStatus{} })
	scenario := sim.Scenario{
		Controllers: map[string]sim.New{"job": sim.Controller(New)},
		Objects:     []sim.Object{job},
		Pods:        func(*sim.World, *corev1.Pod) sim.Fate { return sim.Fate{Stop: 5 * time.Second} },
	}
	sim.Run(t, scenario, func(w *sim.World) error {
		expect := func(want string) error {
			w.Sleep(time.Minute)
			j, _ := sim.Get[*batchv1.Job](w, "work")
			s := j.Status
			got := fmt.Sprintf("%d active, %d terminating, %d failed, started %t", s.Active, *s.Terminating, s.Failed, s.StartTime != nil)
			for _, c := range s.Conditions {
				got += fmt.Sprintf(", %s=%s %s: %s", c.Type, c.Status, c.Reason, c.Message)
			}
			if got != want {
				return fmt.Errorf("%s\nwant %s", got, want)
			}
			return nil
		}
		if err := expect("2 active, 0 terminating, 0 failed, started true"); err != nil {
			return err
		}
		sim.Update(w, "work", suspended)
		if err := expect("0 active, 0 terminating, 0 failed, started false, Suspended=True JobSuspended: Job suspended"); err != nil {
			return err
		}
		sim.Update(w, "work", func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(false) })
		if err := expect("2 active, 0 terminating, 0 failed, started true, Suspended=False JobResumed: Job resumed"); err != nil {
			return err
		}
		var told []string
		for _, event := range w.Events() {
			if !strings.Contains(event, "pod: ") {
				told = append(told, event)
			}
		}
		if want := []string{"Normal Suspended Job suspended", "Normal Resumed Job resumed"}; !slices.Equal(told, want) {
			return fmt.Errorf("events %q, want %q", told, want)
		}
		return nil
	})
}

// Of a Job with many pods, only those that run or have still to be counted are looked at.
func TestLivePods(t *testing.T) {
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		live bool
	}{
		"runs":                 {aPod("p"), true},
		"runs, untracked":      {aPod("p", isStripped), true},
		"ended, to be counted": {aPod("p", succeeded), true},
		"ended and counted":    {aPod("p", succeeded, isStripped), false},
		"another kind's":       {aPod("p", func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "ReplicaSet" }), false},
		"nobody's":             {aPod("p", func(p *corev1.Pod) { p.OwnerReferences = nil }), false},
	} {
		values, err := indexers[liveOf](c.pod)
		if err != nil || (len(values) > 0) != c.live {
			t.Errorf("%s: %v, %v", name, values, err)
		}
	}
}

// BenchmarkStep is one reconciliation's thinking for a Job with 500 pods, all of which have just ended.
func BenchmarkStep(b *testing.B) {
	job := newJob(10_000, 500, indexed, func(j *batchv1.Job) { j.Status.CompletedIndexes = "0-4999" })
	var pods []*corev1.Pod
	for i := range 500 {
		pods = append(pods, aPod(fmt.Sprint("p", i), at(5000+i), succeeded))
	}
	for b.Loop() {
		v, err := look(job, pods, now)
		if err != nil {
			b.Fatal(err)
		}
		a := reckon(v, plan(v, &failures{}), outcome{})
		a.conclude(job, nil)
	}
}
