package server

import (
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestPermissions(t *testing.T) {
	for path, want := range map[string][]string{
		"/pods": {"pods", "proxy"}, "/pods/": {"pods", "proxy"}, "/runningpods/": {"pods", "proxy"}, "/podsx": {"proxy"},
		"/healthz": {"healthz", "proxy"}, "/healthz/syncloop": {"healthz", "proxy"}, "/configz": {"configz", "proxy"},
		"/stats/summary": {"stats"}, "/metrics": {"metrics"}, "/metrics/cadvisor": {"metrics"}, "/metrics/probes": {"metrics"}, "/logs/": {"log"}, "/logs/a/b": {"log"},
		"/metrics/resource": {"metrics"}, "/exec/ns/p/c": {"proxy"}, "/containerLogs/ns/p/c": {"proxy"}, "/statsx": {"proxy"},
	} {
		if diff := cmp.Diff(want, subresources(path)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", path, diff)
		}
	}
	got := attributes(nil, "POST", "/exec/ns/p/c", "n")
	if len(got) != 1 || got[0].GetVerb() != "create" || got[0].GetResource() != "nodes" || got[0].GetName() != "n" {
		t.Errorf("got %+v", got)
	}
}

func TestLogOptions(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	q := url.Values{"follow": {"true"}, "tailLines": {"3"}, "limitBytes": {"0"}, "sinceSeconds": {"60"}, "previous": {"true"}, "timestamps": {"1"}}
	o, previous, err := logOptions(q, now)
	if err != nil || !previous || !o.Follow || !o.Timestamps || *o.Tail != 3 || *o.Limit != 0 || !o.Since.Equal(now.Add(-time.Minute)) {
		t.Errorf("got %+v, %v, %v", o, previous, err)
	}
	for _, bad := range []url.Values{{"tailLines": {"-1"}}, {"follow": {"maybe"}}, {"sinceTime": {"today"}}, {"limitBytes": {"x"}}} {
		if _, _, err := logOptions(bad, now); err == nil {
			t.Errorf("%v was taken", bad)
		}
	}
}

func TestWhichInstancesLogIsShown(t *testing.T) {
	pod := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}
	last := v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ContainerID: "containerd://old"}}
	waits := func(reason string) v1.ContainerState {
		return v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason}}
	}
	running := v1.ContainerState{Running: &v1.ContainerStateRunning{}}
	for _, c := range []struct {
		name     string
		status   v1.ContainerStatus
		previous bool
		want     string
	}{
		{"running", v1.ContainerStatus{State: running, ContainerID: "containerd://new"}, false, "new"},
		{"running, previous", v1.ContainerStatus{State: running, ContainerID: "containerd://new", LastTerminationState: last}, true, "old"},
		{"running, no previous", v1.ContainerStatus{State: running}, true, `previous terminated container "c" in pod "p" not found`},
		{"ended", v1.ContainerStatus{State: last}, false, "old"},
		{"crash loop", v1.ContainerStatus{State: waits("CrashLoopBackOff"), LastTerminationState: last}, false, "old"},
		{"new", v1.ContainerStatus{State: waits("ContainerCreating")}, false, `container "c" in pod "p" is waiting to start: ContainerCreating`},
		{"no image", v1.ContainerStatus{State: waits("ImagePullBackOff")}, false,
			`container "c" in pod "p" is waiting to start: trying and failing to pull image`},
	} {
		c.status.Name = "c"
		got, err := instance(pod, &v1.PodStatus{ContainerStatuses: []v1.ContainerStatus{c.status}}, "c", c.previous)
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestRoutes(t *testing.T) {
	for path, want := range map[string]string{
		"/metrics": "metrics", "/metrics/cadvisor": "metrics/cadvisor", "/stats/summary": "stats/summary", "/exec/ns/p/c": "exec",
		"/logs/a/b/c": "logs", "/healthz": "healthz", "/": "",
	} {
		if got := route(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}
