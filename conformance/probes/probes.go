// Package probes judges the area "probes": how a kubelet asks containers whether they started, are ready and live, and
// what it makes of their answers.
package probes

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// probe describes a probe that asks every second. Its time-out is long, for slow machines.
func probe(by corev1.ProbeHandler, changes ...func(*corev1.Probe)) *corev1.Probe {
	p := &corev1.Probe{ProbeHandler: by, PeriodSeconds: 1, TimeoutSeconds: 15}
	for _, change := range changes {
		change(p)
	}
	return p
}

// fails sets the number of failures in a row that count.
func fails(n int32) func(*corev1.Probe) { return func(p *corev1.Probe) { p.FailureThreshold = n } }

// after sets the initial delay in seconds.
func after(n int32) func(*corev1.Probe) { return func(p *corev1.Probe) { p.InitialDelaySeconds = n } }

func get(path string, port any) corev1.ProbeHandler {
	return corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: path, Port: portOf(port)}}
}

func connect(port any) corev1.ProbeHandler {
	return corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: portOf(port)}}
}

func run(command ...string) corev1.ProbeHandler {
	return corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}}
}

func health(service string) corev1.ProbeHandler {
	return corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: ServePort, Service: &service}}
}

func portOf(port any) intstr.IntOrString {
	if name, isName := port.(string); isName {
		return intstr.FromString(name)
	}
	return intstr.FromInt(port.(int))
}

// Commands of probes whose answers follow a pattern, from the start of a container: two of one kind, one of the other.
var (
	failFailPass = turns("1", "1", "0")
	passPassFail = turns("0", "0", "1")
)

// turns ends with the given codes, by turns.
func turns(first, second, third string) corev1.ProbeHandler {
	return run("/tool", "sh", fmt.Sprintf("stat /tmp/b && rm /tmp/a /tmp/b && exit %s; stat /tmp/a && touch /tmp/b && exit %s; touch /tmp/a; exit %s", third, second, first))
}

// one is the condition that the watched pod exists and satisfies so.
func one(so func(*corev1.Pod) bool) func([]*corev1.Pod) bool {
	return func(pods []*corev1.Pod) bool { return len(pods) == 1 && so(pods[0]) }
}

// restarted says that the container was restarted n times or more.
func restarted(container string, n int32) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool { return Status(p, container).RestartCount >= n }
}

func unready(p *corev1.Pod) bool { return Running(p) && !Ready(p) }

// never fails the spec, now or later, if the container is restarted.
func never(ctx context.Context, watched *Observer[*corev1.Pod], container string) {
	watched.Throughout(ctx, container+" is not restarted", func(pods []*corev1.Pod) string {
		for _, p := range pods {
			if n := Status(p, container).RestartCount; n > 0 {
				return fmt.Sprintf("%s was restarted %d times", container, n)
			}
		}
		return ""
	})
}

// waitEvent waits for an event about the pod with the reason and a message with every part.
func waitEvent(ctx context.Context, f *Framework, pod *corev1.Pod, reason string, parts ...string) {
	GinkgoHelper()
	f.WaitUntil(ctx, fmt.Sprintf("an event %s that says %q", reason, parts), EventTimeout, func(ctx context.Context) (bool, string) {
		events := f.Events(ctx, pod)
		return slices.ContainsFunc(events, func(e corev1.Event) bool {
			return e.Reason == reason && !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(e.Message, part) })
		}), "the events\n" + EventLines(events)
	})
}

// request is one that a server with --log-requests was asked, and when it was written down.
type request struct {
	at         time.Time
	path, line string
}

// requests reads what the container was asked so far by GET, or by POST as gRPC does.
func requests(ctx context.Context, f *Framework, pod, container string) []request {
	text, err := f.TryLogs(ctx, pod, corev1.PodLogOptions{Container: container, Timestamps: true})
	if err != nil {
		return nil // no log yet
	}
	var all []request
	for line := range strings.Lines(text) {
		stamp, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		words := strings.Fields(rest)
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err == nil && len(words) > 3 && words[0] == "request" {
			all = append(all, request{at, words[2], rest})
		}
	}
	return all
}

// waitRequests waits until the container was asked for the path n times, and returns these requests.
func waitRequests(ctx context.Context, f *Framework, pod, container, path string, n int) []request {
	GinkgoHelper()
	var found []request
	f.WaitUntil(ctx, fmt.Sprintf("%d requests for %s", n, path), PodTimeout, func(ctx context.Context) (bool, string) {
		found = Where(requests(ctx, f, pod, container), func(r request) bool { return r.path == path })
		return len(found) >= n, fmt.Sprintf("%d", len(found))
	})
	return found
}

// post has the pod's server asked to change, as by /fail.
func post(ctx context.Context, f *Framework, pod, path string) {
	GinkgoHelper()
	f.MustExec(ctx, pod, "main", "/tool", "get", fmt.Sprintf("http://127.0.0.1:%d%s", ServePort, path), "--method", "POST")
}
