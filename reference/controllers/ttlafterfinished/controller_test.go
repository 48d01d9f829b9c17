package ttlafterfinished

import (
	"context"
	"strconv"
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
	"pgregory.net/rapid"
)

func ended(at time.Time, ttl *int32, how batchv1.JobConditionType) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "once", UID: "first", ResourceVersion: "7"},
		Spec:       batchv1.JobSpec{TTLSecondsAfterFinished: ttl},
		Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{
			{Type: how, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(at)},
		}},
	}
}

func TestExpiry(t *testing.T) {
	end := time.Unix(1000, 0)
	for name, test := range map[string]struct {
		job  *batchv1.Job
		want time.Time
	}{
		"complete":          {ended(end, ptr.To[int32](30), batchv1.JobComplete), time.Unix(1030, 0)},
		"failed":            {ended(end, ptr.To[int32](30), batchv1.JobFailed), time.Unix(1030, 0)},
		"at once":           {ended(end, ptr.To[int32](0), batchv1.JobComplete), end},
		"years":             {ended(end, ptr.To[int32](1<<31-1), batchv1.JobComplete), time.Unix(1000+1<<31-1, 0)},
		"kept":              {ended(end, nil, batchv1.JobComplete), time.Time{}},
		"suspended":         {ended(end, ptr.To[int32](30), batchv1.JobSuspended), time.Time{}},
		"about to fail":     {ended(end, ptr.To[int32](30), batchv1.JobFailureTarget), time.Time{}},
		"nobody knows when": {ended(time.Time{}, ptr.To[int32](30), batchv1.JobComplete), time.Time{}},
		"running":           {&batchv1.Job{Spec: batchv1.JobSpec{TTLSecondsAfterFinished: ptr.To[int32](30)}}, time.Time{}},
		"not complete, it says": {func() *batchv1.Job {
			job := ended(end, ptr.To[int32](30), batchv1.JobComplete)
			job.Status.Conditions[0].Status = corev1.ConditionFalse
			return job
		}(), time.Time{}},
		"going": {func() *batchv1.Job {
			job := ended(end, ptr.To[int32](30), batchv1.JobComplete)
			job.DeletionTimestamp = &metav1.Time{Time: end}
			return job
		}(), time.Time{}},
	} {
		at, ok := expiry(test.job)
		if ok == test.want.IsZero() || !at.Equal(test.want) {
			t.Errorf("%s: expires at %s (%t), want %s", name, at, ok, test.want)
		}
	}
}

// run runs the controller on the client in the bubble, until the result is called.
func run(t *testing.T, client *fake.Clientset) func() {
	ctx, cancel := context.WithCancel(t.Context())
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, shared)
	shared.StartWithContext(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx, 2)
	}()
	time.Sleep(200 * time.Millisecond) // it looks every 100 ms whether its cache is filled
	synctest.Wait()
	return func() {
		cancel()
		<-done
		shared.Shutdown()
		synctest.Wait()
	}
}

func there(t *testing.T, client *fake.Clientset) bool {
	t.Helper()
	_, err := client.BatchV1().Jobs("default").Get(t.Context(), "once", metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		t.Fatal(err)
	}
	return err == nil
}

// However often the time to live is changed, the Job goes when the last one is
// over, counted from its end, and not before.
func TestTimesChange(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ttls := rapid.SliceOfN(rapid.Int32Range(-1, 20_000), 1, 5).Draw(r, "times to live, -1 for none")
		pauses := rapid.SliceOfN(rapid.Int64Range(0, 9_000), len(ttls), len(ttls)).Draw(r, "pauses between the changes")
		synctest.Test(t, func(t *testing.T) {
			end := time.Now()
			client := fake.NewClientset(ended(end, nil, batchv1.JobComplete))
			defer run(t, client)()
			for i, ttl := range ttls {
				var want *int32
				if ttl >= 0 {
					want = &ttl
				}
				job := ended(end, want, batchv1.JobComplete)
				job.ResourceVersion = strconv.Itoa(8 + i)
				if _, err := client.BatchV1().Jobs("default").Update(t.Context(), job, metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				time.Sleep(time.Duration(pauses[i]) * time.Second)
				synctest.Wait()
				over := want != nil && !time.Now().Before(end.Add(time.Duration(ttl)*time.Second))
				if there(t, client) == over {
					t.Fatalf("%s after its end, with a time to live of %d s, the Job is there: %t", time.Since(end), ttl, !over)
				}
				if over {
					return
				}
			}
		})
	})
}

// A cache that lags behind does not delete what a user has just decided to keep,
// and the deletion holds for no other Job of that name.
func TestAsksBeforeItDeletes(t *testing.T) {
	for name, test := range map[string]struct {
		live    *batchv1.Job
		deleted bool
	}{
		"as cached":  {ended(time.Unix(1000, 0), ptr.To[int32](5), batchv1.JobComplete), true},
		"lengthened": {ended(time.Unix(1000, 0), ptr.To[int32](500), batchv1.JobComplete), false},
		"kept":       {ended(time.Unix(1000, 0), nil, batchv1.JobComplete), false},
		"another":    {&batchv1.Job{ObjectMeta: metav1.ObjectMeta{UID: "second"}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			cached := ended(time.Unix(1000, 0), ptr.To[int32](5), batchv1.JobComplete)
			client := fake.NewClientset(cached)
			client.PrependReactor("get", "jobs", func(clienttesting.Action) (bool, runtime.Object, error) { return true, test.live, nil })
			deleted := false
			client.PrependReactor("delete", "jobs", func(action clienttesting.Action) (bool, runtime.Object, error) {
				options := action.(clienttesting.DeleteAction).GetDeleteOptions()
				deleted = true
				if *options.PropagationPolicy != metav1.DeletePropagationForeground ||
					*options.Preconditions.UID != "first" || *options.Preconditions.ResourceVersion != "7" {
					t.Errorf("deleted with %+v", options)
				}
				return false, nil, nil
			})
			shared := informers.NewSharedInformerFactory(client, 0)
			c := New(client, shared)
			c.now = func() time.Time { return time.Unix(1010, 0) }
			shared.StartWithContext(t.Context())
			shared.WaitForCacheSync(t.Context().Done())
			if _, err := c.Reconcile(t.Context(), types.NamespacedName{Namespace: "default", Name: "once"}); err != nil {
				t.Fatal(err)
			}
			if deleted != test.deleted {
				t.Errorf("deleted: %t, want %t", deleted, test.deleted)
			}
		})
	}
}
