package server

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	kubeletmetrics "github.com/etalon-dev/etalon/reference/kubelet/metrics"
)

// patience is how long those may take who are asked for what is counted at the moment of the question.
const patience = 10 * time.Second

// metrics answers GET /metrics: what was counted so far, and what is counted when it is asked for.
func (s *Server) metrics() http.Handler {
	now := metrics.NewKubeRegistry()
	now.CustomMustRegister(&present{server: s})
	return metrics.HandlerFor(prometheus.Gatherers{legacyregistry.DefaultGatherer, now}, metrics.HandlerOpts{ErrorHandling: metrics.ContinueOnError})
}

func gauge(name, help string, labels ...string) *metrics.Desc {
	return metrics.NewDesc("kubelet_"+name, help, labels, nil, metrics.ALPHA, "")
}

// claimed are the numbers of the volumes that pods have by a claim.
var claimed = [...]string{"available_bytes", "capacity_bytes", "used_bytes", "inodes", "inodes_free", "inodes_used"}

// present is what is counted when it is asked for, so that nobody has to keep it up to date.
type present struct {
	metrics.BaseStableCollector
	server *Server

	pods, containers *metrics.Desc
	volumes          [len(claimed)]*metrics.Desc
}

// DescribeWithStability implements metrics.StableCollector.
func (p *present) DescribeWithStability(ch chan<- *metrics.Desc) {
	p.pods = gauge("running_pods", "Number of pods that have a running pod sandbox")
	p.containers = gauge("running_containers", "Number of containers currently running", "container_state")
	ch <- p.pods
	ch <- p.containers
	for i, name := range claimed {
		p.volumes[i] = gauge("volume_stats_"+name, "Of a volume that a pod has by a claim: "+name, "namespace", "persistentvolumeclaim")
		ch <- p.volumes[i]
	}
}

// CollectWithStability implements metrics.StableCollector.
func (p *present) CollectWithStability(ch chan<- metrics.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := p.running(ctx, ch); err != nil {
		klog.FromContext(ctx).Error(err, "Cannot count pods and containers")
	}
	p.claims(ch)
}

func (p *present) running(ctx context.Context, ch chan<- metrics.Metric) error {
	ready := &criv1.PodSandboxStateValue{State: criv1.PodSandboxState_SANDBOX_READY}
	sandboxes, err := p.server.Runtime.ListPodSandbox(ctx, &criv1.PodSandboxFilter{State: ready})
	if err != nil {
		return err
	}
	containers, err := p.server.Runtime.ListContainers(ctx, nil)
	if err != nil {
		return err
	}
	ch <- metrics.NewLazyConstMetric(p.pods, metrics.GaugeValue, float64(len(sandboxes)))
	states := map[string]int{}
	for _, k := range containers {
		states[stateName(k.State)]++
	}
	for state, n := range states {
		ch <- metrics.NewLazyConstMetric(p.containers, metrics.GaugeValue, float64(n), state)
	}
	return nil
}

func stateName(s criv1.ContainerState) string {
	switch s {
	case criv1.ContainerState_CONTAINER_CREATED:
		return "created"
	case criv1.ContainerState_CONTAINER_RUNNING:
		return "running"
	case criv1.ContainerState_CONTAINER_EXITED:
		return "exited"
	default:
		return "unknown"
	}
}

// claims tells of each claim once, however many pods share it.
func (p *present) claims(ch chan<- metrics.Metric) {
	type claim struct{ namespace, name string }
	seen := map[claim]bool{}
	for _, pod := range p.server.Pods.Pods() {
		for name, v := range p.server.Stats.Claims(pod) {
			key := claim{pod.Namespace, name}
			if seen[key] {
				continue
			}
			seen[key] = true
			numbers := []uint64{v.Space.Available, v.Space.Capacity, v.Used.Bytes, v.Space.Inodes, v.Space.InodesFree, v.Used.Inodes}
			if v.BytesOnly {
				numbers = numbers[:3]
			}
			for i, n := range numbers {
				ch <- metrics.NewLazyConstMetric(p.volumes[i], metrics.GaugeValue, float64(n), key.namespace, key.name)
			}
		}
	}
}

// probeMetrics answers GET /metrics/probes.
func probeMetrics(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", kubeletmetrics.TextType)
	w.Write(kubeletmetrics.Probes.Page())
}
