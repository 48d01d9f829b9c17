package stats

import (
	"context"
	"time"

	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
)

// ResourceMetrics is the page GET /metrics/resource (KEP-1748): what autoscaling and `kubectl top` need, and no more.
// If nothing could be measured, it says that only.
func (c *Collector) ResourceMetrics(ctx context.Context) ([]byte, error) {
	s, err := c.Sample(ctx, Basic)
	if err != nil {
		s = nil
	}
	return resourceText(s, c.swap()), err
}

// swap is what the machine uses of its swap, in bytes.
func (c *Collector) swap() uint64 {
	m, err := ReadMeminfo(c.Proc)
	if err != nil {
		return 0
	}
	return less(m.SwapTotal, m.SwapFree)
}

func seconds(nanoseconds uint64) float64 { return float64(nanoseconds) / 1e9 }

func epoch(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

func resourceText(s *Sample, swap uint64) []byte {
	var t metrics.Text
	if s != nil {
		t.Out = make([]byte, 0, 4096+1200*len(s.Pods))
		containerResources(&t, s)
		nodeResources(&t, s, swap)
		podResources(&t, s)
	}
	t.Family("resource_scrape_error", "gauge", "[STABLE] 1 if there was an error while getting container metrics, 0 otherwise")
	failed := 0.0
	if s == nil {
		failed = 1
	}
	t.Sample("resource_scrape_error", failed, time.Time{})
	return t.Out
}

func containerResources(t *metrics.Text, s *Sample) {
	each := func(name, kind, help string, value func(*Container) float64, timed bool) {
		t.Family(name, kind, help)
		for i := range s.Pods {
			p := &s.Pods[i]
			for j := range p.Containers {
				k := &p.Containers[j]
				var at time.Time
				if timed {
					at = k.Usage.At
				}
				t.Sample(name, value(k), at, "container", k.Name, "namespace", p.Pod.Namespace, "pod", p.Pod.Name)
			}
		}
	}
	each("container_cpu_usage_seconds_total", "counter", "[STABLE] Cumulative cpu time consumed by the container in core-seconds",
		func(k *Container) float64 { return seconds(k.Usage.CPU.Total) }, true)
	each("container_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the container in bytes",
		func(k *Container) float64 { return float64(k.Usage.Memory.WorkingSet) }, true)
	each("container_start_time_seconds", "gauge", "[STABLE] Start time of the container since unix epoch in seconds",
		func(k *Container) float64 { return epoch(k.Created) }, false)
	each("container_swap_usage_bytes", "gauge", "[ALPHA] Current amount of the container swap usage in bytes. Reported only on non-windows systems",
		func(k *Container) float64 { return float64(k.Usage.Memory.Swap) }, true)
}

func nodeResources(t *metrics.Text, s *Sample, swap uint64) {
	t.Family("node_cpu_usage_seconds_total", "counter", "[STABLE] Cumulative cpu time consumed by the node in core-seconds")
	t.Sample("node_cpu_usage_seconds_total", seconds(s.Node.CPU.Total), s.Node.At)
	t.Family("node_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the node in bytes")
	t.Sample("node_memory_working_set_bytes", float64(s.Node.Memory.WorkingSet), s.Node.At)
	t.Family("node_swap_usage_bytes", "gauge", "[ALPHA] Current swap usage of the node in bytes. Reported only on non-windows systems")
	t.Sample("node_swap_usage_bytes", float64(swap), s.Node.At)
}

func podResources(t *metrics.Text, s *Sample) {
	each := func(name, kind, help string, value func(*Pod) float64) {
		t.Family(name, kind, help)
		for i := range s.Pods {
			p := &s.Pods[i]
			t.Sample(name, value(p), p.Usage.At, "namespace", p.Pod.Namespace, "pod", p.Pod.Name)
		}
	}
	each("pod_cpu_usage_seconds_total", "counter", "[STABLE] Cumulative cpu time consumed by the pod in core-seconds",
		func(p *Pod) float64 { return seconds(p.Usage.CPU.Total) })
	each("pod_memory_working_set_bytes", "gauge", "[STABLE] Current working set of the pod in bytes",
		func(p *Pod) float64 { return float64(p.Usage.Memory.WorkingSet) })
	each("pod_swap_usage_bytes", "gauge", "[ALPHA] Current amount of the pod swap usage in bytes. Reported only on non-windows systems",
		func(p *Pod) float64 { return float64(p.Usage.Memory.Swap) })
}
