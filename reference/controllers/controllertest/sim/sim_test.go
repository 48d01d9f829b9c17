package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
)

// counter is a controller that counts the pods of the namespace in a ConfigMap,
// and forgets that its cache may be stale.
type counter struct {
	client kubernetes.Interface
	shared informers.SharedInformerFactory
	write  bool // even if nothing has changed
}

func (c counter) Run(ctx context.Context, _ int) {
	pods := c.shared.Core().V1().Pods()
	synced := pods.Informer().HasSynced
	c.shared.StartWithContext(ctx)
	for ctx.Err() == nil {
		if synced() {
			c.count(ctx, len(pods.Informer().GetStore().ListKeys()))
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func (c counter) count(ctx context.Context, pods int) {
	maps := c.client.CoreV1().ConfigMaps(Namespace)
	have, err := maps.Get(ctx, "count", metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		_, _ = maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "count"}}, metav1.CreateOptions{})
		return
	}
	if err == nil && (c.write || have.Data["pods"] != fmt.Sprint(pods)) {
		have.Data = map[string]string{"pods": fmt.Sprint(pods)}
		_, _ = maps.Update(ctx, have, metav1.UpdateOptions{})
	}
}

func counting(restless bool) Scenario {
	return Scenario{
		Controllers: map[string]New{"counter": func(client kubernetes.Interface, shared informers.SharedInformerFactory, _ record.EventRecorder) Runner {
			shared.Core().V1().Pods().Informer()
			return counter{client, shared, restless}
		}},
		Objects: []Object{pod("a"), pod("b")},
	}
}

func pod(name string) *corev1.Pod { return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}} }

func counted(w *World) string {
	cm, ok := Get[*corev1.ConfigMap](w, "count")
	if !ok {
		return ""
	}
	return cm.Data["pods"]
}

func TestEventsAreHeldUp(t *testing.T) {
	Run(t, counting(false), func(w *World) error {
		w.Sleep(10 * time.Second)
		w.Hold("counter:pods", time.Minute)
		w.Create(pod("c"))
		w.Sleep(50 * time.Second)
		if got := counted(w); got != "2" {
			return fmt.Errorf("the controller has counted %q although its events are held up", got)
		}
		w.Sleep(20 * time.Second)
		if got := counted(w); got != "3" {
			return fmt.Errorf("the controller has counted %q although its events have come", got)
		}
		return nil
	})
}

func TestAnExpiredWatchListsAnew(t *testing.T) {
	Run(t, counting(false), func(w *World) error {
		w.Sleep(10 * time.Second)
		w.Hold("counter:pods", time.Hour)
		w.Create(pod("c"))
		Delete[*corev1.Pod](w, "a")
		Delete[*corev1.Pod](w, "b")
		w.Break("counter:pods", true)
		w.Sleep(time.Minute)
		// The new list has all three; that two of them have gone since is held up.
		if got := counted(w); got != "3" {
			return fmt.Errorf("counted %q", got)
		}
		if err := w.Settle(); err != nil {
			return err
		}
		if got := counted(w); got != "1" {
			return fmt.Errorf("counted %q at rest", got)
		}
		return nil
	})
}

func TestFindsWhatIsWrong(t *testing.T) {
	for name, test := range map[string]struct {
		scenario func() Scenario
		want     string
	}{
		"an invariant that is broken": {func() Scenario {
			s := counting(false)
			s.Invariants = map[string]Invariant{"never two": func(w *World, _ Write) error {
				if counted(w) == "2" {
					return errors.New("there are two")
				}
				return nil
			}}
			return s
		}, "never two: there are two"},
		"no end of writes": {func() Scenario { return counting(true) }, "does not come to rest"},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := play(t, test.scenario(), 1, (*World).rest)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("found %v, want %q", err, test.want)
			}
			if !strings.Contains(w.History(), "ConfigMap") {
				t.Errorf("history without the controller's writes:\n%s", w.History())
			}
		})
	}
}

// The weather strikes about as often as it says, and a lost answer is that of a
// write which was applied.
func TestWeather(t *testing.T) {
	for name, test := range map[string]struct {
		weather Weather
		applied bool
		is      func(error) bool
	}{
		"conflicts": {Weather{Conflicts: 30}, false, apierrors.IsConflict},
		"refusals":  {Weather{Refusals: 30}, false, apierrors.IsInternalError},
		"losses":    {Weather{Losses: 30}, true, apierrors.IsTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			Run(t, Scenario{Objects: []Object{&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "n"}}}}, func(w *World) error {
				client := kubernetes.NewForConfigOrDie(w.config("tester")).CoreV1().ConfigMaps(Namespace)
				w.SetWeather(test.weather)
				failed := 0
				for i := range 200 {
					cm, _ := Get[*corev1.ConfigMap](w, "n")
					cm = cm.DeepCopy()
					cm.Data = map[string]string{"n": fmt.Sprint(i)}
					_, err := client.Update(w.ctx, cm, metav1.UpdateOptions{})
					now, _ := Get[*corev1.ConfigMap](w, "n")
					if applied := now.Data["n"] == fmt.Sprint(i); err != nil && (applied != test.applied || !test.is(err)) {
						return fmt.Errorf("error %w, applied %t", err, applied)
					}
					if err != nil {
						failed++
					}
				}
				if failed < 30 || failed > 100 {
					return fmt.Errorf("%d of 200 writes have failed, want about 60", failed)
				}
				return nil
			})
		})
	}
}

func TestTheServerKeepsItsPromises(t *testing.T) {
	Run(t, Scenario{Nodes: -1}, func(w *World) error {
		pods := w.Client.CoreV1().Pods(Namespace)
		made, err := pods.Create(w.ctx, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{GenerateName: "p-", Finalizers: []string{"example.com/keep"}}}, metav1.CreateOptions{})
		if err != nil {
			return err
		}
		if made.UID == "" || len(made.Name) != 7 || made.Generation != 1 || made.Status.Phase != corev1.PodPending || made.Spec.RestartPolicy != corev1.RestartPolicyAlways {
			return fmt.Errorf("created %+v", made)
		}
		stale := made.DeepCopy()
		made.Spec.ActiveDeadlineSeconds, made.Status.Phase = ptr.To[int64](5), corev1.PodRunning
		updated, err := pods.Update(w.ctx, made, metav1.UpdateOptions{})
		if err != nil || updated.Generation != 2 || updated.Status.Phase != corev1.PodPending {
			return fmt.Errorf("updated to %+v, error %v", updated, err)
		}
		if _, err := pods.Update(w.ctx, stale, metav1.UpdateOptions{}); !apierrors.IsConflict(err) {
			return fmt.Errorf("the update of an old version ends in %v", err)
		}
		if err := pods.Delete(w.ctx, made.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions("other")}); !apierrors.IsConflict(err) {
			return fmt.Errorf("the deletion of another uid ends in %v", err)
		}
		if err := pods.Delete(w.ctx, made.Name, metav1.DeleteOptions{}); err != nil {
			return err
		}
		got, ok := Get[*corev1.Pod](w, made.Name)
		if !ok || got.DeletionTimestamp == nil {
			return errors.New("the finalizer does not keep the pod")
		}
		last, err := pods.Patch(w.ctx, made.Name, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		if err == nil && last.ResourceVersion != got.ResourceVersion {
			return fmt.Errorf("the update that ended the pod is answered with version %s, not with the one it had, %s", last.ResourceVersion, got.ResourceVersion)
		}
		if _, ok := Get[*corev1.Pod](w, made.Name); ok || err != nil {
			return fmt.Errorf("without its finalizer the pod stays: %v", err)
		}
		return nil
	})
}
