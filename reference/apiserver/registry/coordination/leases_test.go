package coordination

import (
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"
)

// The feature CoordinatedLeaderElection is off: its fields are not stored, unless they already were.
func TestDropCoordination(t *testing.T) {
	used := func() *coordinationv1.LeaseSpec {
		return &coordinationv1.LeaseSpec{Strategy: ptr.To(coordinationv1.OldestEmulationVersion), PreferredHolder: ptr.To("a")}
	}
	s := used()
	dropCoordination(s, &coordinationv1.LeaseSpec{})
	if s.Strategy != nil || s.PreferredHolder != nil {
		t.Errorf("kept: %+v", s)
	}
	s = used()
	dropCoordination(s, used())
	if s.Strategy == nil || s.PreferredHolder == nil {
		t.Errorf("lost what was stored: %+v", s)
	}
}
