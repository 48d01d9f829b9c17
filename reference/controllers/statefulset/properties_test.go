package statefulset

import (
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func anyWorld(t *rapid.T) *world {
	w := newWorld(rapid.Int32Range(0, 5).Draw(t, "replicas"))
	if rapid.Bool().Draw(t, "parallel") {
		parallel(w)
	}
	w.set.Spec.MinReadySeconds = rapid.SampledFrom([]int32{0, 5}).Draw(t, "minReadySeconds")
	anyUpdateStrategy(t, w)
	anyRetention(t, w)
	return w
}

func anyUpdateStrategy(t *rapid.T, w *world) {
	most := rapid.SampledFrom([]intstr.IntOrString{intstr.FromInt32(1), intstr.FromInt32(2), intstr.FromString("50%")}).Draw(t, "maxUnavailable")
	w.set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{
		Type: appsv1.RollingUpdateStatefulSetStrategyType,
		RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{
			Partition: ptr.To(rapid.Int32Range(0, 6).Draw(t, "partition")), MaxUnavailable: &most,
		},
	}
	if rapid.IntRange(0, 3).Draw(t, "on delete") == 0 {
		onDelete(w)
	}
}

func anyRetention(t *rapid.T, w *world) {
	policy := func(name string) appsv1.PersistentVolumeClaimRetentionPolicyType {
		return rapid.SampledFrom([]appsv1.PersistentVolumeClaimRetentionPolicyType{retainThem, deleteThem}).Draw(t, name)
	}
	retention(w, policy("whenDeleted"), policy("whenScaled"))
}

// actions are what users and nodes do.
func (w *world) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"scale": func(t *rapid.T) { w.set.Spec.Replicas = ptr.To(rapid.Int32Range(0, 5).Draw(t, "replicas")) },
		"start": func(t *rapid.T) {
			w.set.Spec.Ordinals = &appsv1.StatefulSetOrdinals{Start: rapid.Int32Range(0, 3).Draw(t, "start")}
		},
		"deploy":    func(t *rapid.T) { w.update = fmt.Sprint("web-v", rapid.IntRange(1, 3).Draw(t, "version")) },
		"strategy":  func(t *rapid.T) { anyUpdateStrategy(t, w) },
		"retention": func(t *rapid.T) { anyRetention(t, w) },
		"pod starts or changes": func(t *rapid.T) {
			_, pod := w.anyPod(t)
			w.setReady(pod, rapid.SampledFrom([]corev1.ConditionStatus{corev1.ConditionTrue, corev1.ConditionFalse}).Draw(t, "ready"))
		},
		"pod ends": func(t *rapid.T) {
			_, pod := w.anyPod(t)
			pod.Status.Phase = rapid.SampledFrom([]corev1.PodPhase{corev1.PodFailed, corev1.PodSucceeded}).Draw(t, "phase")
		},
		"pod is deleted": func(t *rapid.T) {
			ordinal, _ := w.anyPod(t)
			going(w, ordinal)
		},
		"pod is gone": func(t *rapid.T) {
			ordinal, pod := w.anyPod(t)
			if pod.DeletionTimestamp == nil {
				t.Skip("it stays")
			}
			w.end(ordinal)
		},
		"pod loses its identity": func(t *rapid.T) {
			_, pod := w.anyPod(t)
			delete(pod.Labels, appsv1.StatefulSetPodNameLabel)
		},
		"claim is lost": func(t *rapid.T) {
			ordinal, _ := w.anyPod(t)
			delete(w.claims, claimNames(w.set, ordinal)[0])
		},
		"time passes": func(*rapid.T) { w.now = w.now.Add(3e9) },
	}
}

// Whatever happens, every plan keeps what is promised of the order of pods, of
// their names, of the partition and of how many may be unavailable; and once
// nothing happens any more, all pods are as they should be and nothing is done.
func TestPlanKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld(t)
		actions := w.actions()
		actions["controller"] = func(t *rapid.T) {
			check(t, w)
			w.step() // panics if it makes a pod that is there
		}
		t.Repeat(actions)
		w.settle(t)
		checkRest(t, w)
	})
}

func check(t *rapid.T, w *world) {
	v := w.view()
	d := plan(v)
	first, end := start(w.set), start(w.set)+wanted(w.set)
	available := 0
	for ordinal := first; ordinal < end; ordinal++ {
		if v.healthy(w.pods[ordinal]) {
			available++
		}
	}
	fail := func(format string, args ...any) {
		t.Helper()
		t.Fatalf("plan %q of %s: %s", d, w.describe(), fmt.Sprintf(format, args...))
	}
	for _, b := range d.create {
		if b.ordinal < first || b.ordinal >= end {
			fail("nobody asks for a pod %d", b.ordinal)
		}
		if r := w.set.Spec.UpdateStrategy.RollingUpdate; r != nil && b.ordinal-first < int(*r.Partition) != (b.revision == v.current) && v.current != v.update {
			fail("pod %d is made from %s, with partition %d", b.ordinal, b.revision, *r.Partition)
		}
		for before := first; before < b.ordinal && v.ordered(); before++ {
			if !v.healthy(w.pods[before]) {
				fail("pod %d is made although %d is not well", b.ordinal, before)
			}
		}
	}
	updates, costs := 0, 0
	for _, pod := range slices.Concat(d.finished, d.remove) {
		ordinal, _ := ordinalOf(w.set, pod.Name)
		if pod.DeletionTimestamp != nil {
			fail("pod %d is told to go twice", ordinal)
		}
		if slices.Contains(d.finished, pod) {
			continue
		}
		if ordinal >= first && ordinal < end {
			updates++
			if w.set.Spec.UpdateStrategy.Type == appsv1.OnDeleteStatefulSetStrategyType || ordinal-first < partition(w.set) || revisionOf(pod) == w.update {
				fail("pod %d is not to be updated", ordinal)
			}
			if v.healthy(pod) {
				costs++
			}
			for later := ordinal + 1; later < end; later++ {
				if after := w.pods[later]; v.healthy(pod) && v.healthy(after) && revisionOf(after) != w.update && !slices.Contains(d.remove, after) {
					fail("pod %d is updated before %d", ordinal, later)
				}
			}
			continue
		}
		for later := range w.pods {
			if v.ordered() && (later > ordinal && !inRange(w.set, later)) {
				fail("pod %d goes although %d is still there", ordinal, later)
			}
		}
	}
	if most := mostUnavailable(w.set); costs > 0 && wanted(w.set)-(available-costs) > most {
		fail("%d of %d are left available, %d may be missing", available-costs, wanted(w.set), most)
	}
	if others := len(d.create) + len(d.finished) + len(d.remove) - updates; v.ordered() && (others > 1 || others == 1 && updates > 0) {
		fail("more than one step at a time")
	}
}

func checkRest(t *rapid.T, w *world) {
	if d := plan(w.view()); !d.idle() {
		t.Fatalf("at rest, and yet %q; %s", d, w.describe())
	}
	if len(w.pods) != wanted(w.set) {
		t.Fatalf("%d pods are wanted: %s", wanted(w.set), w.describe())
	}
	all := int32(wanted(w.set))
	status := w.set.Status
	if status.Replicas != all || status.ReadyReplicas != all || status.AvailableReplicas != all {
		t.Fatalf("the status is not that of %d pods: %s", all, w.describe())
	}
	for ordinal, pod := range w.pods {
		if !inRange(w.set, ordinal) || !w.view().healthy(pod) || !identified(pod, ordinal) {
			t.Fatalf("pod %d is not as it should be: %s", ordinal, w.describe())
		}
		if updates := w.set.Spec.UpdateStrategy.RollingUpdate != nil; updates && ordinal-start(w.set) >= partition(w.set) && revisionOf(pod) != w.update {
			t.Fatalf("pod %d is not updated: %s", ordinal, w.describe())
		}
		ofSet, _ := owners(w.set, ordinal)
		claim := w.claims[claimNames(w.set, ordinal)[0]]
		if claim != nil && metav1.IsControlledBy(claim, w.set) != ofSet {
			t.Fatalf("owners of the claim of pod %d: %+v", ordinal, claim.OwnerReferences)
		}
	}
	if status.UpdatedReplicas == all && status.CurrentRevision != status.UpdateRevision {
		t.Fatalf("the update is over, but not in the status: %s", w.describe())
	}
}
