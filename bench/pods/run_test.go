package pods

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestOptionsThatCannotBe(t *testing.T) {
	for want, spoil := range map[string]func(*Options){
		"--rounds":  func(o *Options) { o.Rounds = 0 },
		"--at-once": func(o *Options) { o.AtOnce = -1 },
		"--full":    func(o *Options) { o.Full = o.AtOnce - 1 },
		"--rest":    func(o *Options) { o.Rest = 0 },
	} {
		o := DefaultOptions()
		spoil(&o)
		if err := o.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
	if err := DefaultOptions().validate(); err != nil {
		t.Error(err)
	}
}

func TestQuantile(t *testing.T) {
	samples := []time.Duration{5, 1, 4, 2, 3}
	for q, want := range map[float64]time.Duration{0: 1, .5: 3, .9: 5, 1: 5} {
		if got := quantile(samples, q); got != want {
			t.Errorf("%v: got %d, want %d", q, got, want)
		}
	}
	if samples[0] != 5 {
		t.Error("the samples were put into another order")
	}
}

func TestTheTableSetsPodsBesideRawStarts(t *testing.T) {
	second := time.Second
	r := Report{
		Rounds: 1, AtOnce: 2, Full: 3, Raw: []time.Duration{second}, Plain: []time.Duration{2 * second}, Token: []time.Duration{3 * second},
		RawTogether: 4 * second, Together: 6 * second, FullTook: 7 * second,
		RawTogetherCPU: map[string]time.Duration{"kubelet": 0}, TogetherCPU: map[string]time.Duration{"kubelet": 8 * second},
		Idle: Rest{Took: 10 * second, Processes: map[string]Cost{"kubelet": {CPU: second, Resident: 5 << 20, Anonymous: 3 << 20}}},
	}
	var out bytes.Buffer
	if err := r.Print(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"3s                  2s", "×1.50", "0s        8s", "all Ready after 7s", "10.0%", "5 MiB", "3 MiB"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}
