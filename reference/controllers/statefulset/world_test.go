package statefulset

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	deleteThem = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	retainThem = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
)

// world is a StatefulSet with its pods and claims, and nothing that comes late.
type world struct {
	set    *appsv1.StatefulSet
	pods   map[int]*corev1.Pod
	claims map[string]*corev1.PersistentVolumeClaim
	update string
	made   int
	now    time.Time
}

func newWorld(replicas int32) *world {
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "set", Generation: 1},
		Spec: appsv1.StatefulSetSpec{
			Replicas:            ptr.To(replicas),
			ServiceName:         "peers",
			PodManagementPolicy: appsv1.OrderedReadyPodManagement,
			Selector:            &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
				Spec: corev1.PodSpec{
					Containers: []corev1.Container{{Name: "c", Image: "v1"}},
					Volumes:    []corev1.Volume{{Name: "tmp"}, {Name: "data"}},
				},
			},
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{ObjectMeta: metav1.ObjectMeta{Name: "data", Labels: map[string]string{"tier": "db"}}}},
			PersistentVolumeClaimRetentionPolicy: &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
				WhenDeleted: retainThem, WhenScaled: retainThem,
			},
			UpdateStrategy: appsv1.StatefulSetUpdateStrategy{
				Type:          appsv1.RollingUpdateStatefulSetStrategyType,
				RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To[int32](0), MaxUnavailable: ptr.To(intstr.FromInt32(1))},
			},
		},
	}
	return &world{set: set, pods: map[int]*corev1.Pod{}, claims: map[string]*corev1.PersistentVolumeClaim{}, update: "web-v1", now: epoch}
}

func (w *world) view() *view {
	current := w.set.Status.CurrentRevision
	if current == "" {
		current = w.update
	}
	return &view{
		set: w.set, pods: w.pods, now: w.now, current: current, update: w.update,
		claims: func(name string) *corev1.PersistentVolumeClaim { return w.claims[name] },
	}
}

// step carries out one plan and reports whether there was anything to do.
func (w *world) step() bool {
	v := w.view()
	status, _ := observe(v, nil)
	d := plan(v)
	for _, b := range d.create {
		w.make(b.ordinal, b.revision)
	}
	for _, ordinal := range d.claims {
		w.makeClaims(ordinal)
	}
	for _, pod := range d.repair {
		ordinal, _ := ordinalOf(w.set, pod.Name)
		identify(pod, ordinal)
	}
	for _, pod := range d.retain {
		ordinal, _ := ordinalOf(w.set, pod.Name)
		for _, name := range claimNames(w.set, ordinal) {
			if claim := w.claims[name]; claim != nil {
				claim.OwnerReferences, _ = ownersOf(claim, w.set, pod, ordinal)
			}
		}
	}
	for _, pod := range slices.Concat(d.finished, d.remove) {
		pod.DeletionTimestamp = &metav1.Time{Time: w.now}
	}
	same := sameStatus(&w.set.Status, &status)
	w.set.Status = status
	return !d.idle() || !same
}

func (d decision) idle() bool {
	return len(d.finished)+len(d.create)+len(d.claims)+len(d.repair)+len(d.retain)+len(d.remove) == 0
}

// make makes a pod, not yet running.
func (w *world) make(ordinal int, revision string) *corev1.Pod {
	if w.pods[ordinal] != nil {
		panic("there is a pod " + podName(w.set, ordinal))
	}
	w.makeClaims(ordinal)
	pod := newPod(w.set, &w.set.Spec.Template, revision, ordinal)
	w.made++
	pod.UID = types.UID(fmt.Sprint("pod-", w.made))
	pod.Status.Phase = corev1.PodPending
	w.pods[ordinal] = pod
	return pod
}

func (w *world) makeClaims(ordinal int) {
	for _, claim := range newClaims(w.set, ordinal) {
		if w.claims[claim.Name] == nil {
			w.claims[claim.Name] = claim
		}
	}
}

func (w *world) setReady(pod *corev1.Pod, ready corev1.ConditionStatus) {
	pod.Status.Phase = corev1.PodRunning
	pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: ready, LastTransitionTime: metav1.NewTime(w.now)}}
}

// running makes the pods of those ordinals, running and ready for long.
func (w *world) running(revision string, ordinals ...int) {
	for _, ordinal := range ordinals {
		w.setReady(w.make(ordinal, revision), corev1.ConditionTrue)
	}
}

// end lets a pod that was told to go be gone; claims that only it owned go too.
func (w *world) end(ordinal int) {
	pod := w.pods[ordinal]
	delete(w.pods, ordinal)
	maps.DeleteFunc(w.claims, func(_ string, claim *corev1.PersistentVolumeClaim) bool {
		return slices.ContainsFunc(claim.OwnerReferences, func(r metav1.OwnerReference) bool { return r.UID == pod.UID })
	})
}

// settle lets everything take its course until nothing moves.
func (w *world) settle(t interface{ Fatalf(string, ...any) }) {
	for range 500 {
		moved := w.step()
		for ordinal, pod := range w.pods {
			switch {
			case pod.DeletionTimestamp != nil:
				w.end(ordinal)
				moved = true
			case pod.Status.Phase == corev1.PodPending || pod.Status.Phase == corev1.PodRunning && !isReady(pod):
				w.setReady(pod, corev1.ConditionTrue)
				moved = true
			}
		}
		if _, wait := observe(w.view(), nil); !moved && wait == 0 {
			return
		}
		w.now = w.now.Add(time.Duration(w.set.Spec.MinReadySeconds) * time.Second)
	}
	t.Fatalf("it never comes to rest: %s, plan %+v", w.describe(), plan(w.view()))
}

func (w *world) describe() string {
	var pods []string
	for _, ordinal := range slices.Sorted(maps.Keys(w.pods)) {
		pod := w.pods[ordinal]
		line := strconv.Itoa(ordinal) + ":" + strings.TrimPrefix(revisionOf(pod), "web-") + string(pod.Status.Phase)
		if isReady(pod) {
			line += "+ready"
		}
		if pod.DeletionTimestamp != nil {
			line += "+going"
		}
		pods = append(pods, line)
	}
	return fmt.Sprintf("pods %v status %+v", pods, w.set.Status)
}

// anyPod picks a pod, in order, so that a failure can be repeated.
func (w *world) anyPod(t *rapid.T) (int, *corev1.Pod) {
	if len(w.pods) == 0 {
		t.Skip("no pods")
	}
	ordinal := rapid.SampledFrom(slices.Sorted(maps.Keys(w.pods))).Draw(t, "ordinal")
	return ordinal, w.pods[ordinal]
}
