package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/stats"
)

type fixedPods []*v1.Pod

func (p fixedPods) Pods() []*v1.Pod                  { return p }
func (p fixedPods) Pod(string, string) *v1.Pod       { return nil }
func (p fixedPods) Status(pod *v1.Pod) *v1.PodStatus { return &pod.Status }

// onePod is a runtime that runs one container.
type onePod struct{ internalapi.RuntimeService }

func podLabels() map[string]string {
	return map[string]string{runtime.PodUIDLabel: "u", runtime.PodNameLabel: "p", runtime.PodNamespaceLabel: "ns", runtime.ContainerNameLabel: "c"}
}

func (onePod) ListPodSandbox(context.Context, *criv1.PodSandboxFilter) ([]*criv1.PodSandbox, error) {
	return []*criv1.PodSandbox{{Id: "s", Labels: podLabels()}}, nil
}

func (onePod) ListContainers(context.Context, *criv1.ContainerFilter) ([]*criv1.Container, error) {
	return []*criv1.Container{{Id: "k", State: criv1.ContainerState_CONTAINER_RUNNING, Image: &criv1.ImageSpec{Image: "img"}, Labels: podLabels()}}, nil
}

// served is a Server of a node with one pod, asked by a user who may get the given subresources; nobody for none at all.
func served(t *testing.T, subresources ...string) *Server {
	t.Helper()
	pods := fixedPods{{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"}}}
	s := &Server{Config: Config{
		Runtime: &runtime.Client{RuntimeService: onePod{}}, Pods: pods, NodeName: "n", Stats: stats.New(stats.Config{Proc: "/proc", RootDir: t.TempDir(), Claimed: func(types.UID) map[string]string { return nil }}),
		Kubelet: &kubeletv1beta1.KubeletConfiguration{MaxPods: 30, EnableSystemLogHandler: ptr.To(true)},
	}, logDir: t.TempDir()}
	s.who = authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
		return &authenticator.Response{User: &user.DefaultInfo{Name: "u"}}, len(subresources) > 0, nil
	})
	s.allowed = authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		for _, may := range subresources {
			if a.GetResource() == "nodes" && a.GetName() == "n" && a.GetSubresource() == may && a.GetVerb() == "get" {
				return authorizer.DecisionAllow, "", nil
			}
		}
		return authorizer.DecisionNoOpinion, "", nil
	})
	return s
}

func (s *Server) answer(path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

func TestWhoIsServed(t *testing.T) {
	for _, c := range []struct {
		path string
		may  []string
		want int
	}{
		{"/pods", nil, 401},
		{"/pods", []string{"stats", "metrics", "log", "healthz", "configz"}, 403},
		{"/pods", []string{"pods"}, 200},
		{"/pods", []string{"proxy"}, 200},
		{"/runningpods/", []string{"pods"}, 200},
		{"/runningpods/", []string{"healthz"}, 403},
		{"/healthz", []string{"healthz"}, 200},
		{"/healthz/syncloop", []string{"healthz"}, 200},
		{"/healthz/ping", []string{"pods"}, 403},
		{"/configz", []string{"configz"}, 200},
		{"/configz", []string{"pods", "healthz"}, 403},
		{"/metrics/probes", []string{"metrics"}, 200},
		{"/metrics/probes", []string{"proxy", "stats"}, 403},
		{"/metrics/slis", []string{"metrics"}, 200},
		{"/metrics/slis", []string{"proxy", "stats"}, 403},
		{"/stats/summary", []string{"proxy", "metrics"}, 403},
		{"/logs/", []string{"log"}, 200},
		{"/logs/", []string{"proxy"}, 403},
		{"/exec/ns/p/c", []string{"pods", "stats", "metrics", "log", "healthz", "configz"}, 403},
	} {
		if got := served(t, c.may...).answer(c.path); got.Code != c.want {
			t.Errorf("%s by one who may get %v: %d %s", c.path, c.may, got.Code, got.Body)
		}
	}
}

func TestStateOfTheAgent(t *testing.T) {
	s := served(t, "proxy")
	for _, path := range []string{"/healthz", "/healthz/ping", "/healthz/log", "/healthz/syncloop"} {
		if got := s.answer(path); got.Body.String() != "ok" {
			t.Errorf("%s: %q", path, got.Body)
		}
	}
	var list v1.PodList
	if err := json.Unmarshal(s.answer("/runningpods/").Body.Bytes(), &list); err != nil || len(list.Items) != 1 || list.Items[0].Name != "p" ||
		list.Items[0].Namespace != "ns" || list.Items[0].Spec.Containers[0].Image != "img" {
		t.Errorf("running pods: %+v, %v", list, err)
	}
	if got := s.answer("/configz").Body.String(); !strings.HasPrefix(got, `{"kubeletconfig":{`) || !strings.Contains(got, `"maxPods":30`) {
		t.Errorf("configuration: %s", got)
	}
}

func TestSystemLogsStayInTheirDirectory(t *testing.T) {
	s := served(t, "log")
	outside := filepath.Join(t.TempDir(), "secret")
	for path, text := range map[string]string{outside: "secret", filepath.Join(s.logDir, "syslog"): "a line"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(outside, filepath.Join(s.logDir, "link")); err != nil {
		t.Fatal(err)
	}
	if got := s.answer("/logs/syslog"); got.Code != 200 || got.Body.String() != "a line" {
		t.Errorf("a log: %d %s", got.Code, got.Body)
	}
	if got := s.answer("/logs/"); !strings.Contains(got.Body.String(), `<a href="syslog">`) {
		t.Errorf("the directory: %s", got.Body)
	}
	for _, path := range []string{"/logs/link", "/logs/%2e%2e/" + filepath.Base(filepath.Dir(outside)) + "/secret"} {
		if got := s.answer(path); got.Code == 200 || strings.Contains(got.Body.String(), "secret") && !strings.Contains(got.Body.String(), "href") {
			t.Errorf("%s led out: %d %s", path, got.Code, got.Body)
		}
	}
	s.Kubelet.EnableSystemLogHandler = ptr.To(false)
	if got := s.answer("/logs/"); got.Code != http.StatusMethodNotAllowed {
		t.Errorf("switched off: %d", got.Code)
	}
}

func TestMetricsOfTheAgent(t *testing.T) {
	metrics.Register("n")
	s := served(t, "metrics", "healthz")
	s.answer("/healthz")
	page := s.answer("/metrics").Body.String()
	for _, line := range []string{
		`kubelet_node_name{node="n"} 1`, "kubelet_running_pods 1", `kubelet_running_containers{container_state="running"} 1`,
		`kubelet_http_inflight_requests{long_running="false",method="GET",path="metrics",server_type="readwrite"} 1`,
		`kubelet_http_requests_total{long_running="false",method="GET",path="healthz",server_type="readwrite"} `,
	} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("%q is not in the page", line)
		}
	}
}

func TestPagesForPeople(t *testing.T) {
	s := served(t, "proxy")
	s.Flags = Flags{pflag.NewFlagSet("kubelet", pflag.ContinueOnError)}
	s.Flags.String("node-name", "n", "")
	for path, want := range map[string]string{
		"/statusz": "kubelet statusz\n", "/flagz": "node-name", "/debug/pprof/": "goroutine", "/debug/pprof/cmdline": "",
	} {
		if got := s.answer(path); got.Code != 200 || !strings.Contains(got.Body.String(), want) {
			t.Errorf("%s: %d %s", path, got.Code, got.Body)
		}
	}
	s.Kubelet.EnableProfilingHandler = ptr.To(false)
	if got := s.answer("/debug/pprof/"); got.Code != http.StatusMethodNotAllowed {
		t.Errorf("profiles are switched off: %d", got.Code)
	}
	s.Kubelet.EnableDebuggingHandlers = ptr.To(false)
	for _, path := range []string{"/containerLogs/ns/p/c", "/exec/ns/p/c", "/runningpods/", "/debug/pprof/heap", "/run/ns/p/c"} {
		if got := s.answer(path); got.Code != http.StatusMethodNotAllowed || got.Body.String() != "Debug endpoints are disabled.\n" {
			t.Errorf("%s is switched off: %d %s", path, got.Code, got.Body)
		}
	}
}

func TestLogsOfServices(t *testing.T) {
	s := served(t, "log")
	for name, text := range map[string]string{"a.log": "one\nTwo\nthree", "b": "of b\n"} {
		if err := os.WriteFile(filepath.Join(s.logDir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.answer("/logs/?query=a"); !strings.Contains(got.Body.String(), "href") {
		t.Errorf("a query that is not allowed: %s", got.Body)
	}
	s.Kubelet.EnableSystemLogQuery = ptr.To(true)
	for query, want := range map[string]string{
		"query=a": "one\nTwo\nthree", "query=a&query=b": "one\nTwo\nthreeof b\n", "query=a&tailLines=1": "three", "query=a&pattern=tw": "Two\n",
		"query=/a.log": "one\nTwo\nthree", "query=none": "failed to get logs for services [none]: log not found for none\n",
	} {
		if got := s.answer("/logs/?" + query); got.Code != 200 || got.Body.String() != want {
			t.Errorf("%s: %d %q, want %q", query, got.Code, got.Body, want)
		}
	}
	for _, query := range []string{
		"tailLines=1", "query=a%20b", "query=/a.log&query=a", "query=/a.log&query=/b", "query=/a.log&tailLines=1", "query=/../secret", "query=-x",
		"query=a&tailLines=-1", "query=a&boot=1", "query=a&sinceTime=now", "query=a&pattern=(",
	} {
		if got := s.answer("/logs/?" + query); got.Code != 400 {
			t.Errorf("%s: %d %s", query, got.Code, got.Body)
		}
	}
	if got := s.answer("/logs/a.log?query=a"); got.Code != http.StatusNotAcceptable {
		t.Errorf("a path and a query: %d", got.Code)
	}
}
