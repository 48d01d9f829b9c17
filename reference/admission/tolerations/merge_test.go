package tolerations

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

var (
	everything = corev1.Toleration{Operator: "Exists"}
	anyEffect  = corev1.Toleration{Key: "k", Operator: "Exists"}
	forever    = corev1.Toleration{Key: "k", Operator: "Exists", Effect: "NoExecute"}
	minute     = corev1.Toleration{Key: "k", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To(int64(60))}
	second     = corev1.Toleration{Key: "k", Operator: "Exists", Effect: "NoExecute", TolerationSeconds: ptr.To(int64(1))}
	equal      = corev1.Toleration{Key: "k", Operator: "Equal", Value: "v", Effect: "NoSchedule"}
	implied    = corev1.Toleration{Key: "k", Value: "v", Effect: "NoSchedule"}
	other      = corev1.Toleration{Key: "other", Operator: "Exists"}
)

func TestMerge(t *testing.T) {
	for name, c := range map[string]struct{ first, second, want []corev1.Toleration }{
		"nothing":               {nil, nil, nil},
		"unlike":                {[]corev1.Toleration{other}, []corev1.Toleration{equal}, []corev1.Toleration{other, equal}},
		"the wider is second":   {[]corev1.Toleration{equal}, []corev1.Toleration{anyEffect}, []corev1.Toleration{anyEffect}},
		"the wider is first":    {[]corev1.Toleration{everything}, []corev1.Toleration{equal, other}, []corev1.Toleration{everything}},
		"twice":                 {[]corev1.Toleration{equal, equal}, []corev1.Toleration{equal}, []corev1.Toleration{equal}},
		"the longer":            {[]corev1.Toleration{second}, []corev1.Toleration{minute}, []corev1.Toleration{minute}},
		"for ever":              {[]corev1.Toleration{forever}, []corev1.Toleration{minute}, []corev1.Toleration{forever}},
		"Equal is the default":  {[]corev1.Toleration{equal}, []corev1.Toleration{other, everything}, []corev1.Toleration{everything}},
		"other value, one kept": {[]corev1.Toleration{{Key: "k", Value: "w"}}, []corev1.Toleration{equal}, []corev1.Toleration{{Key: "k", Value: "w"}, equal}},
	} {
		if d := cmp.Diff(c.want, Merge(c.first, c.second)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestMergeLosesNothing: what was tolerated still is, and nothing is said that nobody said.
func TestMergeLosesNothing(t *testing.T) {
	some := rapid.SliceOfN(rapid.SampledFrom([]corev1.Toleration{everything, anyEffect, forever, minute, second, equal, other}), 0, 5)
	rapid.Check(t, func(t *rapid.T) {
		first, more := some.Draw(t, "first"), some.Draw(t, "second")
		merged, all := Merge(first, more), slices.Concat(first, more)
		for _, want := range all {
			if !slices.ContainsFunc(merged, func(m corev1.Toleration) bool { return Covers(m, want) }) {
				t.Fatalf("%v is lost in %v", want, merged)
			}
		}
		for _, m := range merged {
			if !slices.ContainsFunc(all, func(a corev1.Toleration) bool { return cmp.Equal(a, m) }) {
				t.Fatalf("%v was made up", m)
			}
		}
	})
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		wide, narrow corev1.Toleration
		want         bool
	}{
		{equal, implied, true}, {implied, equal, true}, {minute, forever, false}, {minute, second, true}, {other, anyEffect, false},
		{corev1.Toleration{Key: "k", Operator: "Gt", Value: "1"}, equal, false},
	} {
		if got := Covers(c.wide, c.narrow); got != c.want {
			t.Errorf("%v covers %v: %t", c.wide, c.narrow, got)
		}
	}
}
