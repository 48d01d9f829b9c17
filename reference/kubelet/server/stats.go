package server

import (
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	stats "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// summary answers GET /stats/summary with what each container uses.
func (s *Server) summary(w http.ResponseWriter, r *http.Request) {
	list, err := s.Runtime.ListContainerStats(r.Context(), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, stats.Summary{Node: stats.NodeStats{NodeName: s.NodeName}, Pods: podStats(list)})
}

// podStats groups the containers' figures by pod and adds them up.
func podStats(list []*criv1.ContainerStats) []stats.PodStats {
	index := map[string]int{}
	out := []stats.PodStats{}
	for _, c := range list {
		labels := c.GetAttributes().GetLabels()
		uid := labels[runtime.PodUIDLabel]
		if uid == "" {
			continue
		}
		i, ok := index[uid]
		if !ok {
			i = len(out)
			index[uid] = i
			out = append(out, stats.PodStats{
				PodRef: stats.PodReference{Name: labels[runtime.PodNameLabel], Namespace: labels[runtime.PodNamespaceLabel], UID: uid},
				CPU:    &stats.CPUStats{UsageNanoCores: ptr.To(uint64(0)), UsageCoreNanoSeconds: ptr.To(uint64(0))},
				Memory: &stats.MemoryStats{WorkingSetBytes: ptr.To(uint64(0)), UsageBytes: ptr.To(uint64(0))},
			})
		}
		add(&out[i], containerStats(labels[runtime.ContainerNameLabel], c))
	}
	return out
}

func containerStats(name string, c *criv1.ContainerStats) stats.ContainerStats {
	at := func(ns int64) metav1.Time { return metav1.NewTime(time.Unix(0, ns)) }
	cpu, memory := c.GetCpu(), c.GetMemory()
	return stats.ContainerStats{
		Name: name,
		CPU: &stats.CPUStats{
			Time:                 at(cpu.GetTimestamp()),
			UsageNanoCores:       ptr.To(cpu.GetUsageNanoCores().GetValue()),
			UsageCoreNanoSeconds: ptr.To(cpu.GetUsageCoreNanoSeconds().GetValue()),
		},
		Memory: &stats.MemoryStats{
			Time:            at(memory.GetTimestamp()),
			WorkingSetBytes: ptr.To(memory.GetWorkingSetBytes().GetValue()),
			UsageBytes:      ptr.To(memory.GetUsageBytes().GetValue()),
		},
	}
}

func add(p *stats.PodStats, c stats.ContainerStats) {
	p.Containers = append(p.Containers, c)
	p.CPU.Time, p.Memory.Time = c.CPU.Time, c.Memory.Time
	*p.CPU.UsageNanoCores += *c.CPU.UsageNanoCores
	*p.CPU.UsageCoreNanoSeconds += *c.CPU.UsageCoreNanoSeconds
	*p.Memory.WorkingSetBytes += *c.Memory.WorkingSetBytes
	*p.Memory.UsageBytes += *c.Memory.UsageBytes
}
