package job

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/sim"
)

// counting is a world with a Job whose pods run until they are told to go, or until then says.
func counting(job *batchv1.Job, then func(pod *corev1.Pod) sim.Fate) sim.Scenario {
	inWorld(job)
	return sim.Scenario{
		Controllers: map[string]sim.New{"job": sim.Controller(New)}, Objects: []sim.Object{job}, Garbage: true,
		Pods: func(_ *sim.World, pod *corev1.Pod) sim.Fate { return then(pod) },
	}
}

// endsWith is the fate of a pod whose container ends with that code, so long after its start.
func endsWith(code int32, after time.Duration) sim.Fate {
	var end corev1.Pod
	ended(code, 0)(&end)
	return sim.Fate{Finish: after, Phase: end.Status.Phase, Status: func(s *corev1.PodStatus) { s.ContainerStatuses = end.Status.ContainerStatuses }}
}

// came compares what has come of the Job, and makes sure that no pod is left to run or to be counted.
func came(w *sim.World, want string) error {
	if err := w.Settle(); err != nil {
		return err
	}
	j, _ := sim.Get[*batchv1.Job](w, "work")
	got := fmt.Sprintf("%d succeeded, %d failed", j.Status.Succeeded, j.Status.Failed)
	for _, c := range j.Status.Conditions {
		got += fmt.Sprintf(", %s", c.Type)
	}
	if got != want {
		return fmt.Errorf("%s\nwant %s", got, want)
	}
	for _, pod := range sim.List[*corev1.Pod](w) {
		if isTracked(pod) || pod.Status.Phase == corev1.PodRunning {
			return fmt.Errorf("pod %s is left behind, %s with the finalizers %v", pod.Name, pod.Status.Phase, pod.Finalizers)
		}
	}
	return nil
}

func deadline(seconds int64) func(*batchv1.Job) {
	return func(j *batchv1.Job) { j.Spec.ActiveDeadlineSeconds = &seconds }
}

// A Job does not end before it is known whether a pod exists whose creation was not answered.
func TestThePodThatNobodyHasSeen(t *testing.T) {
	for name, crash := range map[string]bool{"late": false, "forgotten in a crash": true} {
		t.Run(name, func(t *testing.T) {
			forever := func(*corev1.Pod) sim.Fate { return sim.Fate{} }
			sim.Run(t, counting(newJob(1, 0, deadline(10)), forever), func(w *sim.World) error {
				w.Sleep(3 * time.Second)
				w.SetWeather(sim.Weather{Losses: 100})
				w.Hold("job:pods", time.Minute)
				sim.Update(w, "work", func(j *batchv1.Job) { j.Spec.Parallelism = ptr.To[int32](1) })
				w.Sleep(time.Millisecond)
				w.SetWeather(sim.Weather{Refusals: 100}) // so that it cannot ask for the pod again
				w.Sleep(6 * time.Second)
				if pods := sim.List[*corev1.Pod](w); len(pods) != 1 {
					return fmt.Errorf("%d pods", len(pods))
				}
				if crash {
					w.Sleep(2 * time.Second)
					w.Crash("job")
				}
				w.SetWeather(sim.Weather{})
				w.Sleep(2 * time.Minute)
				return came(w, "0 succeeded, 1 failed, FailureTarget, Failed")
			})
		})
	}
}

// A creation that is not answered may still happen for as long as an API server works on a request.
func TestTheEndWaitsForAnAnswer(t *testing.T) {
	forever := func(*corev1.Pod) sim.Fate { return sim.Fate{} }
	sim.Run(t, counting(newJob(1, 1, deadline(10), suspended), forever), func(w *sim.World) error {
		w.Sleep(time.Second)
		sim.Update(w, "work", func(j *batchv1.Job) { j.Spec.Suspend = ptr.To(false) })
		w.SetWeather(sim.Weather{Refusals: 100}) // by an internal error: who knows what it has done before that
		w.Sleep(time.Millisecond)
		w.SetWeather(sim.Weather{Quota: 100})
		w.Sleep(11 * time.Second)
		j, _ := sim.Get[*batchv1.Job](w, "work")
		if trueCondition(&j.Status, batchv1.JobFailureTarget) == nil || isFinished(j) {
			return fmt.Errorf("after 11 s: %+v", j.Status.Conditions)
		}
		w.Sleep(time.Minute)
		return came(w, "0 succeeded, 0 failed, Suspended, FailureTarget, Failed")
	})
}

// A pod that has ended before the Job stops it counts as what it came to, though that was not seen yet.
func TestAPodThatEndsBeforeItIsStopped(t *testing.T) {
	ignoring := func(j *batchv1.Job) {
		onlyFailed(j)
		j.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
			exits(batchv1.PodFailurePolicyActionIgnore, "In", "", 2),
		}}
	}
	for name, test := range map[string]struct {
		job  *batchv1.Job
		code int32
		want string
	}{
		"succeeded":          {newJob(2, 1, deadline(10)), 0, "1 succeeded, 0 failed, FailureTarget, Failed"},
		"succeeded, indexed": {newJob(2, 1, indexed, deadline(10)), 0, "1 succeeded, 0 failed, FailureTarget, Failed"},
		"failed":             {newJob(2, 1, deadline(10), ignoring), 1, "0 succeeded, 1 failed, FailureTarget, Failed"},
		"failed, ignored":    {newJob(2, 1, deadline(10), ignoring), 2, "0 succeeded, 0 failed, FailureTarget, Failed"},
	} {
		t.Run(name, func(t *testing.T) {
			sim.Run(t, counting(test.job, func(*corev1.Pod) sim.Fate { return endsWith(test.code, 5*time.Second) }), func(w *sim.World) error {
				w.Sleep(2 * time.Second)
				w.Hold("job:pods", 30*time.Second)
				w.Sleep(time.Minute)
				return came(w, test.want)
			})
		})
	}
}

// A pod that has been counted is not counted again, though somebody takes it from the Job.
func TestACountedPodIsNotAdopted(t *testing.T) {
	var mu sync.Mutex // each pod asks for its fate by itself
	made := 0
	names := map[string]int{}
	fate := func(pod *corev1.Pod) sim.Fate {
		mu.Lock()
		defer mu.Unlock()
		if names[pod.Name] == 0 {
			made++
			names[pod.Name] = made
		}
		return endsWith(0, time.Duration(names[pod.Name])*5*time.Minute)
	}
	sim.Run(t, counting(newJob(2, 1), fate), func(w *sim.World) error {
		w.Sleep(6 * time.Minute)
		for _, pod := range sim.List[*corev1.Pod](w) {
			if pod.Status.Phase == corev1.PodSucceeded {
				sim.Update(w, pod.Name, func(p *corev1.Pod) { p.OwnerReferences = nil })
			}
		}
		w.Sleep(time.Minute)
		if j, _ := sim.Get[*batchv1.Job](w, "work"); j.Status.Succeeded != 1 {
			return fmt.Errorf("%d succeeded, want 1", j.Status.Succeeded)
		}
		return came(w, "2 succeeded, 0 failed, SuccessCriteriaMet, Complete")
	})
}

// The finalizer of what looked like an orphan stays if the pod has become a Job's since.
func TestAnOrphanThatIsAdoptedMeanwhile(t *testing.T) {
	fate := func(pod *corev1.Pod) sim.Fate {
		f := endsWith(0, 10*time.Minute)
		f.Stop = 20 * time.Second
		return f
	}
	sim.Run(t, counting(newJob(1, 1, onlyFailed), fate), func(w *sim.World) error {
		w.Sleep(5 * time.Second)
		name := sim.List[*corev1.Pod](w)[0].Name
		sim.Delete[*corev1.Pod](w, name)
		w.Sleep(5 * time.Second)
		w.SetWeather(sim.Weather{Request: 50 * time.Millisecond})
		owners := sim.List[*corev1.Pod](w)[0].OwnerReferences
		sim.Update(w, name, func(p *corev1.Pod) { p.OwnerReferences = nil })
		w.Wait() // the controller has asked for its finalizer to go
		sim.Update(w, name, func(p *corev1.Pod) { p.OwnerReferences = owners })
		w.Sleep(time.Second)
		w.SetWeather(sim.Weather{})
		w.Sleep(time.Minute)
		return came(w, "1 succeeded, 1 failed, SuccessCriteriaMet, Complete")
	})
}

// Names are asked for again until it is known what has become of them, and then no more.
func TestUnansweredCreations(t *testing.T) {
	n := (&memory{jobs: map[types.NamespacedName]*notes{}}).of(types.NamespacedName{Name: "work"}, "uid")
	first := n.next("work-", noIndex)
	n.failed(noIndex, first, true, now)
	if again := n.next("work-", noIndex); again.name == first.name {
		t.Errorf("the name %s, which was refused, is asked for again", again.name)
	}
	n.failed(noIndex, first, false, now)
	n.failed(7, attempt{name: "other"}, false, now)
	if again := n.next("work-", noIndex); again != (attempt{first.name, now}) {
		t.Errorf("asks for %v", again)
	}
	n.failed(noIndex, attempt{first.name, now}, true, now.Add(time.Second))
	if again := n.next("work-", noIndex); again != (attempt{first.name, now}) {
		t.Errorf("asks for %v: to refuse it now says nothing about the first time", again)
	}
	var left []string
	n.keep(func(a attempt) bool { left = append(left, a.name); return false })
	if !slices.Equal(left, []string{"other"}) || len(n.unsure) > 0 {
		t.Errorf("left %v, then %v", left, n.unsure)
	}
}

func TestIsRefused(t *testing.T) {
	gr := corev1.Resource("pods")
	for _, c := range []struct {
		err  error
		want bool
	}{
		{apierrors.NewForbidden(gr, "p", nil), true}, {apierrors.NewBadRequest("no"), true}, {apierrors.NewTooManyRequests("later", 1), true},
		{apierrors.NewTimeoutError("lost", 0), false}, {apierrors.NewInternalError(fmt.Errorf("etcd")), false},
		{apierrors.NewServerTimeout(gr, "create", 0), false}, {fmt.Errorf("connection reset"), false},
	} {
		if isRefused(c.err) != c.want {
			t.Errorf("%v: refused %t", c.err, !c.want)
		}
	}
}

// What may exist and was not seen keeps a Job from its end, not from announcing that it fails.
func TestOpenCreations(t *testing.T) {
	v, d := decide(t, newJob(1, 1, func(j *batchv1.Job) { j.Status.Succeeded = 1 }))
	d.open = true
	if a := reckon(v, d, outcome{}); len(a.status.Conditions) > 0 || a.final != nil {
		t.Errorf("complete: %+v", a.status.Conditions)
	}
	v, d = decide(t, newJob(1, 1, deadline(1)))
	d.open = true
	if a := reckon(v, d, outcome{}); len(a.status.Conditions) != 1 || a.final != nil {
		t.Errorf("failed: %+v", a.status.Conditions)
	}
}

// When the namespace goes away, a pod whose index is not finished does not wait for the next one.
func TestAnIndexIsLetGoWithItsNamespace(t *testing.T) {
	s := counting(newJob(1, 1, perIndex(3)), func(*corev1.Pod) sim.Fate { return sim.Fate{Finish: 5 * time.Second, Phase: corev1.PodFailed} })
	s.Objects = append(s.Objects, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "default"},
		Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}}})
	sim.Run(t, s, func(w *sim.World) error {
		w.Sleep(8 * time.Second)
		sim.Delete[*corev1.Namespace](w, "default")
		for _, pod := range sim.List[*corev1.Pod](w) {
			sim.Delete[*corev1.Pod](w, pod.Name)
		}
		if err := w.Settle(); err != nil {
			return err
		}
		if pods := sim.List[*corev1.Pod](w); len(pods) > 0 {
			return fmt.Errorf("pod %s is left, its finalizers %v", pods[0].Name, pods[0].Finalizers)
		}
		return nil
	})
}
