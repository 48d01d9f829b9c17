package cgroups

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func container(request, limit v1.ResourceList) v1.Container {
	return v1.Container{Resources: v1.ResourceRequirements{Requests: request, Limits: limit}}
}

func amounts(cpu, memory string) v1.ResourceList {
	return v1.ResourceList{v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory)}
}

func TestPodLimits(t *testing.T) {
	none := map[string]int64{}
	capped := []v1.Container{container(amounts("100m", "1Mi"), amounts("500m", "2Mi")), container(amounts("100m", "1Mi"), amounts("1", "2Mi"))}
	open := []v1.Container{container(amounts("1", "1Mi"), amounts("1", "1Mi")), {}}
	huge := container(nil, v1.ResourceList{"hugepages-2Mi": resource.MustParse("4Mi")})
	for name, c := range map[string]struct {
		policy Policy
		spec   v1.PodSpec
		want   Limits
	}{
		"best effort":         {Policy{}, v1.PodSpec{Containers: []v1.Container{{}}}, Limits{Shares: 2, HugePages: none}},
		"everyone has limits": {Policy{}, v1.PodSpec{Containers: capped}, Limits{Shares: 204, Quota: 150000, Period: 100000, Memory: 4 << 20, HugePages: none}},
		"one has none":        {Policy{}, v1.PodSpec{Containers: open}, Limits{Shares: 1024, HugePages: none}},
		"the pod has limits, one of its containers has none": {Policy{}, v1.PodSpec{Containers: open,
			Resources: &v1.ResourceRequirements{Requests: amounts("2", "8Mi"), Limits: amounts("3", "8Mi")}},
			Limits{Shares: 2048, Quota: 300000, Period: 100000, Memory: 8 << 20, HugePages: none}},
		"overhead": {Policy{}, v1.PodSpec{Containers: capped, Overhead: amounts("100m", "1Mi")},
			Limits{Shares: 307, Quota: 160000, Period: 100000, Memory: 5 << 20, HugePages: none}},
		"no quotas, few processes": {Policy{NoQuota: true, PodPids: 100}, v1.PodSpec{Containers: capped},
			Limits{Shares: 204, Memory: 4 << 20, Pids: 100, HugePages: none}},
		"processes without bound": {Policy{PodPids: -1}, v1.PodSpec{Containers: []v1.Container{{}}}, Limits{Shares: 2, HugePages: none}},
		"another period": {Policy{Period: 10000}, v1.PodSpec{Containers: capped},
			Limits{Shares: 204, Quota: 15000, Period: 10000, Memory: 4 << 20, HugePages: none}},
		"huge pages": {Policy{}, v1.PodSpec{Containers: []v1.Container{huge, huge}},
			Limits{Shares: 2, HugePages: map[string]int64{"2Mi": 8 << 20}}},
	} {
		if diff := cmp.Diff(c.want, c.policy.Pod(&v1.Pod{Spec: c.spec})); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
		}
	}
}

func TestContainerLimits(t *testing.T) {
	whole := &v1.ResourceRequirements{Limits: amounts("2", "64Mi")}
	for name, c := range map[string]struct {
		policy    Policy
		pod       *v1.ResourceRequirements
		container v1.Container
		want      Limits
	}{
		"nothing": {Policy{}, nil, v1.Container{}, Limits{Shares: 2, HugePages: map[string]int64{}}},
		"a limit stands for the request": {Policy{}, nil, container(nil, amounts("500m", "1Mi")),
			Limits{Shares: 512, Quota: 50000, Period: 100000, Memory: 1 << 20, HugePages: map[string]int64{}}},
		"the pod's limit stands for the container's": {Policy{}, whole, container(amounts("250m", "1Mi"), nil),
			Limits{Shares: 256, Quota: 200000, Period: 100000, Memory: 64 << 20, HugePages: map[string]int64{}}},
		"its own limit goes before the pod's": {Policy{}, whole, container(amounts("250m", "1Mi"), amounts("1", "2Mi")),
			Limits{Shares: 256, Quota: 100000, Period: 100000, Memory: 2 << 20, HugePages: map[string]int64{}}},
		"sizes that it did not ask for are closed": {Policy{PageSizes: []string{"1Gi", "2Mi"}}, nil,
			container(nil, v1.ResourceList{"hugepages-2Mi": resource.MustParse("4Mi")}),
			Limits{Shares: 2, HugePages: map[string]int64{"1Gi": 0, "2Mi": 4 << 20}}},
		"the least quota": {Policy{}, nil, container(nil, amounts("1m", "1Mi")),
			Limits{Shares: 2, Quota: 1000, Period: 100000, Memory: 1 << 20, HugePages: map[string]int64{}}},
	} {
		if diff := cmp.Diff(c.want, c.policy.Container(&v1.Pod{Spec: v1.PodSpec{Resources: c.pod}}, &c.container)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", name, diff)
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

func TestBurstablePodsShareWhatTheyRequest(t *testing.T) {
	asks := func(cpu string) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{container(amounts(cpu, "1Mi"), nil)}}}
	}
	if none, some := Burstable(nil), Burstable([]*v1.Pod{asks("500m"), asks("1")}); none != 2 || some != 1536 {
		t.Errorf("got %d for no pods and %d for 1.5 cores, want 2 and 1536", none, some)
	}
}

const nodeMemory = 4 << 30

func requesting(bytes int64) v1.Container {
	return container(v1.ResourceList{v1.ResourceMemory: *resource.NewQuantity(bytes, resource.BinarySI)}, nil)
}

func TestOOMScoreAdj(t *testing.T) {
	sidecar := requesting(1 << 30)
	sidecar.Name, sidecar.RestartPolicy = "s", ptr.To(v1.ContainerRestartPolicyAlways)
	main := requesting(2 << 30)
	main.Name = "m"
	pod := &v1.Pod{Spec: v1.PodSpec{InitContainers: []v1.Container{sidecar}, Containers: []v1.Container{main}}}
	whole := pod.DeepCopy()
	whole.Spec.InitContainers = nil
	whole.Spec.Resources = &v1.ResourceRequirements{Requests: v1.ResourceList{v1.ResourceMemory: resource.MustParse("3Gi")}}
	critical := &v1.Pod{Spec: v1.PodSpec{PriorityClassName: "system-node-critical"}}
	for name, c := range map[string]struct {
		pod       *v1.Pod
		qos       v1.PodQOSClass
		container *v1.Container
		want      int64
	}{
		"half of the memory":                 {pod, v1.PodQOSBurstable, &main, 500},
		"a sidecar outlives its pod":         {pod, v1.PodQOSBurstable, &sidecar, 500},
		"with its part of the pod's request": {whole, v1.PodQOSBurstable, &main, 250},
		"node critical":                      {critical, v1.PodQOSBestEffort, &main, -997},
		"no memory requested":                {&v1.Pod{}, v1.PodQOSBurstable, &v1.Container{}, 999},
	} {
		if got := OOMScoreAdj(c.pod, c.qos, c.container, nodeMemory); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestTheKernelKillsTheMoreFrugalLater(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(0, nodeMemory).Draw(t, "a")
		b := rapid.Int64Range(a, nodeMemory).Draw(t, "b")
		score := func(bytes int64) int64 {
			c := requesting(bytes)
			return OOMScoreAdj(&v1.Pod{}, v1.PodQOSBurstable, &c, nodeMemory)
		}
		guaranteed := OOMScoreAdj(&v1.Pod{}, v1.PodQOSGuaranteed, &v1.Container{}, nodeMemory)
		best := OOMScoreAdj(&v1.Pod{}, v1.PodQOSBestEffort, &v1.Container{}, nodeMemory)
		if score(b) > score(a) || score(a) >= best || score(b) <= guaranteed {
			t.Fatalf("scores: guaranteed %d, requests %d: %d, requests %d: %d, best effort %d", guaranteed, b, score(b), a, score(a), best)
		}
	})
}

func TestSwapLimit(t *testing.T) {
	p := Policy{LimitedSwap: true, Memory: nodeMemory, Swap: 2 << 30}
	equal := container(amounts("1", "1Gi"), amounts("1", "1Gi"))
	asks := requesting(1 << 30)
	for name, c := range map[string]struct {
		policy    Policy
		pod       *v1.Pod
		qos       v1.PodQOSClass
		container *v1.Container
		want      int64
	}{
		"in proportion to the request": {p, &v1.Pod{}, v1.PodQOSBurstable, &asks, 512 << 20},
		"no swap by default":           {Policy{Memory: nodeMemory, Swap: 2 << 30}, &v1.Pod{}, v1.PodQOSBurstable, &asks, 0},
		"guaranteed":                   {p, &v1.Pod{}, v1.PodQOSGuaranteed, &asks, 0},
		"request equals limit":         {p, &v1.Pod{}, v1.PodQOSBurstable, &equal, 0},
		"nothing requested":            {p, &v1.Pod{}, v1.PodQOSBurstable, &v1.Container{}, 0},
		"critical":                     {p, &v1.Pod{Spec: v1.PodSpec{Priority: ptr.To(int32(2_000_000_000))}}, v1.PodQOSBurstable, &asks, 0},
	} {
		if got := c.policy.SwapLimit(c.pod, c.qos, c.container); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// The numbers of KEP-2254's conversion at its fixed points and in between.
func TestWeight(t *testing.T) {
	for shares, want := range map[int64]int64{2: 1, 102: 17, 512: 59, 1024: 100, 2048: 174, 262144: 10000} {
		if got := Weight(shares); got != want {
			t.Errorf("%d shares: got %d, want %d", shares, got, want)
		}
	}
}

func TestSharesAndWeightsStayInTheirRange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shares := Shares(rapid.Int64Range(0, 1e9).Draw(t, "milli"))
		if w := Weight(shares); shares < 2 || shares > 262144 || w < 1 || w > 10000 {
			t.Fatalf("shares %d, weight %d", shares, w)
		}
		if more := min(shares+1, math.MaxInt32); Weight(more) < Weight(shares) {
			t.Fatalf("%d shares weigh more than %d", shares, more)
		}
	})
}
