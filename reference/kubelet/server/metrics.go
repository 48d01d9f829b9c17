package server

import (
	"fmt"
	"net/http"

	"k8s.io/component-base/metrics/legacyregistry"
)

// metrics are those of the libraries that the agent is made of, in Prometheus' format.
func metrics() http.Handler { return legacyregistry.Handler() }

// resourceMetrics answers GET /metrics/resource with what pods and containers use (KEP-1748).
func (s *Server) resourceMetrics(w http.ResponseWriter, r *http.Request) {
	list, err := s.Runtime.ListContainerStats(r.Context(), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; version=0.0.4")
	for _, p := range podStats(list) {
		pod := fmt.Sprintf("namespace=%q,pod=%q", p.PodRef.Namespace, p.PodRef.Name)
		fmt.Fprintf(w, "pod_cpu_usage_seconds_total{%s} %g\n", pod, float64(*p.CPU.UsageCoreNanoSeconds)/1e9)
		fmt.Fprintf(w, "pod_memory_working_set_bytes{%s} %d\n", pod, *p.Memory.WorkingSetBytes)
		for _, c := range p.Containers {
			container := fmt.Sprintf("container=%q,%s", c.Name, pod)
			fmt.Fprintf(w, "container_cpu_usage_seconds_total{%s} %g\n", container, float64(*c.CPU.UsageCoreNanoSeconds)/1e9)
			fmt.Fprintf(w, "container_memory_working_set_bytes{%s} %d\n", container, *c.Memory.WorkingSetBytes)
		}
	}
}
