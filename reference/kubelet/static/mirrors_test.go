package static

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

func static(t *testing.T, text string) *v1.Pod {
	t.Helper()
	pod, err := decode([]byte(text), Origin{"file", "f"}, "n", t0)
	if err != nil {
		t.Fatal(err)
	}
	return pod
}

var theNode = &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n", UID: "node-uid"}}

func TestMirror(t *testing.T) {
	pod := static(t, web)
	m := Mirror(pod, theNode)
	if m.UID != "" || m.Annotations[v1.MirrorPodAnnotationKey] != string(pod.UID) || !IsMirror(m) || Is(m) || IsMirror(pod) {
		t.Errorf("uid %q, annotations %v", m.UID, m.Annotations)
	}
	owner := metav1.OwnerReference{APIVersion: "v1", Kind: "Node", Name: "n", UID: "node-uid", Controller: ptr.To(true)}
	if len(m.OwnerReferences) != 1 || m.OwnerReferences[0].String() != owner.String() {
		t.Errorf("owners %v", m.OwnerReferences)
	}
}

func TestDecideAboutMirrors(t *testing.T) {
	pod := static(t, web)
	mirror := Mirror(pod, theNode)
	stale, dying := mirror.DeepCopy(), mirror.DeepCopy()
	stale.Annotations[v1.MirrorPodAnnotationKey] = "older"
	dying.DeletionTimestamp = ptr.To(metav1.Now())
	for name, c := range map[string]struct {
		pod, mirror *v1.Pod
		want        action
	}{
		"neither":           {nil, nil, nothing},
		"no mirror":         {pod, nil, create},
		"no pod":            {nil, mirror, remove},
		"both":              {pod, mirror, report},
		"of another file":   {pod, stale, remove},
		"deleted by a user": {pod, dying, remove},
	} {
		if got := decide(c.pod, c.mirror); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// statuses notes of whom a status was reported.
type statuses struct{ set, forgotten []types.UID }

func (s *statuses) Set(pod *v1.Pod, _ v1.PodStatus) { s.set = append(s.set, pod.UID) }
func (s *statuses) Forget(uid types.UID)            { s.forgotten = append(s.forgotten, uid) }

func TestMirrorsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, told := fake.NewClientset(), &statuses{}
		m := NewMirrors(client, func() *v1.Node { return theNode }, told)
		go m.Run(t.Context())
		verbs := func() (out []string) {
			time.Sleep(time.Second)
			synctest.Wait()
			for _, a := range client.Actions() {
				if d, ok := a.(clienttesting.DeleteAction); ok {
					out = append(out, "delete "+string(*d.GetDeleteOptions().Preconditions.UID))
				} else {
					out = append(out, a.GetVerb())
				}
			}
			client.ClearActions()
			return out
		}
		want := func(when string, want ...string) {
			t.Helper()
			if got := verbs(); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", when, got, want)
			}
		}
		pod := static(t, web)
		orphan := Mirror(static(t, describe("old", "x:1")), theNode)
		orphan.UID = "orphan"
		m.Seen(orphan)
		m.Set(pod, v1.PodStatus{Phase: v1.PodRunning})
		want("not everything is known yet")
		m.Complete()
		got := verbs()
		slices.Sort(got)
		if !slices.Equal(got, []string{"create", "delete orphan"}) {
			t.Errorf("everything is known: got %v", got)
		}
		m.Gone(orphan)
		first := Mirror(pod, theNode)
		first.UID = "first"
		m.Seen(first)
		want("the mirror is there")
		if !slices.Equal(told.set, []types.UID{"first"}) {
			t.Errorf("told of %v", told.set)
		}
		dying := first.DeepCopy()
		dying.DeletionTimestamp = ptr.To(metav1.Now())
		m.Seen(dying)
		want("a user deleted it", "delete first")
		if err := client.Tracker().Delete(v1.SchemeGroupVersion.WithResource("pods"), "default", "web-n"); err != nil {
			t.Log(err) // the keeper did it
		}
		m.Gone(dying)
		want("it is gone", "create")
		second := Mirror(pod, theNode)
		second.UID = "second"
		m.Seen(second)
		want("it is there again")
		m.Forget(pod)
		want("the static pod is gone", "delete second")
		if !slices.Equal(told.forgotten, []types.UID{"orphan", "first"}) {
			t.Errorf("forgot %v", told.forgotten)
		}
	})
}

func TestTheMirrorsTimesAreKept(t *testing.T) {
	old, now := metav1.NewTime(t0), metav1.NewTime(t0.Add(time.Hour))
	mirror := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Generation: 3}, Status: v1.PodStatus{StartTime: &old, Conditions: []v1.PodCondition{
		{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: old}, {Type: v1.ContainersReady, Status: v1.ConditionFalse, LastTransitionTime: old}}}}
	s := v1.PodStatus{StartTime: &now, ObservedGeneration: 1, Conditions: []v1.PodCondition{
		{Type: v1.PodReady, Status: v1.ConditionTrue, LastTransitionTime: now}, {Type: v1.ContainersReady, Status: v1.ConditionTrue, LastTransitionTime: now}}}
	got := onto(s, mirror)
	if !got.StartTime.Equal(&old) || !got.Conditions[0].LastTransitionTime.Equal(&old) || !got.Conditions[1].LastTransitionTime.Equal(&now) {
		t.Errorf("got %+v", got)
	}
	if got.ObservedGeneration != 3 || got.Conditions[0].ObservedGeneration != 3 {
		t.Errorf("generation %d, %d, want the mirror's", got.ObservedGeneration, got.Conditions[0].ObservedGeneration)
	}
}
