package eviction

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

func TestThresholdsAreRead(t *testing.T) {
	got, err := Thresholds(&kubeletv1beta1.KubeletConfiguration{
		EvictionHard:            map[string]string{"pid.available": "1k", "nodefs.available": "10%", "memory.available": "100Mi", "imagefs.available": "0%", "imagefs.inodesFree": "100%"},
		EvictionSoft:            map[string]string{"memory.available": "1Gi"},
		EvictionSoftGracePeriod: map[string]string{"memory.available": "90s"},
		EvictionMinimumReclaim:  map[string]string{"memory.available": "0", "nodefs.available": "500Mi"},
	})
	if err != nil || len(got) != 4 {
		t.Fatalf("got %+v, %v", got, err)
	}
	for i, want := range []Threshold{
		{Signal: MemoryAvailable}, {Signal: MemoryAvailable, Soft: true, Grace: 90 * time.Second}, {Signal: NodeFsAvailable}, {Signal: PIDAvailable},
	} {
		if g := got[i]; g.Signal != want.Signal || g.Soft != want.Soft || g.Grace != want.Grace {
			t.Errorf("%d: got %+v, want %+v", i, g, want)
		}
	}
	if v := got[2].Value.Of(1000); v != 100 {
		t.Errorf("10%% of 1000 is %d", v)
	}
	if v := got[2].Reclaim.Of(1); v != 500<<20 {
		t.Errorf("500Mi are %d", v)
	}
}

func TestBadThresholdsAreNamed(t *testing.T) {
	for text, c := range map[string]kubeletv1beta1.KubeletConfiguration{
		"unknown eviction signal: ram":      {EvictionHard: map[string]string{"ram": "1Gi"}},
		"must be positive, not -1":          {EvictionHard: map[string]string{"memory.available": "-1"}},
		"must be positive, not 0":           {EvictionHard: map[string]string{"memory.available": "0"}},
		"between 0% and 100%":               {EvictionHard: map[string]string{"nodefs.available": "101%"}},
		"invalid percentage":                {EvictionHard: map[string]string{"nodefs.available": "NaN%"}},
		"invalid quantity":                  {EvictionHard: map[string]string{"nodefs.available": "much"}},
		"grace period must be specified":    {EvictionSoft: map[string]string{"memory.available": "1Gi"}},
		"invalid eviction grace period":     {EvictionSoft: map[string]string{"memory.available": "1Gi"}, EvictionSoftGracePeriod: map[string]string{"memory.available": "-1s"}},
		"evictionSoftGracePeriod: unknown":  {EvictionSoftGracePeriod: map[string]string{"x": "1s"}},
		"evictionMinimumReclaim: unknown e": {EvictionMinimumReclaim: map[string]string{"x": "1"}},
	} {
		if _, err := Thresholds(&c); err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("got %v, want %q", err, text)
		}
	}
}

func TestThePodsTogetherHaveTheMemoryThreshold(t *testing.T) {
	got := WithAllocatable([]Threshold{{Signal: MemoryAvailable, Value: quantity("1")}, {Signal: MemoryAvailable, Soft: true}, {Signal: PIDAvailable}})
	if len(got) != 4 || got[1].Signal != AllocatableMemoryAvailable || got[1].Value.Of(0) != 1 {
		t.Errorf("got %+v", got)
	}
}

func quantity(s string) Amount {
	q := resource.MustParse(s)
	return Amount{quantity: &q}
}

func FuzzAmounts(f *testing.F) {
	for _, s := range []string{"10%", "100Mi", "-1", "1e400%", "%", "Inf%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, problems := amounts("f", map[string]string{string(MemoryAvailable): s}, false)
		if len(problems) == 0 {
			for _, a := range got {
				if v := a.Of(1 << 40); v < 0 || a.quantity == nil && v > 1<<40 {
					t.Errorf("%q gives %d of 2^40", s, v)
				}
			}
		}
	})
}
