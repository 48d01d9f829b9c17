package server

import (
	"fmt"
	"net/http"
	"os"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/component-base/metrics/prometheus/slis"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
)

const (
	// stuck is how long the pods' workers may take to answer.
	stuck = 5 * time.Second
	// systemLogDir is where the node's own logs are.
	systemLogDir = "/var/log"
)

// addNumbers adds what tells how much is used.
func (s *Server) addNumbers(mux *http.ServeMux) {
	mux.HandleFunc("GET /stats/summary", s.summary)
	mux.HandleFunc("GET /metrics/resource", s.resourceMetrics)
	mux.HandleFunc("GET /metrics/cadvisor", s.cadvisorMetrics)
	mux.HandleFunc("GET /metrics/probes", probeMetrics)
	mux.Handle("GET /metrics", s.metrics())
	// How the checks of /healthz went (docs: reference/instrumentation/slis).
	slis.SLIMetricsWithReset{}.Install(mux)
}

// summary answers GET /stats/summary.
func (s *Server) summary(w http.ResponseWriter, r *http.Request) {
	ask := s.Stats.Summary
	if on(r.URL.Query(), "only_cpu_and_memory") {
		ask = s.Stats.CPUAndMemory
	}
	answer, err := ask(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	reply(w, answer)
}

// resourceMetrics answers GET /metrics/resource. That nothing could be measured is an answer too.
func (s *Server) resourceMetrics(w http.ResponseWriter, r *http.Request) {
	page, err := s.Stats.ResourceMetrics(r.Context())
	if err != nil {
		klog.FromContext(r.Context()).Error(err, "Cannot measure what is used")
	}
	w.Header().Set("Content-Type", metrics.TextType)
	w.Write(page)
}

// cadvisorMetrics answers GET /metrics/cadvisor.
func (s *Server) cadvisorMetrics(w http.ResponseWriter, r *http.Request) {
	page, err := s.Stats.CAdvisorMetrics(r.Context(), version.Get().GitVersion)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", metrics.TextType)
	w.Write(page)
}

// runningPods answers GET /runningpods/ with what the container runtime runs, known to the API server or not.
func (s *Server) runningPods(w http.ResponseWriter, r *http.Request) {
	found, err := s.Runtime.RunningPods(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	list := v1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, Items: []v1.Pod{}}
	for _, p := range found {
		pod := v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: p.Name, Namespace: p.Namespace, UID: p.UID}}
		for _, k := range p.Containers {
			pod.Spec.Containers = append(pod.Spec.Containers, v1.Container{Name: k.Name, Image: k.Image})
		}
		list.Items = append(list.Items, pod)
	}
	reply(w, list)
}

// alive fails if those who run the pods do not answer.
func (s *Server) alive(r *http.Request) error {
	answered := make(chan struct{})
	go func() {
		s.Pods.Pods()
		close(answered)
	}()
	select {
	case <-answered:
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	case <-time.After(stuck):
		return fmt.Errorf("the pods' workers have not answered for %s", stuck)
	}
}

// configz answers GET /configz with the configuration that the agent runs with.
func (s *Server) configz(w http.ResponseWriter, _ *http.Request) {
	reply(w, map[string]any{"kubeletconfig": s.Kubelet})
}

// systemLogs answers GET /logs/… with the node's own log files, unless that is switched off. Links that lead out of
// their directory are not followed: containers may write there.
func (s *Server) systemLogs(w http.ResponseWriter, r *http.Request) {
	if allowed := s.Kubelet.EnableSystemLogHandler; allowed == nil || !*allowed {
		http.Error(w, "logs endpoint is disabled.", http.StatusMethodNotAllowed)
		return
	}
	root, err := os.OpenRoot(s.logDir)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer root.Close()
	if allowed := s.Kubelet.EnableSystemLogQuery; allowed != nil && *allowed {
		q, err := parseQuery(r.URL.Query())
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if q != nil && r.URL.Path != "/logs/" {
			http.Error(w, "path not allowed in query mode", http.StatusNotAcceptable)
			return
		}
		if q != nil && q.file == "" {
			s.answerQuery(w, r, root.FS(), q)
			return
		}
		if q != nil {
			r = r.Clone(r.Context())
			r.URL.Path = "/logs/" + q.file
		}
	}
	http.StripPrefix("/logs/", http.FileServerFS(root.FS())).ServeHTTP(w, r)
}
