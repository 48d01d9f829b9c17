package integration_test

import (
	"net/http"
	"strings"
	"testing"

	"k8s.io/client-go/rest"
)

func anonymous() *rest.Config {
	c := rest.AnonymousClientConfig(api.Config)
	c.QPS = -1
	return c
}

// The checks carry the names that operators and tools know.
func TestHealthChecks(t *testing.T) {
	common := []string{"ping", "log", "etcd", "poststarthook/start-apiserver-admission-initializer", "poststarthook/generic-apiserver-start-informers",
		"poststarthook/priority-and-fairness-config-consumer", "poststarthook/priority-and-fairness-filter", "poststarthook/storage-object-count-tracker-hook",
		"poststarthook/start-apiextensions-informers", "poststarthook/start-apiextensions-controllers", "poststarthook/crd-informer-synced",
		"poststarthook/start-system-namespaces-controller", "poststarthook/start-service-ip-repair-controllers", "poststarthook/rbac/bootstrap-roles",
		"poststarthook/scheduling/bootstrap-system-priority-classes", "poststarthook/priority-and-fairness-config-producer", "poststarthook/bootstrap-controller",
		"poststarthook/start-kubernetes-service-cidr-controller", "poststarthook/kube-apiserver-autoregistration",
		"poststarthook/apiservice-registration-controller", "poststarthook/apiservice-status-local-available-controller",
		"poststarthook/apiservice-status-remote-available-controller", "poststarthook/apiservice-discovery-controller",
		"poststarthook/apiservice-openapi-controller", "poststarthook/apiservice-openapiv3-controller"}
	for path, more := range map[string][]string{"/livez": nil, "/healthz": nil, "/readyz": {"etcd-readiness", "informer-sync", "shutdown"}} {
		got := get(t, path+"?verbose").want(t, http.StatusOK, path[1:]+" check passed")
		for _, name := range append(more, common...) {
			if !strings.Contains(got.body, "[+]"+name+" ok\n") {
				t.Errorf("%s: no check %s in:\n%s", path, name, got.body)
			}
		}
	}
	get(t, "/livez/ping").want(t, http.StatusOK, "ok")
	get(t, "/livez/etcd").want(t, http.StatusOK, "ok")
	get(t, "/readyz/informer-sync").want(t, http.StatusOK, "ok")
	get(t, "/readyz/poststarthook/rbac/bootstrap-roles").want(t, http.StatusOK, "ok")
	get(t, "/livez/nonsense").want(t, http.StatusNotFound)
	get(t, "/readyz?verbose&exclude=etcd").want(t, http.StatusOK, "[+]etcd excluded: ok")
	get(t, "/readyz?exclude=nonsense&verbose").want(t, http.StatusOK, `warn: some health checks cannot be excluded: no matches for "nonsense"`)
}

// Anybody may ask how the server is and what version it has, and nothing else.
func TestNonResourcePaths(t *testing.T) {
	for _, path := range []string{"/livez", "/readyz", "/healthz", "/version"} {
		ask(t, anonymous(), http.MethodGet, path, "").want(t, http.StatusOK)
	}
	for _, path := range []string{"/livez/ping", "/metrics", "/debug/pprof/", "/debug/api_priority_and_fairness/dump_priority_levels", "/configz", "/logs", "/openapi/v2", "/api", "/apis"} {
		ask(t, anonymous(), http.MethodGet, path, "").want(t, http.StatusForbidden, `User "system:anonymous" cannot get path`)
	}
	get(t, "/version").want(t, http.StatusOK, `"gitVersion": "v`, `"major": "1"`, `"minor": "37"`, `"platform"`, `"emulationMajor"`)
	get(t, "/", "Accept", "application/json").want(t, http.StatusOK, `"/apis/apps/v1"`, `"/livez/etcd"`, `"/openapi/v3"`, `"/version"`, `"/metrics"`)
}

func TestMetrics(t *testing.T) {
	get(t, "/api/v1/namespaces/default").want(t, http.StatusOK)
	got := get(t, "/metrics").want(t, http.StatusOK)
	for _, name := range []string{"apiserver_request_total{", "apiserver_request_duration_seconds_bucket{", "apiserver_current_inflight_requests{",
		"apiserver_longrunning_requests", "apiserver_storage_objects{", "etcd_request_duration_seconds_bucket{", "apiserver_flowcontrol_dispatched_requests_total{",
		"apiserver_admission_controller_admission_duration_seconds_bucket{", "process_resident_memory_bytes", "go_goroutines", "kubernetes_build_info{",
		"apiserver_watch_cache_initializations_total", "rest_client_requests_total{", "workqueue_depth{",
		"authentication_attempts{", "apiserver_tls_handshake_errors_total", "kubernetes_feature_enabled{"} {
		if !strings.Contains(got.body, "\n"+name) {
			t.Errorf("no metric %s", name)
		}
	}
	get(t, "/metrics/slis").want(t, http.StatusOK, `kubernetes_healthcheck{name="etcd"`)
}
