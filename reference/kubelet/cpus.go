package kubelet

import (
	"path/filepath"
	"strconv"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/cpuset"

	"github.com/etalon-dev/etalon/reference/kubelet/config"
	"github.com/etalon-dev/etalon/reference/kubelet/cpumanager"
	"github.com/etalon-dev/etalon/reference/kubelet/node"
)

// cpus is where the kernel tells of processors.
const cpus = "/sys/devices/system/cpu"

// cpuManager is what gives containers CPUs of their own, nil if the configuration does not want that.
func cpuManager(c *kubeletv1beta1.KubeletConfiguration, m node.Machine, root string) (*cpumanager.Manager, error) {
	if c.CPUManagerPolicy != config.StaticCPUManager {
		return nil, nil
	}
	topology, err := cpumanager.Inspect(cpus)
	if err != nil {
		return nil, err
	}
	reserved := m.Reserved.System.Cpu().DeepCopy()
	reserved.Add(*m.Reserved.Kube.Cpu())
	o := cpumanager.Options{ReservedCount: int(reserved.Value()), File: filepath.Join(root, "cpu_manager_state")}
	if o.Reserved, err = cpuset.Parse(c.ReservedSystemCPUs); err != nil {
		return nil, err
	}
	o.WholeCores, _ = strconv.ParseBool(c.CPUManagerPolicyOptions[config.FullPCPUsOnly])
	return cpumanager.New(topology, o)
}
