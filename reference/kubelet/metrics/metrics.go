package metrics

import (
	"sync"
	"time"

	"k8s.io/component-base/metrics"
	"k8s.io/component-base/metrics/legacyregistry"
)

const subsystem = "kubelet"

// startBuckets are of what may take from half a second to an hour.
var startBuckets = []float64{0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600}

// What the agent counts. Nothing is counted before Register.
var (
	nodeName = gauges("node_name", "The node's name. The count is always 1.", "node")

	startedPods            = metrics.NewCounter(&metrics.CounterOpts{Subsystem: subsystem, Name: "started_pods_total", Help: "Cumulative number of pods started", StabilityLevel: metrics.ALPHA})
	startedPodsErrors      = metrics.NewCounter(&metrics.CounterOpts{Subsystem: subsystem, Name: "started_pods_errors_total", Help: "Cumulative number of errors when starting pods", StabilityLevel: metrics.ALPHA})
	startedContainers      = counters("started_containers_total", "Cumulative number of containers started", "container_type")
	startedContainerErrors = counters("started_containers_errors_total", "Cumulative number of errors when starting containers", "container_type", "code")
	podStart               = metrics.NewHistogram(&metrics.HistogramOpts{Subsystem: subsystem, Name: "pod_start_duration_seconds",
		Help: "Duration in seconds from kubelet seeing a pod for the first time to the pod starting to run", Buckets: startBuckets, StabilityLevel: metrics.ALPHA})
	podStartSLI = metrics.NewHistogram(&metrics.HistogramOpts{Subsystem: subsystem, Name: "pod_start_sli_duration_seconds",
		Help:    "Duration in seconds to start a pod, excluding time to pull images and run init containers, measured from pod creation timestamp to when all its containers are reported as started",
		Buckets: startBuckets, StabilityLevel: metrics.ALPHA})
	podStartTotal = metrics.NewHistogram(&metrics.HistogramOpts{Subsystem: subsystem, Name: "pod_start_total_duration_seconds",
		Help:    "Duration in seconds to start a pod since creation, including time to pull images and run init containers, measured from pod creation timestamp to when all its containers are reported as started",
		Buckets: startBuckets, StabilityLevel: metrics.ALPHA})
	podWorker = durations("pod_worker_duration_seconds", "Duration in seconds to sync a single pod. Broken down by operation type: create, update, or sync", "operation_type")

	operations        = counters("runtime_operations_total", "Cumulative number of runtime operations by operation type.", "operation_type")
	operationErrors   = counters("runtime_operations_errors_total", "Cumulative number of runtime operation errors by operation type.", "operation_type")
	operationDuration = metrics.NewHistogramVec(&metrics.HistogramOpts{Subsystem: subsystem, Name: "runtime_operations_duration_seconds",
		Help: "Duration in seconds of runtime operations. Broken down by operation type.", Buckets: metrics.ExponentialBuckets(.005, 2.5, 14), StabilityLevel: metrics.ALPHA}, []string{"operation_type"})
	sandboxDuration = durations("run_podsandbox_duration_seconds", "Duration in seconds of the run_podsandbox operations. Broken down by RuntimeClass.Handler.", "runtime_handler")

	requests        = counters("http_requests_total", "Number of the http requests received since the server started", "method", "path", "server_type", "long_running")
	requestDuration = durations("http_requests_duration_seconds", "Duration in seconds to serve http requests", "method", "path", "server_type", "long_running")
	requestsNow     = gauges("http_inflight_requests", "Number of the inflight http requests", "method", "path", "server_type", "long_running")
)

func counters(name, help string, labels ...string) *metrics.CounterVec {
	return metrics.NewCounterVec(&metrics.CounterOpts{Subsystem: subsystem, Name: name, Help: help, StabilityLevel: metrics.ALPHA}, labels)
}

func gauges(name, help string, labels ...string) *metrics.GaugeVec {
	return metrics.NewGaugeVec(&metrics.GaugeOpts{Subsystem: subsystem, Name: name, Help: help, StabilityLevel: metrics.ALPHA}, labels)
}

func durations(name, help string, labels ...string) *metrics.HistogramVec {
	return metrics.NewHistogramVec(&metrics.HistogramOpts{Subsystem: subsystem, Name: name, Help: help, Buckets: metrics.DefBuckets, StabilityLevel: metrics.ALPHA}, labels)
}

var once sync.Once

// Register begins to count, as the agent of a node.
func Register(node string) {
	once.Do(func() {
		legacyregistry.MustRegister(nodeName, startedPods, startedPodsErrors, startedContainers, startedContainerErrors, podStart, podStartSLI, podStartTotal,
			podWorker, operations, operationErrors, operationDuration, sandboxDuration, requests, requestDuration, requestsNow)
	})
	nodeName.WithLabelValues(node).Set(1)
}

// PodStarted says that a pod's sandbox was made, or why not.
func PodStarted(err error) {
	startedPods.Inc()
	if err != nil {
		startedPodsErrors.Inc()
	}
}

// ContainerStarted says that a container was made, or the reason why not.
func ContainerStarted(init bool, failure string) {
	kind := "container"
	if init {
		kind = "init_container"
	}
	startedContainers.WithLabelValues(kind).Inc()
	if failure != "" {
		startedContainerErrors.WithLabelValues(kind, failure).Inc()
	}
}

// PodRuns says that all containers of a pod have started that was created and first seen then. pulling is how long
// its images took; a pod with init containers has no share in the indicator, since those take what they take.
func PodRuns(created, seen, now time.Time, pulling time.Duration, inits bool) {
	podStart.Observe(now.Sub(seen).Seconds())
	podStartTotal.Observe(now.Sub(created).Seconds())
	if !inits {
		podStartSLI.Observe(max(now.Sub(created)-pulling, 0).Seconds())
	}
}

// Synced says how long one round of a pod's worker took: create, sync or kill.
func Synced(kind string, took time.Duration) { podWorker.WithLabelValues(kind).Observe(took.Seconds()) }

// Operated says how a call to the container runtime ended that began then.
func Operated(operation string, began time.Time, err error) {
	took := time.Since(began).Seconds()
	operations.WithLabelValues(operation).Inc()
	operationDuration.WithLabelValues(operation).Observe(took)
	if err != nil {
		operationErrors.WithLabelValues(operation).Inc()
	}
}

// SandboxMade says how long a sandbox took with a runtime handler.
func SandboxMade(handler string, took time.Duration) {
	sandboxDuration.WithLabelValues(handler).Observe(took.Seconds())
}

// Request counts a request to the agent's own server, and returns what to call when it is answered.
func Request(method, path string, long bool) (answered func()) {
	running := "false"
	if long {
		running = "true"
	}
	labels := []string{method, path, "readwrite", running}
	requests.WithLabelValues(labels...).Inc()
	requestsNow.WithLabelValues(labels...).Inc()
	began := time.Now()
	return func() {
		requestsNow.WithLabelValues(labels...).Dec()
		requestDuration.WithLabelValues(labels...).Observe(time.Since(began).Seconds())
	}
}
