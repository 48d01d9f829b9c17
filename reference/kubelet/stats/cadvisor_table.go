package stats

import (
	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
)

// ofCgroups are the metrics of the page, in its order.
var ofCgroups = []metric{
	{"container_cpu_usage_seconds_total", "counter", "Cumulative cpu time consumed in seconds.", func(t *metrics.Text, name string, s *subject) {
		t.Sample(name, seconds(s.usage.CPU.Total), s.usage.At, s.labels("cpu", "total")...)
	}},
	value("container_cpu_user_seconds_total", "counter", "Cumulative user cpu time consumed in seconds.",
		func(s *subject) float64 { return seconds(s.usage.CPU.User) }),
	value("container_cpu_system_seconds_total", "counter", "Cumulative system cpu time consumed in seconds.",
		func(s *subject) float64 { return seconds(s.usage.CPU.System) }),
	quotaed("container_cpu_cfs_periods_total", "Number of elapsed enforcement period intervals.",
		func(c CPU) float64 { return float64(c.Periods) }),
	quotaed("container_cpu_cfs_throttled_periods_total", "Number of throttled period intervals.",
		func(c CPU) float64 { return float64(c.Throttled) }),
	quotaed("container_cpu_cfs_throttled_seconds_total", "Total time duration the container has been throttled.",
		func(c CPU) float64 { return seconds(c.ThrottledTime) }),
	disk("container_fs_reads_bytes_total", "Cumulative count of bytes read", func(d *Device) uint64 { return d.ReadBytes }),
	disk("container_fs_reads_total", "Cumulative count of reads completed", func(d *Device) uint64 { return d.Reads }),
	disk("container_fs_writes_bytes_total", "Cumulative count of bytes written", func(d *Device) uint64 { return d.WriteBytes }),
	disk("container_fs_writes_total", "Cumulative count of writes completed", func(d *Device) uint64 { return d.Writes }),
	{"container_fs_usage_bytes", "gauge", "Number of bytes that are consumed by the container on this filesystem.", func(t *metrics.Text, name string, s *subject) {
		if s.written != nil {
			t.Sample(name, float64(s.written.Bytes), s.written.At, s.labels("device", "")...)
		}
	}},
	value("container_last_seen", "gauge", "Last time a container was seen by the exporter", func(s *subject) float64 { return float64(s.usage.At.Unix()) }),
	value("container_memory_cache", "gauge", "Number of bytes of page cache memory.", func(s *subject) float64 { return float64(s.usage.Memory.Cache) }),
	value("container_memory_failcnt", "counter", "Number of memory usage hits limits", func(s *subject) float64 { return float64(s.usage.Memory.Failures) }),
	{"container_memory_failures_total", "counter", "Cumulative count of memory allocation failures.", func(t *metrics.Text, name string, s *subject) {
		t.Sample(name, float64(s.usage.Memory.Faults), s.usage.At, s.labels("failure_type", "pgfault", "scope", "hierarchy")...)
		t.Sample(name, float64(s.usage.Memory.MajorFaults), s.usage.At, s.labels("failure_type", "pgmajfault", "scope", "hierarchy")...)
	}},
	value("container_memory_mapped_file", "gauge", "Size of memory mapped files in bytes.", func(s *subject) float64 { return float64(s.usage.Memory.Mapped) }),
	value("container_memory_max_usage_bytes", "gauge", "Maximum memory usage recorded in bytes", func(s *subject) float64 { return float64(s.usage.Memory.Max) }),
	value("container_memory_rss", "gauge", "Size of RSS in bytes.", func(s *subject) float64 { return float64(s.usage.Memory.RSS) }),
	value("container_memory_swap", "gauge", "Container swap usage in bytes.", func(s *subject) float64 { return float64(s.usage.Memory.Swap) }),
	value("container_memory_usage_bytes", "gauge", "Current memory usage in bytes, including all memory regardless of when it was accessed",
		func(s *subject) float64 { return float64(s.usage.Memory.Usage) }),
	value("container_memory_working_set_bytes", "gauge", "Current working set in bytes.", func(s *subject) float64 { return float64(s.usage.Memory.WorkingSet) }),
	network("container_network_receive_bytes_total", "Cumulative count of bytes received", func(i *Interface) uint64 { return i.RxBytes }),
	network("container_network_receive_errors_total", "Cumulative count of errors encountered while receiving", func(i *Interface) uint64 { return i.RxErrors }),
	network("container_network_receive_packets_dropped_total", "Cumulative count of packets dropped while receiving", func(i *Interface) uint64 { return i.RxDropped }),
	network("container_network_receive_packets_total", "Cumulative count of packets received", func(i *Interface) uint64 { return i.RxPackets }),
	network("container_network_transmit_bytes_total", "Cumulative count of bytes transmitted", func(i *Interface) uint64 { return i.TxBytes }),
	network("container_network_transmit_errors_total", "Cumulative count of errors encountered while transmitting", func(i *Interface) uint64 { return i.TxErrors }),
	network("container_network_transmit_packets_dropped_total", "Cumulative count of packets dropped while transmitting", func(i *Interface) uint64 { return i.TxDropped }),
	network("container_network_transmit_packets_total", "Cumulative count of packets transmitted", func(i *Interface) uint64 { return i.TxPackets }),
	waiting("container_pressure_cpu_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to CPU congestion.", func(p *Pressure) uint64 { return p.CPU.Full.Total }),
	waiting("container_pressure_cpu_waiting_seconds_total", "Total time duration tasks in the container have waited due to CPU congestion.", func(p *Pressure) uint64 { return p.CPU.Some.Total }),
	waiting("container_pressure_io_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to IO congestion.", func(p *Pressure) uint64 { return p.IO.Full.Total }),
	waiting("container_pressure_io_waiting_seconds_total", "Total time duration tasks in the container have waited due to IO congestion.", func(p *Pressure) uint64 { return p.IO.Some.Total }),
	waiting("container_pressure_memory_stalled_seconds_total", "Total time duration no tasks in the container could make progress due to memory congestion.", func(p *Pressure) uint64 { return p.Memory.Full.Total }),
	waiting("container_pressure_memory_waiting_seconds_total", "Total time duration tasks in the container have waited due to memory congestion.", func(p *Pressure) uint64 { return p.Memory.Some.Total }),
	value("container_processes", "gauge", "Number of processes running inside the container.", func(s *subject) float64 { return float64(s.usage.Processes) }),
	value("container_threads", "gauge", "Number of threads running inside the container", func(s *subject) float64 { return float64(s.usage.Threads) }),
	limited("container_spec_cpu_period", "CPU period of the container.", periodOf),
	limited("container_spec_cpu_quota", "CPU quota of the container.", func(l cgroups.Limits) int64 { return l.Quota }),
	limited("container_spec_cpu_shares", "CPU share of the container.", func(l cgroups.Limits) int64 { return l.Shares }),
	value("container_spec_memory_limit_bytes", "gauge", "Memory limit for the container.", func(s *subject) float64 { return float64(s.limits.Memory) }),
	value("container_start_time_seconds", "gauge", "Start time of the container since unix epoch in seconds.", func(s *subject) float64 { return float64(s.created.Unix()) }),
}

// quotaed is a metric of those whose CPU time is capped.
func quotaed(name, help string, of func(CPU) float64) metric {
	return present(name, "counter", help, func(s *subject) (float64, bool) { return of(s.usage.CPU), s.limits.Quota > 0 })
}

// periodOf is the period that CPU shares and quotas are of.
func periodOf(l cgroups.Limits) int64 {
	if l.Period == 0 && l.Shares > 0 {
		return cgroups.Period
	}
	return l.Period
}
