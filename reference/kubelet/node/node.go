package node

import (
	"context"
	"fmt"
	"maps"
	goruntime "runtime"
	"sync"
	"sync/atomic"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	nodeutil "k8s.io/component-helpers/node/util"
	"k8s.io/klog/v2"
)

const (
	// lookUnready is how often a node that is not ready is looked at: others wait for it.
	lookUnready = 100 * time.Millisecond
	// freshTimeout is how long a pod waits for a fresh look at its node before the last one counts.
	freshTimeout = 5 * time.Second
)

// Self is the node as its agent knows it.
type Self struct {
	Name         string
	IPs          []string
	PodCIDR      string
	Port         int32
	Registration Registration
	Timing       Timing
	// Version is the agent's, v1.37.2+etalon.
	Version string
	Machine Machine
	// Declared are the features that others may ask about.
	Declared []string
	// MaxImages bounds the images in the status; a negative number does not.
	MaxImages int
	Client    kubernetes.Interface
	// Observe looks at the node.
	Observe func(context.Context) Observed

	server atomic.Pointer[v1.Node]
	// reporting is held by whoever compares the status with the last one and sends it.
	reporting sync.Mutex
	// ending: the node shuts down.
	ending atomic.Bool
}

// Node returns the node as last seen by the API server, nil before it is registered.
func (s *Self) Node() *v1.Node { return s.server.Load() }

// Fresh asks the API server for the node and returns it, or as it was last seen if the server does
// not answer.
func (s *Self) Fresh(ctx context.Context) *v1.Node {
	ctx, cancel := context.WithTimeout(ctx, freshTimeout)
	defer cancel()
	s.refresh(ctx)
	return s.Node()
}

// Register makes the node known, with its present status. The API server may still be
// starting: it is tried again after 10 ms, then after twice that and so on up to 100 ms,
// until ctx ends.
func (s *Self) Register(ctx context.Context) error {
	var last error
	for pause := 10 * time.Millisecond; ; pause = min(2*pause, 100*time.Millisecond) {
		if last = s.registerOnce(ctx); last == nil {
			return nil
		}
		klog.FromContext(ctx).V(2).Info("Cannot register the node yet", "err", last)
		select {
		case <-ctx.Done():
			return fmt.Errorf("register node %s: %w", s.Name, last)
		case <-time.After(pause):
		}
	}
}

func (s *Self) registerOnce(ctx context.Context) error {
	if s.Registration.ByOthers {
		return s.await(ctx)
	}
	return s.register(ctx, s.observe(ctx))
}

func (s *Self) register(ctx context.Context, o Observed) error {
	n := s.fresh()
	s.apply(n, o, time.Now())
	created, err := s.Client.CoreV1().Nodes().Create(ctx, n, metav1.CreateOptions{})
	if err == nil {
		s.server.Store(created)
		return nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return err
	}
	old, err := s.Client.CoreV1().Nodes().Get(ctx, s.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	wanted := old.DeepCopy()
	if wanted.Labels == nil {
		wanted.Labels = map[string]string{}
	}
	maps.Copy(wanted.Labels, s.labels())
	if wanted.Spec.PodCIDR == "" {
		wanted.Spec.PodCIDR, wanted.Spec.PodCIDRs = n.Spec.PodCIDR, n.Spec.PodCIDRs
	}
	if !equality.Semantic.DeepEqual(old, wanted) {
		if old, err = s.Client.CoreV1().Nodes().Update(ctx, wanted, metav1.UpdateOptions{}); err != nil {
			return err
		}
	}
	s.server.Store(old)
	return s.report(ctx, o, true)
}

// fresh is the node as it is registered for the first time.
func (s *Self) fresh() *v1.Node {
	n := &v1.Node{ObjectMeta: metav1.ObjectMeta{
		Name:        s.Name,
		Labels:      s.labels(),
		Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
	}}
	for name, value := range s.Registration.Labels {
		if _, own := n.Labels[name]; own {
			klog.Background().Info("A label that the node gives itself is not what was asked for", "label", name, "asked", value, "is", n.Labels[name])
			continue
		}
		n.Labels[name] = value
	}
	n.Spec.Taints, n.Spec.ProviderID = s.Registration.Taints, s.Registration.ProviderID
	if s.PodCIDR != "" {
		n.Spec.PodCIDR, n.Spec.PodCIDRs = s.PodCIDR, []string{s.PodCIDR}
	}
	return n
}

// labels are those that follow from what the node is; they are put right whenever the agent starts.
func (s *Self) labels() map[string]string {
	return map[string]string{
		v1.LabelHostname:          s.Name,
		v1.LabelOSStable:          goruntime.GOOS,
		v1.LabelArchStable:        goruntime.GOARCH,
		"beta.kubernetes.io/os":   goruntime.GOOS,
		"beta.kubernetes.io/arch": goruntime.GOARCH,
	}
}

// Run keeps the status up to date until ctx ends. It needs Register first.
func (s *Self) Run(ctx context.Context) {
	reported := time.Now()
	for {
		pause := s.Timing.Look
		if !Ready(s.Node()) && !s.ending.Load() {
			pause = lookUnready
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if pause == s.Timing.Look {
			s.look(ctx)
		}
		always := time.Since(reported) >= s.Timing.Report
		o := s.observe(ctx)
		if ctx.Err() != nil || (!always && !s.differs(o)) {
			continue
		}
		if err := s.report(ctx, o, always); err != nil {
			klog.FromContext(ctx).Info("Cannot report the node's status", "err", err)
			s.refresh(ctx)
			continue
		}
		reported = time.Now()
	}
}

// differs tells whether the status would say anything new.
func (s *Self) differs(o Observed) bool {
	before := s.Node()
	after := before.DeepCopy()
	s.apply(after, o, time.Now())
	for _, n := range []*v1.Node{before.DeepCopy(), after} {
		for i := range n.Status.Conditions {
			n.Status.Conditions[i].LastHeartbeatTime = metav1.Time{}
		}
		if n != after {
			before = n
		}
	}
	return !equality.Semantic.DeepEqual(before.Status, after.Status)
}

// Report looks at the node and tells the API server what changed, now.
func (s *Self) Report(ctx context.Context) error { return s.report(ctx, s.observe(ctx), false) }

func (s *Self) report(ctx context.Context, o Observed, always bool) error {
	s.reporting.Lock()
	defer s.reporting.Unlock()
	if !always && !s.differs(o) {
		return nil
	}
	old := s.Node()
	n := old.DeepCopy()
	s.apply(n, o, time.Now())
	sent, _, err := nodeutil.PatchNodeStatus(s.Client.CoreV1(), types.NodeName(s.Name), old, n)
	if err != nil {
		return err
	}
	s.server.Store(sent)
	return nil
}

// look reads the node anew, since others may have given it resources. One that is deleted stays so until the agent has
// something to say of it.
func (s *Self) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, freshTimeout)
	defer cancel()
	// Not while a report is on its way, which would be forgotten.
	s.reporting.Lock()
	defer s.reporting.Unlock()
	if n, err := s.Client.CoreV1().Nodes().Get(ctx, s.Name, metav1.GetOptions{}); err == nil {
		s.server.Store(n)
	}
}

// refresh reads the node anew: someone may have changed or deleted it.
func (s *Self) refresh(ctx context.Context) {
	n, err := s.Client.CoreV1().Nodes().Get(ctx, s.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		s.server.Store(n)
	case apierrors.IsNotFound(err):
		if s.Registration.ByOthers {
			return
		}
		if err := s.register(ctx, s.observe(ctx)); err != nil {
			klog.FromContext(ctx).Info("Cannot register the node again", "err", err)
		}
	}
}

// Ready tells whether the node says so.
func Ready(n *v1.Node) bool {
	_, c := nodeutil.GetNodeCondition(&n.Status, v1.NodeReady)
	return c != nil && c.Status == v1.ConditionTrue
}
