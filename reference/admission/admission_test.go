package admission

import (
	"slices"
	"testing"

	"k8s.io/apiserver/pkg/server/options"
)

// TestOrderIsComplete: the library refuses to start unless order and registration agree.
func TestOrderIsComplete(t *testing.T) {
	o := options.NewAdmissionOptions()
	Register(o.Plugins)
	want := o.Plugins.Registered()
	got := slices.Sorted(slices.Values(Order))
	if !slices.Equal(got, want) {
		t.Errorf("Order has %v, registered are %v", got, want)
	}
}
