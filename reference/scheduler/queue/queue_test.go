package queue

import (
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/scheduler/placement"
)

var start = time.Unix(1_000_000, 0)

func pod(name string, priority int32, gates ...string) *placement.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: corev1.PodSpec{Priority: ptr.To(priority)}}
	for _, g := range gates {
		p.Spec.SchedulingGates = append(p.Spec.SchedulingGates, corev1.PodSchedulingGate{Name: g})
	}
	return placement.NewPod(p)
}

func name(it *Item) string {
	if it == nil {
		return ""
	}
	return it.Pod.Object.Name
}

func always(*placement.Pod) bool { return true }

func TestOrder(t *testing.T) {
	q := New()
	q.Set(pod("first", 0), false, start)
	q.Set(pod("second", 0), false, start.Add(time.Second))
	q.Set(pod("important", 10), false, start.Add(2*time.Second))
	for _, want := range []string{"important", "first", "second", ""} {
		if got := name(q.Pop(start.Add(time.Minute))); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestUnfitWaitsForHelpOrFiveMinutes(t *testing.T) {
	q := New()
	q.Set(pod("p", 0), false, start)
	q.Unfit(q.Pop(start), start)
	if it := q.Pop(start.Add(4 * time.Minute)); it != nil {
		t.Fatal("came back without a reason")
	}
	q.Wake(start.Add(4*time.Minute), func(*placement.Pod) bool { return false })
	if it := q.Pop(start.Add(4 * time.Minute)); it != nil {
		t.Fatal("came back for an event that does not help")
	}
	if next, ok := q.Next(); !ok || !next.Equal(start.Add(MaxWait)) {
		t.Fatalf("next at %v, want %v", next, start.Add(MaxWait))
	}
	if it := q.Pop(start.Add(MaxWait)); it == nil || it.Attempts != 2 {
		t.Fatalf("after %v: %+v", MaxWait, it)
	}
}

func TestRestAfterError(t *testing.T) {
	q, now := New(), start
	q.Set(pod("p", 0), false, now)
	for _, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		it := q.Pop(now)
		q.Failed(it, now)
		if early := q.Pop(now.Add(want*time.Second - 1)); early != nil {
			t.Fatalf("try %d came back before %ds", it.Attempts, want)
		}
		now = now.Add(want * time.Second)
		if next, _ := q.Next(); !next.Equal(now) {
			t.Fatalf("try %d: next at %v, want %v", it.Attempts, next, now)
		}
	}
}

// A pod that is woken while it rests goes behind those that are ready, but does not keep an idle
// scheduler waiting.
func TestWokenWhileResting(t *testing.T) {
	q := New()
	q.Set(pod("unlucky", 100), false, start)
	q.Unfit(q.Pop(start), start)
	q.Wake(start, always)
	q.Set(pod("fresh", 0), false, start)
	for _, want := range []string{"fresh", "unlucky", ""} {
		if got := name(q.Pop(start)); got != want {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

func TestGates(t *testing.T) {
	q := New()
	q.Set(pod("p", 0, "example.com/wait"), false, start)
	q.Wake(start, always)
	if q.Pop(start.Add(time.Hour)) != nil {
		t.Fatal("tried in spite of its gate")
	}
	q.Set(pod("p", 0), true, start)
	if q.Pop(start) == nil {
		t.Fatal("not tried though its gate is gone")
	}
}

func TestChangedPod(t *testing.T) {
	q := New()
	q.Set(pod("p", 0), false, start)
	it := q.Pop(start)
	q.Set(pod("p", 5), true, start) // while it is with the scheduler
	if q.Pop(start) != nil {
		t.Fatal("taken twice")
	}
	if it.Pod.Priority != 5 {
		t.Fatal("the change was lost")
	}
	q.Unfit(it, start)
	q.Set(pod("p", 6), false, start) // only its status
	if q.Pop(start) != nil {
		t.Fatal("tried again for a change that cannot help")
	}
	q.Set(pod("p", 7), true, start)
	if q.Pop(start) == nil {
		t.Fatal("not tried again though it changed")
	}
	q.Delete("p")
	q.Failed(it, start)
	if _, ok := q.Next(); ok || q.Len() != 0 {
		t.Fatal("a deleted pod is still there")
	}
}

// Of several that rest, an idle scheduler takes the most important, not the one whose rest is
// over first.
func TestImportantAmongResting(t *testing.T) {
	q := New()
	for i, p := range []string{"minor", "major"} {
		at := start.Add(time.Duration(i) * time.Millisecond)
		q.Set(pod(p, int32(i)), false, at)
		q.Unfit(q.Pop(at), at)
	}
	q.Wake(start, always)
	if got := name(q.Pop(start.Add(2 * time.Millisecond))); got != "major" {
		t.Fatalf("got %q, want major", got)
	}
}

// Whatever happens, every pod is tried in the end, none is with the scheduler twice, and a
// deleted one never comes back.
func TestNoPodIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q, now := New(), start
		known, outside := map[string]bool{}, map[string]*Item{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			p := fmt.Sprintf("p%d", rapid.IntRange(0, 5).Draw(t, "pod"))
			switch rapid.IntRange(0, 6).Draw(t, "step") {
			case 0, 1:
				q.Set(pod(p, int32(rapid.IntRange(0, 2).Draw(t, "priority"))), rapid.Bool().Draw(t, "retry"), now)
				known[p] = true
			case 2:
				q.Delete(types.UID(p))
				delete(known, p)
				delete(outside, p)
			case 3:
				if it := q.Pop(now); it != nil {
					if outside[name(it)] != nil || !known[name(it)] {
						t.Fatalf("%s: taken twice, or after its end", name(it))
					}
					outside[name(it)] = it
				}
			case 4, 5:
				if it := outside[p]; it != nil {
					delete(outside, p)
					if rapid.Bool().Draw(t, "error") {
						q.Failed(it, now)
					} else {
						q.Unfit(it, now)
					}
				}
			case 6:
				q.Wake(now, func(*placement.Pod) bool { return rapid.Bool().Draw(t, "helps") })
			}
		}
		var got, want []string
		for it := q.Pop(now.Add(2 * MaxWait)); it != nil; it = q.Pop(now.Add(2 * MaxWait)) {
			got = append(got, name(it))
		}
		for p := range known {
			if outside[p] == nil {
				want = append(want, p)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}
