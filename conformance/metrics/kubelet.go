package metrics

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("the kubelet's summary", func() {
	f := New()

	f.It("metrics/summary", func(ctx SpecContext) {
		pod := working("web")
		withScratch(pod)
		f.Create(ctx, pod)
		pod = f.WaitPodReady(ctx, "web")
		var first *statsv1alpha1.PodStats
		f.WaitUntil(ctx, "the summary has all of the pod", SettleTimeout, func(ctx context.Context) (bool, string) {
			s := summary(ctx, f, pod.Spec.NodeName, "")
			n := s.Node
			if n.NodeName != pod.Spec.NodeName || n.CPU == nil || n.CPU.UsageCoreNanoSeconds == nil || n.Memory == nil || n.Memory.WorkingSetBytes == nil ||
				n.Fs == nil || n.Fs.CapacityBytes == nil || n.Network == nil || n.Runtime == nil || n.Runtime.ImageFs == nil {
				return false, "of the node: " + text(n)
			}
			p := of(s, pod)
			if p == nil {
				return false, "nothing of the pod"
			}
			whole := p.PodRef.Name == "web" && p.PodRef.Namespace == f.Namespace && len(p.Containers) == 2 && p.CPU != nil && p.Memory != nil &&
				p.Network != nil && p.Network.RxBytes != nil && p.EphemeralStorage != nil && len(p.VolumeStats) > 0 && p.ProcessStats != nil
			for _, c := range p.Containers {
				whole = whole && c.CPU != nil && c.CPU.UsageNanoCores != nil && c.CPU.UsageCoreNanoSeconds != nil && c.Memory != nil && c.Memory.WorkingSetBytes != nil &&
					c.Rootfs != nil && c.Rootfs.UsedBytes != nil && c.Logs != nil && c.Logs.UsedBytes != nil
			}
			first = p
			return whole, text(p)
		})
		names := []string{first.Containers[0].Name, first.Containers[1].Name}
		Expect(names).To(ConsistOf("busy", "holder"))
		before := burnt(first)
		f.WaitUntil(ctx, "the busy container has used more CPU", SettleTimeout, func(ctx context.Context) (bool, string) {
			p := of(summary(ctx, f, pod.Spec.NodeName, ""), pod)
			return p != nil && burnt(p) > before, text(p)
		})
	})

	f.It("metrics/summary-brief", func(ctx SpecContext) {
		f.Create(ctx, working("web"))
		pod := f.WaitPodReady(ctx, "web")
		f.WaitUntil(ctx, "the summary has CPU and memory of the pod, and no more", SettleTimeout, func(ctx context.Context) (bool, string) {
			s := summary(ctx, f, pod.Spec.NodeName, "?only_cpu_and_memory=true")
			p := of(s, pod)
			if p == nil || s.Node.Fs != nil || s.Node.Runtime != nil {
				return false, text(s.Node)
			}
			return p.CPU != nil && p.Memory != nil && len(p.Containers) == 2 && len(p.VolumeStats) == 0 && p.Containers[0].Rootfs == nil, text(p)
		})
	})

	f.It("metrics/summary-volume", func(ctx SpecContext) {
		pod := Pod("web", "sleep", "1h")
		withScratch(pod)
		f.Create(ctx, pod)
		pod = f.WaitPodReady(ctx, "web")
		// The program itself is some MiB.
		f.MustExec(ctx, "web", "main", "/tool", "sh", "cp /tool /scratch/one; cp /tool /scratch/two")
		f.WaitUntil(ctx, "the volume has some MiB, and the pod's ephemeral storage no less", SettleTimeout, func(ctx context.Context) (bool, string) {
			p := of(summary(ctx, f, pod.Spec.NodeName, ""), pod)
			if p == nil || p.EphemeralStorage == nil || p.EphemeralStorage.UsedBytes == nil {
				return false, text(p)
			}
			for _, v := range p.VolumeStats {
				if v.Name == "scratch" && v.UsedBytes != nil && *v.UsedBytes >= 4<<20 && *v.UsedBytes < 64<<20 {
					return *p.EphemeralStorage.UsedBytes >= *v.UsedBytes, text(p)
				}
			}
			return false, text(p.VolumeStats)
		})
	})
})

// withScratch gives the pod's first container an emptyDir at /scratch.
func withScratch(pod *corev1.Pod) {
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
	pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts, corev1.VolumeMount{Name: "scratch", MountPath: "/scratch"})
}

func burnt(p *statsv1alpha1.PodStats) uint64 {
	for _, c := range p.Containers {
		if c.Name == "busy" && c.CPU != nil && c.CPU.UsageCoreNanoSeconds != nil {
			return *c.CPU.UsageCoreNanoSeconds
		}
	}
	return 0
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

var _ = Describe("the kubelet's pages of metrics", func() {
	f := New()

	// has waits until the page has a sample above zero of each name with the labels.
	has := func(ctx context.Context, node, page string, labels []string, names ...string) {
		GinkgoHelper()
		f.WaitUntil(ctx, fmt.Sprintf("%s of %s has %v above zero with %q", page, node, names, labels), SettleTimeout, func(ctx context.Context) (bool, string) {
			read := samples(string(ask(ctx, f, node, page).Must(http.StatusOK).Body))
			for _, name := range names {
				value, err := strconv.ParseFloat(find(read, name, labels...), 64)
				if err != nil || value <= 0 {
					return false, fmt.Sprintf("%s is %q", name, find(read, name, labels...))
				}
			}
			return true, ""
		})
	}

	f.It("metrics/resource", func(ctx SpecContext) {
		f.Create(ctx, working("web"))
		pod := f.WaitPodReady(ctx, "web")
		of := []string{"namespace", f.Namespace, "pod", "web"}
		has(ctx, pod.Spec.NodeName, "metrics/resource", nil, "node_cpu_usage_seconds_total", "node_memory_working_set_bytes")
		has(ctx, pod.Spec.NodeName, "metrics/resource", of, "pod_cpu_usage_seconds_total", "pod_memory_working_set_bytes")
		for _, container := range []string{"busy", "holder"} {
			has(ctx, pod.Spec.NodeName, "metrics/resource", append([]string{"container", container}, of...),
				"container_cpu_usage_seconds_total", "container_memory_working_set_bytes", "container_start_time_seconds")
		}
		page := ask(ctx, f, pod.Spec.NodeName, "metrics/resource").Must(http.StatusOK, "# TYPE container_cpu_usage_seconds_total counter", "# TYPE node_memory_working_set_bytes gauge")
		Expect(find(samples(string(page.Body)), "resource_scrape_error")).To(Equal("0"))
	})

	f.It("metrics/cadvisor", func(ctx SpecContext) {
		f.Create(ctx, working("web"))
		pod := f.WaitPodReady(ctx, "web")
		of := []string{"namespace", f.Namespace, "pod", "web"}
		has(ctx, pod.Spec.NodeName, "metrics/cadvisor", append([]string{"container", "busy"}, of...), "container_cpu_usage_seconds_total",
			"container_memory_working_set_bytes", "container_memory_usage_bytes", "container_memory_rss", "container_start_time_seconds", "container_last_seen",
			"container_spec_cpu_quota", "container_spec_cpu_period")
		has(ctx, pod.Spec.NodeName, "metrics/cadvisor", append([]string{"interface", "eth0"}, of...), "container_network_transmit_bytes_total", "container_network_receive_bytes_total")
		has(ctx, pod.Spec.NodeName, "metrics/cadvisor", nil, "machine_memory_bytes", "machine_cpu_cores", "cadvisor_version_info")
		found := samples(string(ask(ctx, f, pod.Spec.NodeName, "metrics/cadvisor").Must(http.StatusOK).Body))
		for _, s := range found {
			if s.name == "container_memory_working_set_bytes" && s.labels["namespace"] == f.Namespace && s.labels["container"] == "busy" {
				Expect(s.labels).To(And(HaveKey("id"), HaveKey("image"), HaveKey("name")))
				Expect(s.labels["id"]).To(HavePrefix("/"))
				Expect(s.labels["image"]).NotTo(BeEmpty())
			}
		}
	})

	f.It("metrics/kubelet", func(ctx SpecContext) {
		f.Create(ctx, Pod("web", "sleep", "1h"))
		node := f.WaitPodReady(ctx, "web").Spec.NodeName
		has(ctx, node, "metrics", []string{"node", node}, "kubelet_node_name")
		has(ctx, node, "metrics", nil, "kubelet_running_pods", "kubelet_started_pods_total", "kubelet_pod_start_duration_seconds_count", "process_start_time_seconds", "go_goroutines")
		has(ctx, node, "metrics", []string{"container_state", "running"}, "kubelet_running_containers")
		for _, operation := range []string{"run_podsandbox", "create_container", "start_container"} {
			has(ctx, node, "metrics", []string{"operation_type", operation}, "kubelet_runtime_operations_total", "kubelet_runtime_operations_duration_seconds_count")
		}
	})

	f.It("metrics/probes", func(ctx SpecContext) {
		pod := Server("web")
		probe := func(port int) *corev1.Probe {
			return &corev1.Probe{PeriodSeconds: 1, FailureThreshold: 1000, ProbeHandler: corev1.ProbeHandler{
				HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromInt32(int32(port))}}}
		}
		pod.Spec.Containers[0].ReadinessProbe, pod.Spec.Containers[0].LivenessProbe = probe(ServePort), probe(1)
		f.Create(ctx, pod)
		node := f.WaitPodReady(ctx, "web").Spec.NodeName
		of := []string{"namespace", f.Namespace, "pod", "web", "container", "main", "probe_type"}
		has(ctx, node, "metrics/probes", append(of[:7:7], "Readiness", "result", "successful"), "prober_probe_total")
		has(ctx, node, "metrics/probes", append(of[:7:7], "Liveness", "result", "failed"), "prober_probe_total")
	})
})

var _ = Describe("the kubelet's own state", func() {
	f := New()

	f.It("metrics/kubelet-health", func(ctx SpecContext) {
		for _, node := range f.Nodes(ctx) {
			for _, path := range []string{"healthz", "healthz/ping", "healthz/log", "healthz/syncloop"} {
				answer := ask(ctx, f, node.Name, path).Must(http.StatusOK)
				Expect(strings.TrimSpace(string(answer.Body))).To(Equal("ok"), path)
			}
		}
	})

	f.It("metrics/kubelet-slis", func(ctx SpecContext) {
		node := f.Nodes(ctx)[0].Name
		ask(ctx, f, node, "healthz").Must(http.StatusOK)
		page := samples(string(ask(ctx, f, node, "metrics/slis").Must(http.StatusOK).Body))
		Expect(find(page, "kubernetes_healthcheck", "name", "syncloop", "type", "healthz")).To(Equal("1"))
		total, err := strconv.ParseFloat(find(page, "kubernetes_healthchecks_total", "name", "syncloop", "type", "healthz", "status", "success"), 64)
		Expect(err).NotTo(HaveOccurred())
		Expect(total).To(BeNumerically(">", 0))
	})

	f.It("metrics/kubelet-pods", func(ctx SpecContext) {
		f.Create(ctx, Pod("web", "sleep", "1h"))
		pod := f.WaitPodReady(ctx, "web")
		for _, node := range f.Nodes(ctx) {
			var list corev1.PodList
			ask(ctx, f, node.Name, "pods").Must(http.StatusOK).Into(&list)
			found := false
			for _, p := range list.Items {
				found = found || p.UID == pod.UID
			}
			Expect(found).To(Equal(node.Name == pod.Spec.NodeName), "the pod is listed by "+node.Name)
		}
	})

	f.It("metrics/kubelet-configuration", func(ctx SpecContext) {
		for _, node := range f.Nodes(ctx) {
			var found struct {
				KubeletConfig struct {
					MaxPods                  int64    `json:"maxPods"`
					ClusterDomain            string   `json:"clusterDomain"`
					NodeLeaseDurationSeconds int64    `json:"nodeLeaseDurationSeconds"`
					ClusterDNS               []string `json:"clusterDNS"`
				} `json:"kubeletconfig"`
			}
			ask(ctx, f, node.Name, "configz").Must(http.StatusOK).Into(&found)
			Expect(found.KubeletConfig.MaxPods).To(Equal(node.Status.Capacity.Pods().Value()), "the configuration is that of the node, which takes so many pods")
			Expect(found.KubeletConfig.NodeLeaseDurationSeconds).To(BeNumerically(">", 0))
		}
	})
})
