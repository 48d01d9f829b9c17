package cgroups

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"pgregory.net/rapid"
)

func container(request, limit v1.ResourceList) v1.Container {
	return v1.Container{Resources: v1.ResourceRequirements{Requests: request, Limits: limit}}
}

func amounts(cpu, memory string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
}

func TestPodLimits(t *testing.T) {
	for _, c := range []struct {
		name       string
		containers []v1.Container
		want       Limits
	}{
		{"best effort", []v1.Container{{}}, Limits{Shares: 2}},
		{"everyone has limits", []v1.Container{
			container(amounts("100m", "1Mi"), amounts("500m", "2Mi")), container(amounts("100m", "1Mi"), amounts("1", "2Mi"))},
			Limits{Shares: 204, Quota: 150000, Memory: 4 << 20}},
		{"one has none", []v1.Container{container(amounts("1", "1Mi"), amounts("1", "1Mi")), {}}, Limits{Shares: 1024}},
	} {
		if got := PodLimits(&v1.Pod{Spec: v1.PodSpec{Containers: c.containers}}); got != c.want {
			t.Errorf("%s: got %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestPodPath(t *testing.T) {
	for qos, want := range map[v1.PodQOSClass]string{
		v1.PodQOSGuaranteed: "/kubepods/podu", v1.PodQOSBurstable: "/kubepods/burstable/podu", v1.PodQOSBestEffort: "/kubepods/besteffort/podu",
	} {
		if got := PodPath(qos, "u"); got != want {
			t.Errorf("%s: got %s, want %s", qos, got, want)
		}
	}
}

func TestTheKernelKillsTheMoreFrugalLater(t *testing.T) {
	const memory = 4 << 30
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(0, memory).Draw(t, "a")
		b := rapid.Int64Range(a, memory).Draw(t, "b")
		score := func(bytes int64) int64 {
			c := container(v1.ResourceList{v1.ResourceMemory: *resource.NewQuantity(bytes, resource.BinarySI)}, nil)
			return OOMScoreAdj(v1.PodQOSBurstable, &c, memory)
		}
		guaranteed, best := OOMScoreAdj(v1.PodQOSGuaranteed, &v1.Container{}, memory), OOMScoreAdj(v1.PodQOSBestEffort, &v1.Container{}, memory)
		if score(b) > score(a) || score(a) >= best || score(b) <= guaranteed {
			t.Fatalf("scores: guaranteed %d, requests %d: %d, requests %d: %d, best effort %d", guaranteed, b, score(b), a, score(a), best)
		}
	})
}

func TestSharesAndWeightsStayInTheirRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := Shares(rapid.Int64Range(0, 1e9).Draw(t, "milli"))
		if w := Weight(shares); shares < 2 || shares > 262144 || w < 1 || w > 10000 {
			t.Fatalf("shares %d, weight %d", shares, w)
		}
	})
}
