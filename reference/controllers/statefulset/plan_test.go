package statefulset

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// String tells the decision in short, as "create 0:v1 remove 2".
func (d decision) String() string {
	var parts []string
	say := func(what string, names ...string) {
		if len(names) > 0 {
			parts = append(parts, what+" "+strings.Join(names, ","))
		}
	}
	podsOf := func(pods []*corev1.Pod) (names []string) {
		for _, pod := range pods {
			names = append(names, strings.TrimPrefix(pod.Name, "web-"))
		}
		return names
	}
	say("finished", podsOf(d.finished)...)
	var births []string
	for _, b := range d.create {
		births = append(births, fmt.Sprint(b.ordinal, ":", strings.TrimPrefix(b.revision, "web-")))
	}
	say("create", births...)
	for _, ordinal := range d.claims {
		say("claims", fmt.Sprint(ordinal))
	}
	say("repair", podsOf(d.repair)...)
	say("retain", podsOf(d.retain)...)
	say("remove", podsOf(d.remove)...)
	return strings.Join(parts, " ")
}

func parallel(w *world) { w.set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement }

func unready(w *world, ordinals ...int) {
	for _, ordinal := range ordinals {
		w.setReady(w.pods[ordinal], corev1.ConditionFalse)
	}
}

func going(w *world, ordinals ...int) {
	for _, ordinal := range ordinals {
		w.pods[ordinal].DeletionTimestamp = &metav1.Time{Time: epoch}
	}
}

// updating has a rollout from v1 to v2 begin.
func updating(w *world) {
	w.set.Status.CurrentRevision, w.set.Status.CurrentReplicas = "web-v1", *w.set.Spec.Replicas
	w.update = "web-v2"
}

func rolling(w *world, partition int32, maxUnavailable any) {
	r := w.set.Spec.UpdateStrategy.RollingUpdate
	r.Partition = &partition
	switch most := maxUnavailable.(type) {
	case int:
		r.MaxUnavailable = ptr.To(intstr.FromInt32(int32(most)))
	case string:
		r.MaxUnavailable = ptr.To(intstr.FromString(most))
	}
}

func TestPlan(t *testing.T) {
	for name, test := range map[string]struct {
		replicas int32
		given    func(w *world)
		want     string
	}{
		"the first pod":                   {3, func(*world) {}, "create 0:v1"},
		"the next when the first is well": {3, func(w *world) { w.running("web-v1", 0) }, "create 1:v1"},
		"none while one is not ready":     {3, func(w *world) { w.running("web-v1", 0, 1); unready(w, 0) }, ""},
		"none while one is not available": {3, func(w *world) { w.set.Spec.MinReadySeconds = 10; w.running("web-v1", 0) }, ""},
		"one when it is": {3, func(w *world) {
			w.set.Spec.MinReadySeconds = 10
			w.running("web-v1", 0)
			w.now = w.now.Add(10 * time.Second)
		}, "create 1:v1"},
		"none of a name that is there": {3, func(w *world) { w.running("web-v1", 0, 1, 2); going(w, 1) }, ""},
		"a gap is filled":              {3, func(w *world) { w.running("web-v1", 0, 2) }, "create 1:v1"},
		"one that failed":              {3, func(w *world) { w.running("web-v1", 0, 1); w.pods[1].Status.Phase = corev1.PodFailed }, "finished 1"},
		"one that succeeded":           {3, func(w *world) { w.running("web-v1", 0, 1); w.pods[1].Status.Phase = corev1.PodSucceeded }, "finished 1"},
		"one that failed and is going": {3, func(w *world) { w.running("web-v1", 0, 1); w.pods[1].Status.Phase = corev1.PodFailed; going(w, 1) }, ""},
		"claims that a pod waits for":  {1, func(w *world) { w.make(0, "web-v1"); clear(w.claims) }, "claims 0"},
		"lost identity":                {1, func(w *world) { w.running("web-v1", 0); delete(w.pods[0].Labels, appsv1.PodIndexLabel) }, "repair 0"},
		"nothing":                      {2, func(w *world) { w.running("web-v1", 0, 1) }, ""},
		"a set that is deleted":        {3, func(w *world) { w.set.DeletionTimestamp = &metav1.Time{Time: epoch} }, ""},
		"start ordinal":                {2, func(w *world) { w.set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 5} }, "create 5:v1"},
		"a pod before the start": {2, func(w *world) {
			w.set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 1}
			w.running("web-v1", 0, 1, 2)
		}, "remove 0"},
		"scale down, last first":             {1, func(w *world) { w.running("web-v1", 0, 1, 2) }, "remove 2"},
		"scale down waits for the last":      {1, func(w *world) { w.running("web-v1", 0, 1, 2); going(w, 2) }, ""},
		"scale down waits for the well":      {1, func(w *world) { w.running("web-v1", 0, 1, 2); unready(w, 0) }, ""},
		"scale down of the one not well":     {1, func(w *world) { w.running("web-v1", 0, 1, 2); unready(w, 2) }, "remove 2"},
		"scale down waits for a predecessor": {1, func(w *world) { w.running("web-v1", 0, 1, 2); unready(w, 1, 2) }, ""},
		"scale down waits for none that ended": {1, func(w *world) {
			w.running("web-v1", 0, 1, 2, 3)
			unready(w, 3)
			w.pods[1].Status.Phase = corev1.PodFailed
		}, "remove 3"},
		"scale down of one that ended": {1, func(w *world) { w.running("web-v1", 0, 1, 2); unready(w, 1); w.pods[2].Status.Phase = corev1.PodFailed }, "remove 2"},
		"scale down halts, none ready": {0, func(w *world) { w.running("web-v1", 0, 1, 2); unready(w, 0, 1, 2) }, ""},

		"parallel: all at once":        {3, parallel, "create 0:v1,1:v1,2:v1"},
		"parallel: all but those left": {3, func(w *world) { parallel(w); w.running("web-v1", 1); going(w, 1) }, "create 0:v1,2:v1"},
		"parallel: down at once":       {0, func(w *world) { parallel(w); w.running("web-v1", 0, 1, 2); unready(w, 1); going(w, 0) }, "remove 2,1"},

		"update, last first": {3, func(w *world) { w.running("web-v1", 0, 1, 2); updating(w) }, "remove 2"},
		"update waits":       {3, func(w *world) { w.running("web-v1", 0, 1); w.make(2, "web-v2"); updating(w) }, ""},
		"update goes on":     {3, func(w *world) { w.running("web-v1", 0, 1); w.running("web-v2", 2); updating(w) }, "remove 1"},
		"update makes anew":  {3, func(w *world) { w.running("web-v1", 0, 1); updating(w) }, "create 2:v2"},
		"update over":        {3, func(w *world) { w.running("web-v2", 0, 1, 2); updating(w) }, ""},
		"update scales down first": {2, func(w *world) {
			w.running("web-v1", 0, 1, 2)
			updating(w)
		}, "remove 2"},
		"partition":            {3, func(w *world) { rolling(w, 2, 1); w.running("web-v1", 0, 1); w.running("web-v2", 2); updating(w) }, ""},
		"partition beyond all": {3, func(w *world) { rolling(w, 5, 1); w.running("web-v1", 0, 1, 2); updating(w) }, ""},
		"below it, as before":  {3, func(w *world) { rolling(w, 2, 1); w.running("web-v1", 0, 2); updating(w) }, "create 1:v1"},
		"above it, the new":    {3, func(w *world) { rolling(w, 2, 1); w.running("web-v1", 0, 1); updating(w) }, "create 2:v2"},
		"partition after a start": {3, func(w *world) {
			rolling(w, 1, 3)
			w.set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: 4}
			w.running("web-v1", 4, 5, 6)
			updating(w)
		}, "remove 6,5"},
		"two at once":             {4, func(w *world) { rolling(w, 0, 2); w.running("web-v1", 0, 1, 2, 3); updating(w) }, "remove 3,2"},
		"a share, rounded up":     {4, func(w *world) { rolling(w, 0, "30%"); w.running("web-v1", 0, 1, 2, 3); updating(w) }, "remove 3,2"},
		"never none":              {4, func(w *world) { rolling(w, 0, "0%"); w.running("web-v1", 0, 1, 2, 3); updating(w) }, "remove 3"},
		"a stuck update stays so": {2, func(w *world) { w.running("web-v1", 0, 1); unready(w, 1); updating(w) }, ""},
		"no rollingUpdate": {3, func(w *world) {
			w.set.Spec.UpdateStrategy.RollingUpdate = nil
			w.running("web-v1", 0, 1, 2)
			updating(w)
		}, "remove 2"},
		"OnDelete waits":         {2, func(w *world) { onDelete(w); w.running("web-v1", 0, 1); updating(w) }, ""},
		"OnDelete makes the new": {2, func(w *world) { onDelete(w); w.running("web-v1", 1); updating(w) }, "create 0:v2"},

		"parallel: update one at a time": {3, func(w *world) { parallel(w); w.running("web-v1", 0, 1, 2); updating(w) }, "remove 2"},
		"parallel: update waits": {3, func(w *world) {
			parallel(w)
			w.running("web-v1", 0, 1)
			w.running("web-v2", 2)
			unready(w, 2)
			updating(w)
		}, ""},
		"parallel: what is broken goes": {3, func(w *world) { parallel(w); w.running("web-v1", 0, 1, 2); unready(w, 0); updating(w) }, "remove 0"},
		"parallel: two, one is missing": {4, func(w *world) { parallel(w); rolling(w, 0, 2); w.running("web-v1", 0, 1, 2); updating(w) }, "create 3:v2 remove 2"},
		"parallel: broken below partition counts": {3, func(w *world) {
			parallel(w)
			rolling(w, 1, 1)
			w.running("web-v1", 0, 1, 2)
			unready(w, 0)
			updating(w)
		}, ""},
		"parallel: a failed one goes once": {2, func(w *world) {
			parallel(w)
			w.running("web-v1", 0, 1)
			w.pods[1].Status.Phase = corev1.PodFailed
			updating(w)
		}, "finished 1"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(test.replicas)
			test.given(w)
			if got := plan(w.view()).String(); got != test.want {
				t.Errorf("plan is %q, want %q; %s", got, test.want, w.describe())
			}
		})
	}
}

func onDelete(w *world) {
	w.set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}
}

func TestNewPod(t *testing.T) {
	w := newWorld(1)
	pod := newPod(w.set, &w.set.Spec.Template, "web-v1", 7)
	if pod.Name != "web-7" || pod.GenerateName != "" || pod.Spec.Hostname != "web-7" || pod.Spec.Subdomain != "peers" {
		t.Errorf("pod %+v", pod)
	}
	for label, want := range map[string]string{
		"app": "web", "statefulset.kubernetes.io/pod-name": "web-7", "apps.kubernetes.io/pod-index": "7", "controller-revision-hash": "web-v1",
	} {
		if got := pod.Labels[label]; got != want {
			t.Errorf("label %s is %q, want %q", label, got, want)
		}
	}
	var volumes []string
	for _, volume := range pod.Spec.Volumes {
		name := volume.Name
		if volume.PersistentVolumeClaim != nil {
			name += "=" + volume.PersistentVolumeClaim.ClaimName
		}
		volumes = append(volumes, name)
	}
	if want := []string{"data=data-web-7", "tmp"}; !slices.Equal(volumes, want) {
		t.Errorf("volumes %q, want %q: the claim takes the place of a volume of its name", volumes, want)
	}
	if !metav1.IsControlledBy(pod, w.set) {
		t.Errorf("owners %+v", pod.OwnerReferences)
	}
	if w.set.Spec.Template.Labels["controller-revision-hash"] != "" {
		t.Error("the template was changed")
	}
}

func TestOrdinalOf(t *testing.T) {
	set := newWorld(1).set
	for name, want := range map[string]int{
		"web-0": 0, "web-12": 12, "web-2147483647": 2147483647,
		"web": -1, "web-": -1, "web-x": -1, "web-01": -1, "web--1": -1, "web-+1": -1, "web-1-2": -1, "webs-1": -1, "web-2147483648": -1,
	} {
		got, ok := ordinalOf(set, name)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("the ordinal of %s is %d, want %d", name, got, want)
		}
	}
}
