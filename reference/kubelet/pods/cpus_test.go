package pods

import (
	"testing"
	"testing/synctest"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/cpumanager"
	"github.com/etalon-dev/etalon/reference/kubelet/memorymanager"
	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// cpus are those that the pod's container may use, and its quota.
func (r *rig) cpus(pod string) (string, int64) {
	r.t.Helper()
	r.cri.mu.Lock()
	defer r.cri.mu.Unlock()
	for _, c := range r.cri.containers {
		if c.Labels["io.kubernetes.pod.name"] == pod && c.State == criv1.ContainerState_CONTAINER_RUNNING {
			return c.Resources.Linux.CpusetCpus, c.Resources.Linux.CpuQuota
		}
	}
	r.t.Errorf("%s does not run", pod)
	return "", 0
}

func TestGuaranteedPodsGetCPUsOfTheirOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := machine()
		node.Status.Allocatable[v1.ResourceCPU] = resource.MustParse("4")
		r := newRigOn(t, node, node)
		defer r.stop()
		r.settle()
		var err error
		cpus := cpumanager.Topology{{ID: 0}, {ID: 1, Core: 1}, {ID: 2, Core: 2}, {ID: 3, Core: 3}}
		if r.CPUs, err = cpumanager.New(cpus, cpumanager.Options{ReservedCount: 1, File: r.dir + "/cpu_manager_state"}); err != nil {
			t.Fatal(err)
		}
		if r.Topology, err = topology.New(topology.Policy{Name: topology.None}, nil, r.CPUs); err != nil {
			t.Fatal(err)
		}
		add := func(p *v1.Pod) {
			if err := r.client.Tracker().Add(p); err != nil {
				t.Fatal(err)
			}
			r.Update(p)
			r.settle()
		}
		check := func(pod, want string, quota int64) {
			t.Helper()
			if got, q := r.cpus(pod); got != want || q != quota {
				t.Errorf("%s: CPUs %s, quota %d; want %s, %d", pod, got, q, want, quota)
			}
		}
		add(sized("shares", "500m", "64Mi"))
		check("shares", "0-3", 50000)
		add(sized("owns", "2", "64Mi"))
		check("owns", "1-2", -1)
		check("shares", "0,3", 50000)
		r.shows("shares", "500m/500m")
		add(sized("late", "1", "64Mi"))
		check("late", "3", -1)
		// The node has as much CPU as two ask for, but no whole ones that are not reserved.
		r.delete("late", 1)
		r.settle()
		r.settle()
		r.Gone("late")
		add(sized("more", "1", "64Mi"))
		r.ask("owns", "1", "64Mi")
		r.shows("owns", "2/2 PodResizePending Infeasible: Resize is infeasible for Guaranteed Pods alongside CPU Manager policy \"static\"")
		node.Status.Allocatable[v1.ResourceCPU] = resource.MustParse("9")
		add(sized("too-many", "2", "64Mi"))
		if s := r.get("too-many").Status; s.Phase != v1.PodFailed || s.Reason != "UnexpectedAdmissionError" || s.Message !=
			"Pod was rejected: Allocate failed due to not enough cpus available to satisfy request: requested=2, available=0, which is unexpected" {
			t.Errorf("got %s, %s: %s", s.Phase, s.Reason, s.Message)
		}
	})
}

func TestGuaranteedPodsGetMemoryOfNearNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := machine()
		r := newRigOn(t, node, node)
		defer r.stop()
		r.settle()
		var err error
		two := topology.Machine{{ID: 0, Memory: 128 << 20}, {ID: 1, Memory: 128 << 20}}
		if r.Memory, err = memorymanager.New(two, memorymanager.Options{File: r.dir + "/memory_manager_state"}); err != nil {
			t.Fatal(err)
		}
		if r.Topology, err = topology.New(topology.Policy{Name: topology.SingleNUMANode, MaxNodes: 8}, two, r.Memory); err != nil {
			t.Fatal(err)
		}
		add := func(p *v1.Pod) {
			if err := r.client.Tracker().Add(p); err != nil {
				t.Fatal(err)
			}
			r.Update(p)
			r.settle()
		}
		mems := func(pod string) string {
			r.cri.mu.Lock()
			defer r.cri.mu.Unlock()
			for _, c := range r.cri.containers {
				if c.Labels["io.kubernetes.pod.name"] == pod {
					return c.Resources.Linux.CpusetMems
				}
			}
			return "none"
		}
		add(sized("a", "100m", "100Mi"))
		add(sized("b", "100m", "100Mi"))
		add(sized("c", "100m", "200Mi"))
		if a, b := mems("a"), mems("b"); a != "0" || b != "1" {
			t.Errorf("memory of nodes %s and %s", a, b)
		}
		if s := r.get("c").Status; s.Phase != v1.PodFailed || s.Reason != "TopologyAffinityError" ||
			s.Message != "Pod was rejected: Resources cannot be allocated with Topology locality" {
			t.Errorf("got %s, %s: %s", s.Phase, s.Reason, s.Message)
		}
		r.ask("a", "100m", "50Mi")
		r.shows("a", "100m/100m PodResizePending Infeasible: Resize is infeasible for Guaranteed Pods alongside Memory Manager policy \"Static\"")
		r.delete("a", 1)
		r.settle()
		r.settle()
		r.Gone("a")
		add(sized("d", "100m", "100Mi"))
		if d := mems("d"); d != "0" {
			t.Errorf("memory of node %s, want that of the pod that went", d)
		}
	})
}
