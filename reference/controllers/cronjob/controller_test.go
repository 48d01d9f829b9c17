package cronjob

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

// world is a cluster in which a CronJob's Jobs take as long as they are told to.
type world struct {
	t      *testing.T
	client *fake.Clientset
	events func() []string
	stop   func()
}

// newWorld has the CronJob, made now, and no controller yet. It must be called
// in a bubble.
func newWorld(t *testing.T, change func(*batchv1.CronJob)) *world {
	w := &world{t: t, client: fake.NewClientset()}
	w.client.PrependReactor("create", "jobs", func(action clienttesting.Action) (bool, runtime.Object, error) {
		job := action.(clienttesting.CreateAction).GetObject().(*batchv1.Job)
		job.UID = types.UID(job.Name + time.Now().String())
		job.Status.StartTime = ptr.To(metav1.Now())
		return false, nil, nil
	})
	cj := hourly(t, change)
	cj.CreationTimestamp = metav1.Now()
	if _, err := w.client.BatchV1().CronJobs("default").Create(t.Context(), cj, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return w
}

// start runs the controller until halt.
func (w *world) start() {
	ctx, cancel := context.WithCancel(w.t.Context())
	shared := informers.NewSharedInformerFactory(w.client, 0)
	recorder, events := controllertest.Recorder()
	c := New(w.client, shared, recorder)
	shared.StartWithContext(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.Run(ctx, 2)
	}()
	w.events = events
	w.stop = func() {
		cancel()
		<-ended
		shared.Shutdown()
	}
	synctest.Wait()
}

func (w *world) halt() {
	w.stop()
	synctest.Wait()
}

// pass lets time go by, and what is due in it happen.
func (w *world) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) cronJob() *batchv1.CronJob {
	w.t.Helper()
	cj, err := w.client.BatchV1().CronJobs("default").Get(w.t.Context(), "report", metav1.GetOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return cj
}

func (w *world) update(change func(*batchv1.CronJob)) {
	w.t.Helper()
	cj := w.cronJob()
	change(cj)
	if _, err := w.client.BatchV1().CronJobs("default").Update(w.t.Context(), cj, metav1.UpdateOptions{}); err != nil {
		w.t.Fatal(err)
	}
	synctest.Wait()
}

// jobs returns the Jobs that are there, as the times they were scheduled for.
func (w *world) jobs() []string {
	w.t.Helper()
	list, err := w.client.BatchV1().Jobs("default").List(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	var times []string
	for _, job := range list.Items {
		scheduled, _ := scheduledFor(w.cronJob(), &job)
		times = append(times, scheduled.UTC().Format("15:04"))
	}
	slices.Sort(times)
	return times
}

// end ends the Jobs that run.
func (w *world) end(how batchv1.JobConditionType) {
	w.t.Helper()
	list, err := w.client.BatchV1().Jobs("default").List(w.t.Context(), metav1.ListOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, job := range list.Items {
		if finished(&job) != "" {
			continue
		}
		job.Status.Conditions = []batchv1.JobCondition{{Type: how, Status: corev1.ConditionTrue}}
		if how == batchv1.JobComplete {
			job.Status.CompletionTime = ptr.To(metav1.Now())
		}
		if _, err := w.client.BatchV1().Jobs("default").UpdateStatus(w.t.Context(), &job, metav1.UpdateOptions{}); err != nil {
			w.t.Fatal(err)
		}
	}
	synctest.Wait()
}

func (w *world) wantJobs(want ...string) {
	w.t.Helper()
	if got := w.jobs(); !slices.Equal(got, want) {
		w.t.Fatalf("%s: Jobs of %q, want %q", time.Now().UTC().Format("15:04:05"), got, want)
	}
}

// Bubbles begin at midnight UTC, 2000-01-01.

func TestADayOfJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, nil)
		w.start()
		defer w.halt()
		w.pass(time.Hour - time.Millisecond)
		w.wantJobs()
		w.pass(time.Millisecond)
		w.wantJobs("01:00")
		if got := w.cronJob().Status; len(got.Active) != 1 || got.LastScheduleTime.UTC().Format("15:04") != "01:00" || got.LastSuccessfulTime != nil {
			t.Errorf("status %+v", got)
		}
		w.pass(time.Minute)
		w.end(batchv1.JobComplete)
		if got := w.cronJob().Status; len(got.Active) != 0 || got.LastSuccessfulTime.UTC().Format("15:04") != "01:01" {
			t.Errorf("status %+v", got)
		}
		for range 23 {
			w.pass(time.Hour)
			w.end(batchv1.JobComplete)
		}
		w.wantJobs("00:00", "22:00", "23:00")
		var created int
		for _, event := range w.events() {
			if strings.HasPrefix(event, "Normal SuccessfulCreate Created job report-") {
				created++
			}
		}
		if created != 24 {
			t.Errorf("%d Jobs were made in a day, want 24", created)
		}
	})
}

// Killed after the Job was made and before the status says so, the controller
// makes no second one; not even where the Job has ended since, and the history
// keeps none.
func TestKilledBeforeTheStatus(t *testing.T) {
	for name, ended := range map[string]batchv1.JobConditionType{"running": "", "ended": batchv1.JobComplete} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(cj *batchv1.CronJob) { cj.Spec.SuccessfulJobsHistoryLimit = ptr.To[int32](0) })
				dead := true
				w.client.PrependReactor("update", "cronjobs", func(action clienttesting.Action) (bool, runtime.Object, error) {
					return dead && action.GetSubresource() == "status", nil, errors.New("killed")
				})
				w.start()
				w.pass(time.Hour)
				w.wantJobs("01:00")
				w.halt()
				if ended != "" {
					w.end(ended)
				}
				dead = false
				w.start()
				defer w.halt()
				w.pass(time.Minute)
				if ended == "" {
					w.wantJobs("01:00")
				} else {
					w.wantJobs()
				}
				status := w.cronJob().Status
				if status.LastScheduleTime == nil || (len(status.Active) == 1) != (ended == "") {
					t.Errorf("status %+v", status)
				}
				for _, event := range w.events() {
					if strings.Contains(event, "SuccessfulCreate") || strings.Contains(event, "UnexpectedJob") {
						t.Errorf("said %s", event)
					}
				}
			})
		})
	}
}

// A Job that the cache does not show is taken for the CronJob's if it is, and
// left alone if it is not.
func TestTheNameIsTaken(t *testing.T) {
	for name, ours := range map[string]bool{"ours": true, "another's": false} {
		t.Run(name, func(t *testing.T) {
			cj := hourly(t, nil)
			job := run(cj, at(t, "2026-01-01T10:00:00Z"), "")
			if !ours {
				job.OwnerReferences = nil
			}
			client := fake.NewClientset(cj)
			client.PrependReactor("create", "jobs", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, apierrors.NewAlreadyExists(batchv1.Resource("jobs"), job.Name)
			})
			client.PrependReactor("get", "jobs", func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, job, nil
			})
			shared := informers.NewSharedInformerFactory(client, 0)
			recorder, events := controllertest.Recorder()
			c := New(client, shared, recorder)
			c.now = func() time.Time { return at(t, "2026-01-01T10:00:00Z") }
			controllertest.Start(t, shared)
			next, err := c.Reconcile(t.Context(), types.NamespacedName{Namespace: "default", Name: "report"})
			if err != nil || next != longestSleep {
				t.Errorf("next in %s, error %v", next, err)
			}
			got, err := client.BatchV1().CronJobs("default").Get(t.Context(), "report", metav1.GetOptions{})
			if err != nil || (len(got.Status.Active) == 1) != ours {
				t.Errorf("active %+v, error %v", got.Status.Active, err)
			}
			if said := events(); len(said) != 0 {
				t.Errorf("said %q", said)
			}
		})
	}
}

func TestConcurrency(t *testing.T) {
	for policy, want := range map[batchv1.ConcurrencyPolicy][]string{
		batchv1.AllowConcurrent:   {"01:00", "02:00", "03:00"},
		batchv1.ForbidConcurrent:  {"01:00"},
		batchv1.ReplaceConcurrent: {"03:00"},
	} {
		t.Run(string(policy), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(cj *batchv1.CronJob) {
					cj.Spec.ConcurrencyPolicy, cj.Spec.StartingDeadlineSeconds = policy, ptr.To[int64](120)
				})
				w.start()
				defer w.halt()
				w.pass(3 * time.Hour)
				w.wantJobs(want...)
				if got := len(w.cronJob().Status.Active); got != len(want) {
					t.Errorf("%d are active, want %d", got, len(want))
				}
				if policy == batchv1.ForbidConcurrent {
					// It ends within the deadline of the start it was in the way of.
					w.pass(time.Minute)
					w.end(batchv1.JobComplete)
					w.wantJobs("01:00", "03:00")
					if got := strings.Join(w.events(), "\n"); strings.Count(got, "JobAlreadyActive") != 2 {
						t.Errorf("want the two starts that were forbidden to be told, each once:\n%s", got)
					}
				}
			})
		})
	}
}

func TestSuspendAndChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(cj *batchv1.CronJob) { cj.Spec.Suspend = ptr.To(true) })
		w.start()
		defer w.halt()
		w.pass(3*time.Hour + 20*time.Minute)
		w.wantJobs()
		w.update(func(cj *batchv1.CronJob) { cj.Spec.Suspend = ptr.To(false) })
		w.wantJobs("03:00") // of what was missed, the latest
		w.update(func(cj *batchv1.CronJob) { cj.Spec.Schedule = "*/10 * * * *" })
		w.pass(10 * time.Minute)
		w.wantJobs("03:00", "03:20", "03:30")
		w.update(func(cj *batchv1.CronJob) { cj.Spec.TimeZone = ptr.To("Mars/Base") })
		w.pass(time.Hour)
		w.wantJobs("03:00", "03:20", "03:30")
		if got := strings.Join(w.events(), "\n"); strings.Count(got, "UnknownTimeZone") != 1 {
			t.Errorf("want it told once that the zone is unknown:\n%s", got)
		}
	})
}

// While nothing is due, nothing is written.
func TestNoWritesBetweenStarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(cj *batchv1.CronJob) { cj.Spec.Schedule = "0 0 * * *" })
		w.start()
		defer w.halt()
		w.pass(24 * time.Hour)
		w.end(batchv1.JobFailed)
		w.client.ClearActions()
		w.pass(24*time.Hour - time.Second)
		if got := w.client.Actions(); len(got) != 0 {
			t.Errorf("%d requests in a day without a start, such as %+v", len(got), got[0])
		}
	})
}

func TestDeletesTellTheirFailure(t *testing.T) {
	cj := hourly(t, func(cj *batchv1.CronJob) { cj.Spec.FailedJobsHistoryLimit = ptr.To[int32](0) })
	cj.Spec.Suspend = ptr.To(true)
	job := run(cj, at(t, "2026-01-01T10:00:00Z"), batchv1.JobFailed)
	client := fake.NewClientset(cj, job)
	client.PrependReactor("delete", "jobs", func(action clienttesting.Action) (bool, runtime.Object, error) {
		options := action.(clienttesting.DeleteAction).GetDeleteOptions()
		if *options.PropagationPolicy != metav1.DeletePropagationBackground || *options.Preconditions.UID != job.UID {
			t.Errorf("deleted with %+v", options)
		}
		return true, nil, errors.New("not now")
	})
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, events := controllertest.Recorder()
	c := New(client, shared, recorder)
	controllertest.Start(t, shared)
	if _, err := c.Reconcile(t.Context(), types.NamespacedName{Namespace: "default", Name: "report"}); err == nil {
		t.Error("no error")
	}
	if got, want := events(), []string{"Warning FailedDelete Deleted job: not now"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}
