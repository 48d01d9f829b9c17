package eviction

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

// user is a pod with one container that uses so much memory and disk, and requested so much of either.
func user(name string, priority int32, used, requested int64) Usage {
	q := *resource.NewQuantity(requested, resource.BinarySI)
	return Usage{
		Pod: &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: v1.PodSpec{Priority: ptr.To(priority), Containers: []v1.Container{{
			Name: "c", Resources: v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceMemory: q, v1.ResourceEphemeralStorage: q}},
		}}}},
		Containers: map[string]Container{"c": {Memory: used, Layer: used}}, Processes: used,
	}
}

func names(list []Usage) string {
	var out []string
	for _, u := range list {
		out = append(out, u.Pod.Name)
	}
	return strings.Join(out, " ")
}

func TestWhoGoesFirst(t *testing.T) {
	pods := []Usage{
		user("modest", 0, 50, 100), user("important", 10, 500, 0), user("big", 0, 400, 100), user("bigger", 0, 400, 50), user("most-modest", 0, 10, 100),
	}
	for s, want := range map[Signal]string{
		MemoryAvailable: "bigger big important modest most-modest",
		NodeFsAvailable: "bigger big important modest most-modest",
		PIDAvailable:    "big bigger modest most-modest important",
	} {
		if got := names(Rank(s, pods, false)); got != want {
			t.Errorf("%s: got %s, want %s", s, got, want)
		}
	}
}

func TestOnlyWhatIsOnTheShortFileSystemCounts(t *testing.T) {
	layers, files := user("layers", 0, 100, 0), user("files", 0, 0, 0)
	files.Volumes = map[string]int64{"v": 50}
	pods := []Usage{files, layers}
	for _, c := range []struct {
		signal   Signal
		separate bool
		want     string
	}{
		{NodeFsAvailable, false, "layers files"}, {NodeFsAvailable, true, "files layers"}, {ImageFsAvailable, true, "layers files"},
	} {
		if got := names(Rank(c.signal, pods, c.separate)); got != c.want {
			t.Errorf("%s, separate %v: got %s, want %s", c.signal, c.separate, got, c.want)
		}
	}
}

// Nobody within its request goes before one that exceeds its own; among equals in that, no higher priority goes
// before a lower one; nobody is lost or doubled.
func TestRankKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pods []Usage
		for i := range rapid.IntRange(0, 12).Draw(t, "pods") {
			pods = append(pods, user(fmt.Sprint(i), rapid.Int32Range(0, 3).Draw(t, "priority"), rapid.Int64Range(0, 9).Draw(t, "used"), rapid.Int64Range(0, 9).Draw(t, "requested")))
		}
		s := rapid.SampledFrom(Signals).Draw(t, "signal")
		ranked := Rank(s, pods, rapid.Bool().Draw(t, "separate"))
		for i := 1; i < len(ranked); i++ {
			a, b := ranked[i-1], ranked[i]
			if s == MemoryAvailable {
				usedA, reqA := a.of(s, false)
				usedB, reqB := b.of(s, false)
				switch overA, overB := usedA > reqA, usedB > reqB; {
				case overB && !overA:
					t.Fatalf("%s goes before %s, which exceeds its request", a.Pod.Name, b.Pod.Name)
				case overA == overB && priority(a.Pod) > priority(b.Pod):
					t.Fatalf("%s goes before %s, which has a lower priority", a.Pod.Name, b.Pod.Name)
				case overA == overB && priority(a.Pod) == priority(b.Pod) && usedA-reqA < usedB-reqB:
					t.Fatalf("%s goes before %s, which exceeds its request by more", a.Pod.Name, b.Pod.Name)
				}
			}
			if s == PIDAvailable && priority(a.Pod) > priority(b.Pod) {
				t.Fatalf("%s goes before %s, which has a lower priority", a.Pod.Name, b.Pod.Name)
			}
		}
		was, is := strings.Fields(names(pods)), strings.Fields(names(ranked))
		slices.Sort(was)
		slices.Sort(is)
		if !slices.Equal(was, is) {
			t.Fatalf("got %v of %v", is, was)
		}
	})
}
