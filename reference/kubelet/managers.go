package kubelet

import (
	"fmt"
	"path/filepath"
	"strconv"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/cpuset"

	"github.com/etalon-dev/etalon/reference/kubelet/config"
	"github.com/etalon-dev/etalon/reference/kubelet/cpumanager"
	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/memorymanager"
	"github.com/etalon-dev/etalon/reference/kubelet/node"
	"github.com/etalon-dev/etalon/reference/kubelet/topology"
)

// cpus and numaNodes are where the kernel tells of processors and of memory near them.
const (
	cpus      = "/sys/devices/system/cpu"
	numaNodes = "/sys/devices/system/node"
)

// managers hand out what containers get for themselves. Those that the configuration does not want are nil.
type managers struct {
	cpus     *cpumanager.Manager
	memory   *memorymanager.Manager
	topology *topology.Manager
}

// newManagers returns the managers of the machine, whose devices plugged knows.
func newManagers(c *kubeletv1beta1.KubeletConfiguration, m node.Machine, root string, plugged *devices.Manager) (managers, error) {
	var out managers
	policy, err := topology.NewPolicy(c.TopologyManagerPolicy, c.TopologyManagerScope, c.TopologyManagerPolicyOptions)
	if err != nil {
		return out, err
	}
	machine, err := topology.Inspect(numaNodes, m.Memory)
	if err != nil {
		return out, err
	}
	together := policy.Name != topology.None && policy.Scope == topology.PodScope
	if out.cpus, err = cpuManager(c, m, root, together); err != nil {
		return out, err
	}
	if out.memory, err = memoryManager(c, m, machine, root, together); err != nil {
		return out, err
	}
	var providers []topology.Provider
	if out.cpus != nil {
		providers = append(providers, out.cpus)
	}
	if out.memory != nil {
		providers = append(providers, out.memory)
	}
	out.topology, err = topology.New(policy, machine, append(providers, devices.Provider{Manager: plugged, Nodes: machine.All()})...)
	return out, err
}

func cpuManager(c *kubeletv1beta1.KubeletConfiguration, m node.Machine, root string, together bool) (*cpumanager.Manager, error) {
	if c.CPUManagerPolicy != config.StaticCPUManager {
		return nil, nil
	}
	machine, err := cpumanager.Inspect(cpus)
	if err != nil {
		return nil, err
	}
	reserved := m.Reserved.System.Cpu().DeepCopy()
	reserved.Add(*m.Reserved.Kube.Cpu())
	given := func(option string) bool {
		yes, _ := strconv.ParseBool(c.CPUManagerPolicyOptions[option])
		return yes
	}
	o := cpumanager.Options{
		ReservedCount: int(reserved.Value()), WholeCores: given(config.FullPCPUsOnly), Spread: given(config.DistributeAcrossNUMA),
		Strict: given(config.StrictReservation), Caches: given(config.PreferAlignByUncoreCache),
		PodScope: together, File: filepath.Join(root, "cpu_manager_state"),
	}
	if o.Reserved, err = cpuset.Parse(c.ReservedSystemCPUs); err != nil {
		return nil, err
	}
	return cpumanager.New(machine, o)
}

func memoryManager(c *kubeletv1beta1.KubeletConfiguration, m node.Machine, machine topology.Machine, root string, together bool) (*memorymanager.Manager, error) {
	if c.MemoryManagerPolicy != memorymanager.Static {
		return nil, nil
	}
	reserved, err := memorymanager.Parse(c.ReservedMemory)
	if err != nil {
		return nil, err
	}
	if err := reserved.Check(machine, m.Reserved.All()); err != nil {
		return nil, fmt.Errorf("memoryManagerPolicy %s: %w", c.MemoryManagerPolicy, err)
	}
	return memorymanager.New(machine, memorymanager.Options{Reserved: reserved, PodScope: together, File: filepath.Join(root, "memory_manager_state")})
}
