package topology

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// shop hands out what a test wants it to.
type shop struct {
	hints map[string][]Hint // by the container's name, "" for the pod
	fails map[string]error
	said  []string
}

func (s *shop) Hints(_ *v1.Pod, c *v1.Container) map[string][]Hint {
	name := ""
	if c != nil {
		name = c.Name
	}
	return map[string][]Hint{"r": s.hints[name]}
}

func (s *shop) Allocate(_ *v1.Pod, c *v1.Container, near Hint) error {
	s.said = append(s.said, fmt.Sprintf("%s near %v", c.Name, near.Nodes))
	return s.fails[c.Name]
}

func (s *shop) Save(types.UID) error    { s.said = append(s.said, "save"); return s.fails["save"] }
func (s *shop) Release(types.UID) error { s.said = append(s.said, "release"); return nil }

func (s *shop) Retain(func(types.UID) bool) error { return nil }

func TestAdmit(t *testing.T) {
	pod := &v1.Pod{Spec: v1.PodSpec{InitContainers: []v1.Container{{Name: "i"}}, Containers: []v1.Container{{Name: "a"}, {Name: "b"}}}}
	late := errors.New("sold out")
	for name, c := range map[string]struct {
		policy Policy
		shop   shop
		want   *Refusal
		said   []string
	}{
		"no policy": {Policy{Name: None}, shop{hints: map[string][]Hint{"a": {}}}, nil, []string{"i near ", "a near ", "b near ", "save"}},
		"each container for itself": {Policy{Name: Restricted}, shop{hints: map[string][]Hint{"i": {good(0)}, "a": {good(1)}, "b": {good(0)}, "": {}}}, nil,
			[]string{"i near 0", "a near 1", "b near 0", "save"}},
		"one is misplaced": {Policy{Name: Restricted}, shop{hints: map[string][]Hint{"b": {bad(0)}}},
			&Refusal{"TopologyAffinityError", "Resources cannot be allocated with Topology locality"}, []string{"i near 0,1", "a near 0,1", "release"}},
		"all together": {Policy{Name: SingleNUMANode, Scope: PodScope}, shop{hints: map[string][]Hint{"": {good(1)}, "a": {}}}, nil,
			[]string{"i near 1", "a near 1", "b near 1", "save"}},
		"all together do not fit": {Policy{Name: SingleNUMANode, Scope: PodScope}, shop{hints: map[string][]Hint{"": {good(0, 1)}}}, &misplaced, []string{"release"}},
		"sold out": {Policy{Name: None}, shop{fails: map[string]error{"a": late}},
			&Refusal{"UnexpectedAdmissionError", "Allocate failed due to sold out, which is unexpected"}, []string{"i near ", "a near ", "release"}},
		"for a reason of its own": {Policy{Name: None}, shop{fails: map[string]error{"i": &Refusal{"Own", "own"}}}, &Refusal{"Own", "own"}, []string{"i near ", "release"}},
		"the disk is full": {Policy{Name: None}, shop{fails: map[string]error{"save": late}},
			&Refusal{"UnexpectedAdmissionError", "Allocate failed due to sold out, which is unexpected"}, []string{"i near ", "a near ", "b near ", "save", "release"}},
	} {
		m := &Manager{policy: c.policy, machine: two(), providers: []Provider{&c.shop}}
		got := m.Admit(pod)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
		if !slices.Equal(c.said, c.shop.said) {
			t.Errorf("%s: got %q, want %q", name, c.shop.said, c.said)
		}
	}
}

func TestReadmitKeepsWhatCanBeKept(t *testing.T) {
	s := &shop{fails: map[string]error{"a": errors.New("gone")}}
	m := &Manager{policy: Policy{Name: Restricted}, machine: two(), providers: []Provider{s}}
	pod := &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Name: "a"}, {Name: "b"}}}}
	if why := m.Readmit(pod); why == nil || why.Reason != "UnexpectedAdmissionError" {
		t.Errorf("got %v", why)
	}
	if want := []string{"a near ", "b near ", "save"}; !slices.Equal(s.said, want) {
		t.Errorf("got %q, want %q", s.said, want)
	}
}

func TestTooManyNodes(t *testing.T) {
	var nine Machine
	for id := range 9 {
		nine = append(nine, Node{ID: id})
	}
	for policy, ok := range map[Policy]bool{
		{Name: None, MaxNodes: 8}: true, {Name: Restricted, MaxNodes: 8}: false, {Name: Restricted, MaxNodes: 9}: true,
	} {
		if _, err := New(policy, nine); (err == nil) != ok {
			t.Errorf("%v: got %v", policy, err)
		}
	}
}
