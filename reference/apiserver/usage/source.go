package usage

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/warning"
	"k8s.io/klog/v2"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

const (
	// fresh is how long a kubelet's answer, or that it gave none, is told to those who ask next.
	fresh = 5 * time.Second
	// secondLook is when a kubelet is asked again of which only one answer is known: of that no use of CPU can be told.
	secondLook = narrowest + 100*time.Millisecond
	// patience bounds one answer.
	patience = 5 * time.Second
	// atOnce is how many kubelets are asked at the same time.
	atOnce = 16
)

// Config is what a Source works with.
type Config struct {
	// Get asks the kubelet of a node for a page.
	Get func(ctx context.Context, node *corev1.Node, path string) ([]byte, error)
	// Nodes returns the nodes, Pods the pods of a namespace, or of all for "".
	Nodes func(context.Context) ([]*corev1.Node, error)
	Pods  func(ctx context.Context, namespace string) ([]*corev1.Pod, error)
}

// Source answers for metrics.k8s.io. Nodes that do not answer are left out, of which a warning tells whoever asks.
type Source struct {
	Config
	turns chan struct{}
	// now and wait are time's, but in tests.
	now  func() time.Time
	wait func(time.Duration)

	mu       sync.Mutex
	kubelets map[string]*kubelet
}

// kubelet is what one kubelet said last. Its lock is held while it is asked, so that it is asked once for all who wait.
type kubelet struct {
	mu     sync.Mutex
	asked  time.Time
	err    error
	memory memory
}

// New returns a Source that has asked nobody yet.
func New(c Config) *Source {
	return &Source{Config: c, turns: make(chan struct{}, atOnce), now: time.Now, wait: time.Sleep, kubelets: map[string]*kubelet{}}
}

// Nodes implements metrics.Source.
func (s *Source) Nodes(ctx context.Context) ([]metricsv1beta1.NodeMetrics, error) {
	nodes, err := s.Config.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	s.keep(nodes)
	seen := s.ask(ctx, nodes)
	var out []metricsv1beta1.NodeMetrics
	for _, n := range nodes {
		m, answered := seen[n.Name]
		if !answered {
			continue
		}
		cores, window, ok := rate(m.before().node, m.latest.node)
		if !ok {
			continue
		}
		out = append(out, metricsv1beta1.NodeMetrics{
			ObjectMeta: metav1.ObjectMeta{Name: n.Name, Labels: maps.Clone(n.Labels), CreationTimestamp: metav1.Now()},
			Timestamp:  metav1.NewTime(m.latest.node.at), Window: metav1.Duration{Duration: window.Round(time.Millisecond)},
			Usage: used(cores, m.latest.node.memory),
		})
	}
	return out, nil
}

// Pods implements metrics.Source.
func (s *Source) Pods(ctx context.Context, namespace string) ([]metricsv1beta1.PodMetrics, error) {
	pods, err := s.Config.Pods(ctx, namespace)
	if err != nil || len(pods) == 0 {
		return nil, err
	}
	nodes, err := s.Config.Nodes(ctx)
	if err != nil {
		return nil, err
	}
	holds := map[string]bool{}
	for _, p := range pods {
		holds[p.Spec.NodeName] = true
	}
	seen := s.ask(ctx, slices.DeleteFunc(nodes, func(n *corev1.Node) bool { return !holds[n.Name] }))
	var out []metricsv1beta1.PodMetrics
	for _, p := range pods {
		m, answered := seen[p.Spec.NodeName]
		if !answered {
			continue
		}
		if metrics, ok := podMetrics(p, m); ok {
			out = append(out, metrics)
		}
	}
	return out, nil
}

// podMetrics tells of all of the pod's containers that run, or of none: a sum without one of them would mislead.
func podMetrics(p *corev1.Pod, m memory) (metricsv1beta1.PodMetrics, bool) {
	out := metricsv1beta1.PodMetrics{ObjectMeta: metav1.ObjectMeta{
		Name: p.Name, Namespace: p.Namespace, Labels: maps.Clone(p.Labels), CreationTimestamp: metav1.Now(),
	}}
	key := podKey{p.Namespace, p.Name}
	now, earlier := m.latest.pods[key], m.before().pods[key]
	for _, name := range slices.Sorted(maps.Keys(now)) {
		c := now[name]
		// A namesake that was there before has another's numbers.
		if !c.started.IsZero() && c.started.Before(p.CreationTimestamp.Time) {
			return out, false
		}
		cores, window, ok := rate(earlier[name], c)
		if !ok {
			return out, false
		}
		out.Containers = append(out.Containers, metricsv1beta1.ContainerMetrics{Name: name, Usage: used(cores, c.memory)})
		// The pod's numbers are as old as its oldest, and over the shortest of the windows.
		if out.Timestamp.IsZero() || c.at.Before(out.Timestamp.Time) {
			out.Timestamp = metav1.NewTime(c.at)
		}
		if window = window.Round(time.Millisecond); out.Window.Duration == 0 || window < out.Window.Duration {
			out.Window.Duration = window
		}
	}
	return out, len(out.Containers) > 0
}

func used(cores, bytes float64) corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewScaledQuantity(int64(math.Ceil(cores*1e9)), resource.Nano),
		corev1.ResourceMemory: *resource.NewQuantity(int64(bytes), resource.BinarySI),
	}
}

// ask asks all of the kubelets that were not asked a moment ago, and returns what those said that answered.
func (s *Source) ask(ctx context.Context, nodes []*corev1.Node) map[string]memory {
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		seen   = map[string]memory{}
		silent []string
	)
	for _, n := range nodes {
		group.Go(func() {
			// What it says is for all who ask, and must not end with the one who asked first.
			m, err := s.of(n.Name).look(context.WithoutCancel(ctx), s, n)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				silent = append(silent, n.Name)
				return
			}
			seen[n.Name] = m
		})
	}
	group.Wait()
	if len(silent) > 0 {
		slices.Sort(silent)
		warning.AddWarning(ctx, "", fmt.Sprintf("no metrics from nodes that do not answer: %s", strings.Join(silent, ", ")))
	}
	return seen
}

func (s *Source) of(node string) *kubelet {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.kubelets[node]
	if k == nil {
		k = &kubelet{}
		s.kubelets[node] = k
	}
	return k
}

// keep forgets nodes that are gone.
func (s *Source) keep(nodes []*corev1.Node) {
	there := map[string]bool{}
	for _, n := range nodes {
		there[n.Name] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.kubelets, func(name string, _ *kubelet) bool { return !there[name] })
}

// look returns what the kubelet said, asking it again if that is not of now.
func (k *kubelet) look(ctx context.Context, s *Source, n *corev1.Node) (memory, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if s.now().Sub(k.asked) < fresh {
		return k.memory, k.err
	}
	if k.err = k.add(ctx, s, n); k.err == nil && k.memory.earlier == nil {
		s.wait(secondLook)
		k.err = k.add(ctx, s, n)
	}
	k.asked = s.now()
	if k.err != nil {
		k.memory = memory{}
		klog.FromContext(ctx).Info("A node is left out of the metrics", "node", n.Name, "err", k.err)
	}
	return k.memory, k.err
}

// add asks once.
func (k *kubelet) add(ctx context.Context, s *Source, n *corev1.Node) error {
	s.turns <- struct{}{}
	defer func() { <-s.turns }()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	text, err := s.Get(ctx, n, "/metrics/resource")
	if err != nil {
		return err
	}
	k.memory = k.memory.add(parse(text, s.now()))
	return nil
}
