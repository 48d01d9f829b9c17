package stats

import (
	"context"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"time"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
)

// subject is a cgroup with the labels by which cAdvisor's metrics name it.
type subject struct {
	container, id, image, name, namespace, pod string
	created                                    time.Time
	usage                                      Usage
	limits                                     cgroups.Limits
	interfaces                                 []Interface
	written                                    *Occupied
}

func (s *subject) labels(more ...string) []string {
	return append(more, "container", s.container, "id", s.id, "image", s.image, "name", s.name, "namespace", s.namespace, "pod", s.pod)
}

// CAdvisorMetrics is the page GET /metrics/cadvisor, by the names and labels that dashboards know.
func (c *Collector) CAdvisorMetrics(ctx context.Context, version string) ([]byte, error) {
	s, err := c.Sample(ctx, Full)
	if err != nil {
		return nil, err
	}
	d, err := c.Disks(ctx)
	if err != nil {
		return nil, err
	}
	list := c.subjects(s, d)
	t := &metrics.Text{Out: make([]byte, 0, 16<<10+64*256*len(list))}
	t.Family("cadvisor_version_info", "gauge", "A metric with a constant '1' value labeled by kernel version, OS version, docker version, cadvisor version & cadvisor revision.")
	t.Sample("cadvisor_version_info", 1, time.Time{}, "cadvisorRevision", "", "cadvisorVersion", version, "dockerVersion", "", "kernelVersion", kernel(c.Proc), "osVersion", "")
	for _, m := range ofCgroups {
		t.Family(m.name, m.kind, m.help)
		for i := range list {
			m.write(t, m.name, &list[i])
		}
	}
	c.writeSpace(t, d, s.At)
	c.writeMachine(t)
	return t.Out, nil
}

// subjects are the node, its groups, the pods, their sandboxes and containers.
func (c *Collector) subjects(s *Sample, d *Disks) []subject {
	out := []subject{{id: "/", created: c.began, usage: s.Node, interfaces: Interfaces(c.Proc, 0)}}
	for _, g := range s.Groups {
		out = append(out, subject{id: g.Path, created: c.began, usage: g.Usage})
	}
	for i := range s.Pods {
		p := &s.Pods[i]
		of := subject{namespace: p.Pod.Namespace, pod: p.Pod.Name}
		pod := of
		pod.id, pod.created, pod.usage, pod.limits = p.Path, p.Created, p.Usage, c.Policy.Pod(p.Pod)
		sandbox := of
		sandbox.id, sandbox.name, sandbox.created, sandbox.usage, sandbox.interfaces = p.Sandbox.Path, p.Sandbox.ID, p.Created, p.Sandbox.Usage, p.Interfaces
		out = append(out, pod, sandbox)
		for _, k := range p.Containers {
			one := of
			one.container, one.id, one.image, one.name, one.created, one.usage = k.Name, k.Path, k.Image, k.ID, k.Created, k.Usage
			if k.Spec != nil {
				one.limits = c.Policy.Container(p.Pod, k.Spec)
			}
			if o, known := d.Written[k.ID]; known {
				one.written = &o
			}
			out = append(out, one)
		}
	}
	return out
}

// metric words one family for a subject.
type metric struct {
	name, kind, help string
	write            func(t *metrics.Text, name string, s *subject)
}

// value is a metric with one sample for each subject.
func value(name, kind, help string, of func(*subject) float64) metric {
	return metric{name, kind, help, func(t *metrics.Text, name string, s *subject) {
		t.Sample(name, of(s), s.usage.At, s.labels()...)
	}}
}

// present is value for those of which something is known.
func present(name, kind, help string, of func(*subject) (float64, bool)) metric {
	return metric{name, kind, help, func(t *metrics.Text, name string, s *subject) {
		if v, known := of(s); known {
			t.Sample(name, v, s.usage.At, s.labels()...)
		}
	}}
}

func network(name, help string, of func(*Interface) uint64) metric {
	return metric{name, "counter", help, func(t *metrics.Text, name string, s *subject) {
		for i := range s.interfaces {
			t.Sample(name, float64(of(&s.interfaces[i])), s.usage.At, s.labels("interface", s.interfaces[i].Name)...)
		}
	}}
}

func disk(name, help string, of func(*Device) uint64) metric {
	return metric{name, "counter", help, func(t *metrics.Text, name string, s *subject) {
		for i := range s.usage.IO {
			d := &s.usage.IO[i]
			t.Sample(name, float64(of(d)), s.usage.At, s.labels("device", deviceName(d.Number))...)
		}
	}}
}

// waiting is a metric of PSI, on machines that have it.
func waiting(name, help string, of func(*Pressure) uint64) metric {
	return present(name, "counter", help, func(s *subject) (float64, bool) {
		if s.usage.Pressure == nil {
			return 0, false
		}
		return seconds(of(s.usage.Pressure)), true
	})
}

// limited is a metric of those that have the limit.
func limited(name, help string, of func(cgroups.Limits) int64) metric {
	return present(name, "gauge", help, func(s *subject) (float64, bool) {
		v := of(s.limits)
		return float64(v), v > 0
	})
}

// deviceName is the device's file, or its number if it has none here.
func deviceName(number string) string {
	text, err := os.ReadFile(filepath.Join("/sys/dev/block", filepath.Base(number), "uevent"))
	if err == nil {
		for line := range strings.Lines(string(text)) {
			if name, found := strings.CutPrefix(strings.TrimSpace(line), "DEVNAME="); found {
				return "/dev/" + name
			}
		}
	}
	return number
}

func kernel(proc string) string {
	text, err := os.ReadFile(filepath.Join(proc, "sys/kernel/osrelease"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// writeSpace tells of the file systems that containers write to.
func (c *Collector) writeSpace(t *metrics.Text, d *Disks, now time.Time) {
	node := subject{id: "/"}
	for _, m := range []struct {
		name, help string
		value      uint64
	}{
		{"container_fs_limit_bytes", "Number of bytes that can be consumed by the container on this filesystem.", d.Layers.Capacity},
		{"container_fs_inodes_total", "Number of Inodes", d.Layers.Inodes},
		{"container_fs_inodes_free", "Number of available Inodes", d.Layers.InodesFree},
	} {
		t.Family(m.name, "gauge", m.help)
		t.Sample(m.name, float64(m.value), now, node.labels("device", "")...)
	}
}

func (c *Collector) writeMachine(t *metrics.Text) {
	memory, _ := ReadMeminfo(c.Proc)
	boot := strings.TrimSpace(readText(filepath.Join(c.Proc, "sys/kernel/random/boot_id")))
	machine := strings.TrimSpace(readText("/etc/machine-id"))
	uuid := strings.TrimSpace(readText("/sys/class/dmi/id/product_uuid"))
	for _, m := range []struct {
		name, help string
		value      float64
	}{
		{"machine_cpu_cores", "Number of logical CPU cores.", float64(goruntime.NumCPU())},
		{"machine_memory_bytes", "Amount of memory installed on the machine.", float64(c.Memory)},
		{"machine_swap_bytes", "Amount of swap memory available on the machine.", float64(memory.SwapTotal)},
		{"machine_scrape_error", "1 if there was an error while getting machine metrics, 0 otherwise.", 0},
	} {
		t.Family(m.name, "gauge", m.help)
		if m.name == "machine_scrape_error" {
			t.Sample(m.name, m.value, time.Time{})
			continue
		}
		t.Sample(m.name, m.value, time.Time{}, "boot_id", boot, "machine_id", machine, "system_uuid", uuid)
	}
}

func readText(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(text)
}
