package node

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

func list(cpu, memory, storage string) v1.ResourceList {
	return v1.ResourceList{
		v1.ResourceCPU: resource.MustParse(cpu), v1.ResourceMemory: resource.MustParse(memory), v1.ResourceEphemeralStorage: resource.MustParse(storage),
		v1.ResourcePods: resource.MustParse("110"),
	}
}

func TestWhatIsLeftForPods(t *testing.T) {
	capacity := list("4", "8Gi", "100Gi")
	capacity["hugepages-2Mi"] = resource.MustParse("1Gi")
	r, err := Reservations(capacity, &kubeletv1beta1.KubeletConfiguration{
		KubeReserved:   map[string]string{"cpu": "500m", "memory": "1Gi", "pid": "1000"},
		SystemReserved: map[string]string{"cpu": "250m", "memory": "512Mi", "ephemeral-storage": "1Gi"},
		EvictionHard:   map[string]string{"memory.available": "512Mi", "nodefs.available": "10%"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[v1.ResourceName]string{"cpu": "3250m", "memory": "5Gi", "ephemeral-storage": "89Gi", "pods": "110", "hugepages-2Mi": "1Gi"} {
		if got := r.Allocatable(capacity)[name]; got.Cmp(resource.MustParse(want)) != 0 {
			t.Errorf("allocatable %s: got %s, want %s", name, got.String(), want)
		}
	}
	if got := r.ForPods(capacity)[v1.ResourceMemory]; got.Cmp(resource.MustParse("6656Mi")) != 0 {
		t.Errorf("all pods together may use %s", got.String())
	}
	if _, counted := r.Allocatable(capacity)["pid"]; counted {
		t.Error("process numbers are no resource of the node's status")
	}
}

func TestReservedCPUsStandForAmountsOfCPU(t *testing.T) {
	capacity := list("4", "1Gi", "1Gi")
	r, err := Reservations(capacity, &kubeletv1beta1.KubeletConfiguration{ReservedSystemCPUs: "0,3",
		SystemReserved: map[string]string{"cpu": "250m"}, KubeReserved: map[string]string{"cpu": "500m", "memory": "1Mi"}})
	if got := r.Allocatable(capacity); err != nil || got.Cpu().String() != "2" {
		t.Errorf("allocatable CPU %s, %v", got.Cpu(), err)
	}
}

func TestMoreCannotBeReservedThanThereIs(t *testing.T) {
	_, err := Reservations(list("1", "1Gi", "1Gi"), &kubeletv1beta1.KubeletConfiguration{SystemReserved: map[string]string{"cpu": "2"}})
	if err == nil || !strings.Contains(err.Error(), `resource "cpu" has a reservation of 2 but capacity of 1`) {
		t.Errorf("got %v", err)
	}
}

func TestPodsPerCore(t *testing.T) {
	for _, c := range []struct {
		most, perCore int32
		want          int64
	}{{110, 0, 110}, {110, 10, 20}, {110, 100, 110}} {
		if got := mostPods(&kubeletv1beta1.KubeletConfiguration{MaxPods: c.most, PodsPerCore: c.perCore}, 2); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}
