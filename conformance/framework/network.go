package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Service describes a ClusterIP Service of the pods app=name: port 80 to the container port named "http".
func Service(name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": name},
			Ports:    []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromString("http")}},
		},
	}
}

// Caller is a pod that opens connections on the spec's behalf, from within the cluster.
type Caller struct {
	f *Framework
	// Pod is the caller's own pod.
	Pod *corev1.Pod
}

// Answers are what a series of requests brought: one response or one error each.
type Answers struct {
	Responses []string `json:"responses"`
	Errors    []string `json:"errors"`
}

// NewCaller starts a pod to call from, on any node or, with one, on the named node.
func (f *Framework) NewCaller(ctx context.Context, name string, node ...string) *Caller {
	GinkgoHelper()
	pod := Server(name)
	for _, n := range node {
		pod.Spec.NodeName = n
	}
	f.Create(ctx, pod)
	return &Caller{f: f, Pod: f.WaitPodReady(ctx, name)}
}

// CallerOf calls from a pod of Server that already runs.
func (f *Framework) CallerOf(pod *corev1.Pod) *Caller { return &Caller{f: f, Pod: pod} }

// HTTP asks http://host:port/path tries times, each on a connection of its own.
func (c *Caller) HTTP(ctx context.Context, host string, port int, path string, tries int) Answers {
	GinkgoHelper()
	return c.dial(ctx, "http", host, port, path, tries)
}

func (c *Caller) dial(ctx context.Context, protocol, host string, port int, request string, tries int) Answers {
	GinkgoHelper()
	answers, err := c.tryDial(ctx, protocol, host, port, request, tries)
	c.f.must(err, "call %s:%d by %s from pod %s", host, port, protocol, c.Pod.Name)
	return answers
}

// tryDial lets the caller's own server open the connections and tell how they went.
func (c *Caller) tryDial(ctx context.Context, protocol, host string, port int, request string, tries int) (Answers, error) {
	query := url.Values{
		"host": {net.JoinHostPort(host, strconv.Itoa(port))}, "protocol": {protocol},
		"request": {strings.TrimPrefix(request, "/")}, "tries": {strconv.Itoa(tries)},
	}
	var answers Answers
	output, err := c.f.TryExec(ctx, c.Pod.Name, "main", nil, "/tool", "get",
		fmt.Sprintf("http://127.0.0.1:%d/dial?%s", ServePort, query.Encode()), "--timeout", "90s")
	if err != nil {
		return answers, err
	}
	if err := json.Unmarshal([]byte(output.Stdout), &answers); err != nil {
		return answers, fmt.Errorf("the caller answered %q, %q (exit code %d): %w", output.Stdout, output.Stderr, output.Code, err)
	}
	for i := range answers.Responses {
		answers.Responses[i] = strings.TrimSpace(answers.Responses[i])
	}
	return answers, nil
}

// Distinct returns the different responses, sorted.
func (a Answers) Distinct() []string {
	distinct := slices.Clone(a.Responses)
	slices.Sort(distinct)
	return slices.Compact(distinct)
}

// String tells the answers briefly.
func (a Answers) String() string {
	return fmt.Sprintf("%d responses %v, %d errors %v", len(a.Responses), a.Distinct(), len(a.Errors), slices.Compact(slices.Clone(a.Errors)))
}

// WaitAnswers waits until a series of 20 requests brings no error and exactly the wanted
// different answers: the change has reached the caller's node. 20 requests spread at random
// over three servers miss one of them once in 1,000 times; the wait then looks again.
func (c *Caller) WaitAnswers(ctx context.Context, host string, port int, path string, wanted ...string) {
	GinkgoHelper()
	slices.Sort(wanted)
	c.waitDial(ctx, fmt.Sprintf("http://%s:%d%s is answered by exactly %v", host, port, path, wanted), "http", host, port, path, 20,
		func(a Answers) bool { return len(a.Errors) == 0 && slices.Equal(a.Distinct(), wanted) })
}

// WaitUDPAnswers is WaitAnswers for datagrams.
func (c *Caller) WaitUDPAnswers(ctx context.Context, host string, port int, request string, wanted ...string) {
	GinkgoHelper()
	slices.Sort(wanted)
	c.waitDial(ctx, fmt.Sprintf("udp %s:%d is answered by exactly %v", host, port, wanted), "udp", host, port, request, 20,
		func(a Answers) bool { return len(a.Errors) == 0 && slices.Equal(a.Distinct(), wanted) })
}

// WaitSame waits until 50 requests bring no error and one and the same answer, and returns it.
func (c *Caller) WaitSame(ctx context.Context, host string, port int, path string) string {
	GinkgoHelper()
	var answer string
	c.waitDial(ctx, fmt.Sprintf("http://%s:%d%s is always answered alike", host, port, path), "http", host, port, path, 50, func(a Answers) bool {
		if len(a.Errors) > 0 || len(a.Distinct()) != 1 {
			return false
		}
		answer = a.Distinct()[0]
		return true
	})
	return answer
}

// WaitRefused waits until no request is answered any more.
func (c *Caller) WaitRefused(ctx context.Context, host string, port int) {
	GinkgoHelper()
	c.waitDial(ctx, fmt.Sprintf("%s:%d answers no longer", host, port), "http", host, port, "/hostname", 2,
		func(a Answers) bool { return len(a.Responses) == 0 && len(a.Errors) > 0 })
}

func (c *Caller) waitDial(ctx context.Context, what, protocol, host string, port int, request string, tries int, so func(Answers) bool) {
	GinkgoHelper()
	c.f.WaitUntil(ctx, what, NetworkTimeout, func(ctx context.Context) (bool, string) {
		// One request first: where none is answered, many would take long to say so.
		answers, err := c.tryDial(ctx, protocol, host, port, request, 1)
		if err == nil && len(answers.Errors) == 0 {
			answers, err = c.tryDial(ctx, protocol, host, port, request, tries)
		}
		if err != nil {
			return false, err.Error()
		}
		return so(answers), answers.String()
	})
}
