package usage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/warning"
)

// world is a cluster that is made up: what its kubelets answer, and how often they were asked.
type world struct {
	mu    sync.Mutex
	pages map[string]func() (string, error)
	asked map[string]int
	pods  []*corev1.Pod
	now   time.Time
}

func (w *world) source() *Source {
	w.asked, w.now = map[string]int{}, time.Unix(1000, 0)
	s := New(Config{
		Get: func(_ context.Context, n *corev1.Node, path string) ([]byte, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.asked[n.Name]++
			text, err := w.pages[n.Name]()
			return []byte(text), err
		},
		Nodes: func(context.Context) ([]*corev1.Node, error) {
			var out []*corev1.Node
			for _, name := range []string{"a", "b"} {
				if w.pages[name] != nil {
					out = append(out, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"of": name}}})
				}
			}
			return out, nil
		},
		Pods: func(_ context.Context, namespace string) ([]*corev1.Pod, error) {
			var out []*corev1.Pod
			for _, p := range w.pods {
				if namespace == "" || p.Namespace == namespace {
					out = append(out, p)
				}
			}
			return out, nil
		},
	})
	s.now, s.wait = func() time.Time { return w.now }, func(time.Duration) {}
	return s
}

func pod(namespace, name, node string, created time.Time) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}, CreationTimestamp: metav1.NewTime(created)},
		Spec: corev1.PodSpec{NodeName: node}}
}

// growing is a kubelet whose node and containers use half a core each, at the pace of its own clock: 2 s per answer.
func growing(start time.Time) func() (string, error) {
	asked := 0
	return func() (string, error) {
		asked++
		ms, cpu := start.Add(time.Duration(asked)*2*time.Second).UnixMilli(), 10+float64(asked)
		page := fmt.Sprintf("node_cpu_usage_seconds_total %g %d\nnode_memory_working_set_bytes 5000 %d\n", cpu, ms, ms)
		for _, c := range []string{"one", "two"} {
			labels := fmt.Sprintf(`{container=%q,namespace="ns",pod="p"}`, c)
			page += fmt.Sprintf("container_cpu_usage_seconds_total%s %g %d\ncontainer_memory_working_set_bytes%s 1024 %d\ncontainer_start_time_seconds%s %d\n",
				labels, cpu, ms, labels, ms, labels, start.Add(-time.Hour).Unix())
		}
		return page, nil
	}
}

func down() (string, error) { return "", errors.New("down") }

type heard struct{ texts []string }

func (h *heard) AddWarning(_, text string) { h.texts = append(h.texts, text) }

func TestNodesThatDoNotAnswerAreLeftOutAndToldOf(t *testing.T) {
	w := &world{pages: map[string]func() (string, error){"a": growing(time.Unix(1000, 0)), "b": down}}
	var h heard
	ctx := warning.WithWarningRecorder(context.Background(), &h)
	nodes, err := w.source().Nodes(ctx)
	if err != nil || len(nodes) != 1 {
		t.Fatalf("%v, %v", nodes, err)
	}
	n := nodes[0]
	if n.Name != "a" || n.Labels["of"] != "a" || n.Usage.Cpu().MilliValue() != 500 || n.Usage.Memory().Value() != 5000 || n.Window.Duration != 2*time.Second ||
		!n.Timestamp.Time.Equal(time.Unix(1004, 0)) {
		t.Errorf("%+v", n)
	}
	if len(h.texts) != 1 || h.texts[0] != "no metrics from nodes that do not answer: b" {
		t.Errorf("warnings %q", h.texts)
	}
}

func TestPods(t *testing.T) {
	start := time.Unix(10_000, 0)
	old := start.Add(-2 * time.Hour)
	w := &world{
		pages: map[string]func() (string, error){"a": growing(start), "b": down},
		pods:  []*corev1.Pod{pod("ns", "p", "a", old), pod("ns", "not-measured", "a", old), pod("ns", "pending", "", old), pod("other", "q", "b", old)},
	}
	s := w.source()
	pods, err := s.Pods(context.Background(), "ns")
	if err != nil || len(pods) != 1 {
		t.Fatalf("%v, %v", pods, err)
	}
	p := pods[0]
	if p.Name != "p" || p.Labels["app"] != "p" || p.Window.Duration != 2*time.Second || len(p.Containers) != 2 || p.Containers[0].Name != "one" ||
		p.Containers[1].Usage.Cpu().MilliValue() != 500 || p.Containers[1].Usage.Memory().Value() != 1024 {
		t.Errorf("%+v", p)
	}
	if w.asked["b"] != 0 {
		t.Error("a node was asked that has none of the pods")
	}
	if pods, err := s.Pods(context.Background(), "none"); err != nil || len(pods) != 0 {
		t.Errorf("a namespace without pods: %v, %v", pods, err)
	}
}

func TestANamesakesNumbersAreNotThePods(t *testing.T) {
	start := time.Unix(10_000, 0)
	w := &world{pages: map[string]func() (string, error){"a": growing(start)}, pods: []*corev1.Pod{pod("ns", "p", "a", start)}}
	if pods, err := w.source().Pods(context.Background(), "ns"); err != nil || len(pods) != 0 {
		t.Errorf("its containers are older than the pod: %v, %v", pods, err)
	}
}

func TestAllWhoAskShareOneAnswer(t *testing.T) {
	w := &world{pages: map[string]func() (string, error){"a": growing(time.Unix(1000, 0))}}
	s := w.source()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if nodes, err := s.Nodes(context.Background()); err != nil || len(nodes) != 1 {
				t.Errorf("%v, %v", nodes, err)
			}
		})
	}
	group.Wait()
	if w.asked["a"] != 2 {
		t.Errorf("asked %d times, want the two of a window", w.asked["a"])
	}
	w.now = w.now.Add(fresh)
	if _, err := s.Nodes(context.Background()); err != nil || w.asked["a"] != 3 {
		t.Errorf("later: asked %d times, %v", w.asked["a"], err)
	}
}

func TestRate(t *testing.T) {
	at := func(s float64, cpu float64) point {
		return point{at: time.UnixMilli(1_000_000 + int64(s*1000)), cpu: cpu, hasCPU: true, hasMemory: true}
	}
	started := func(s float64, p point) point {
		p.started = time.UnixMilli(1_000_000 + int64(s*1000))
		return p
	}
	for _, c := range []struct {
		name         string
		earlier, now point
		want         float64 // none: -1
		window       time.Duration
	}{
		{"between two points", at(0, 1), at(10, 6), 0.5, 10 * time.Second},
		{"nothing before", point{}, at(10, 6), -1, 0},
		{"just started", point{}, started(6, at(10, 6)), 1.5, 4 * time.Second},
		{"started this moment", point{}, started(9.5, at(10, 6)), -1, 0},
		{"started again since", at(0, 1), started(6, at(10, 6)), 1.5, 4 * time.Second},
		{"counts from the start again", at(0, 9), at(10, 6), -1, 0},
		{"too near", at(9.5, 5), at(10, 6), -1, 0},
		{"too long ago", at(-200, 5), at(10, 6), -1, 0},
		{"memory is missing", at(0, 1), point{at: at(10, 0).at, cpu: 6, hasCPU: true}, -1, 0},
	} {
		got, window, ok := rate(c.earlier, c.now)
		if ok != (c.want >= 0) || ok && (got != c.want || window != c.window) {
			t.Errorf("%s: got %v over %v, %v", c.name, got, window, ok)
		}
	}
}
