package resize

import (
	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// Update is one running container whose cgroup is to be changed.
type Update struct {
	Container *v1.Container
	ID        string
	Limits    *criv1.LinuxContainerResources
	// Memory tells that the memory limit goes down, Moves that only the CPUs are others: nobody asked for that.
	Memory, Moves bool
}

// Updates returns the running containers of the pod that do not have what wanted says, in the order in which
// they are changed: those that give something back first, so that others find room in the pod's cgroup. What a
// runtime does not tell of is taken to be as it should.
func Updates(pod *v1.Pod, state *runtime.Pod, wanted func(*v1.Container) *criv1.LinuxContainerResources) []Update {
	var down, up []Update
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			latest := state.Latest(list[i].Name)
			if latest == nil || latest.State != runtime.StateRunning || latest.Resources == nil {
				continue
			}
			want, has := wanted(&list[i]), latest.Resources
			same := want.CpuShares == has.CpuShares && same(want.CpuQuota, has.CpuQuota) && same(want.MemoryLimitInBytes, has.MemoryLimitInBytes)
			if same && (want.CpusetCpus == "" || want.CpusetCpus == has.CpusetCpus) {
				continue
			}
			u := Update{Container: &list[i], ID: latest.ID, Limits: want, Moves: same, Memory: lower(want.MemoryLimitInBytes, has.MemoryLimitInBytes)}
			if u.Memory || lower(want.CpuQuota, has.CpuQuota) {
				down = append(down, u)
			} else {
				up = append(up, u)
			}
		}
	}
	return append(down, up...)
}

// same and lower compare limits. None is 0 or less, and is never wanted of a container that has one: a limit
// cannot be taken away.
func same(want, has int64) bool { return want <= 0 || want == has }

func lower(a, b int64) bool { return a > 0 && (b <= 0 || a < b) }

// Raised is what the pod's cgroup has while its containers are changed: the higher of both limits, so that
// neither the old nor the new ones of the containers are more than it allows.
func Raised(has, want cgroups.Limits) cgroups.Limits {
	out := want
	if has.Quota <= 0 || has.Quota*want.Period > want.Quota*has.Period {
		out.Quota, out.Period = 0, 0
	}
	if has.Memory <= 0 || has.Memory > want.Memory {
		out.Memory = 0
	}
	return out
}
