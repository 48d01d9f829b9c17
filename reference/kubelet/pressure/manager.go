// Package pressure watches what the node has left, says when that is too little, and makes room: it has what
// nobody needs deleted, and evicts pods, one at a time. What to do is decided in package eviction.
package pressure

import (
	"context"
	"slices"
	"sync"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
)

const (
	// every is how often the node is looked at, and apart the pause after the kernel told of a shortage, which it may do
	// any number of times.
	every = 10 * time.Second
	apart = time.Second
	// leavingEvery is how often it is looked whether an evicted pod has gone, and leavingFor for how long before
	// the next is considered.
	leavingEvery = time.Second
	leavingFor   = 30 * time.Second
	// atOnce is the grace period, in seconds, of what cannot wait.
	atOnce = 1
)

// Pods are the node's, as far as this package needs them.
type Pods interface {
	// Active returns the pods that hold resources of the node.
	Active() []*v1.Pod
	// End ends the pod, with at most that grace period in seconds unless it is nil.
	End(uid types.UID, why *status.Verdict, grace *int64)
}

// Runtime tells what containers use.
type Runtime interface {
	ListContainerStats(context.Context, *criv1.ContainerStatsFilter) ([]*criv1.ContainerStats, error)
}

// Images tells where images are.
type Images interface {
	ImageFsInfo(context.Context) (*criv1.ImageFsInfoResponse, error)
}

// Config is what a Manager works with.
type Config struct {
	Places     Places
	Thresholds []eviction.Threshold
	// Transition is for how long a condition stays after it was last true.
	Transition time.Duration
	// SoftGrace is the longest grace period in seconds of pods that go for a soft threshold.
	SoftGrace int64
	// LogsRoot is the directory of the containers' logs.
	LogsRoot string
	Pods     Pods
	Runtime  Runtime
	Images   Images
	Recorder record.EventRecorder
	// Node refers to the node in events.
	Node *v1.ObjectReference
	// Notices: the kernel is asked to tell when memory runs short.
	Notices bool
	// Reclaim deletes what nobody needs to end the shortage: dead containers, unused images.
	Reclaim func(context.Context, eviction.Signal)
}

// Manager watches the node.
type Manager struct {
	Config
	state eviction.State
	// leaving is the pod that was evicted last, since then.
	leaving types.UID
	since   time.Time

	mu         sync.Mutex
	conditions []v1.NodeConditionType
}

// New returns a Manager that knows the node's present condition, so that no pod is taken on too early.
func New(ctx context.Context, c Config) *Manager {
	m := &Manager{Config: c}
	m.find(ctx, time.Now())
	return m
}

// Conditions returns the node's conditions that are true, sorted.
func (m *Manager) Conditions() []v1.NodeConditionType {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.conditions
}

// Run looks every 10 s, and whenever the kernel tells that memory runs short, until ctx ends.
func (m *Manager) Run(ctx context.Context) {
	var wake chan struct{}
	var asked *notices
	if m.Notices {
		asked = newNotices(m.Places)
		wake = asked.wake
		defer asked.close()
	}
	for {
		pause := every
		if m.leaving != "" {
			pause = leavingEvery
		}
		if asked != nil {
			asked.arm(ctx, m.Thresholds, m.Places.Observe())
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		case <-wake:
			m.look(ctx, time.Now())
			select {
			case <-ctx.Done():
				return
			case <-time.After(apart):
			}
		}
		m.look(ctx, time.Now())
	}
}

// find compares what there is with the thresholds.
func (m *Manager) find(ctx context.Context, now time.Time) (eviction.Finding, map[eviction.Signal]eviction.Observation) {
	if m.Places.Images == "" {
		m.Places.Images = imagesPath(ctx, m.Images)
	}
	observed := m.Places.Observe()
	var f eviction.Finding
	m.state, f = m.state.Look(m.Thresholds, observed, now, m.Transition)
	m.mu.Lock()
	m.conditions = f.Conditions
	m.mu.Unlock()
	return f, observed
}

// look finds out, and makes room for the most urgent shortage.
func (m *Manager) look(ctx context.Context, now time.Time) {
	f, _ := m.find(ctx, now)
	if len(f.Act) == 0 {
		m.leaving = ""
		return
	}
	active := m.Pods.Active()
	if m.leaving != "" && now.Sub(m.since) < leavingFor && slices.ContainsFunc(active, func(p *v1.Pod) bool { return p.UID == m.leaving }) {
		return
	}
	m.leaving = ""
	short := f.Act[0]
	log := klog.FromContext(ctx)
	log.Info("The node runs short", "signal", short.Signal, "soft", short.Soft)
	m.Recorder.Eventf(m.Node, v1.EventTypeWarning, "EvictionThresholdMet", "Attempting to reclaim %s", short.Signal.Resource())
	var observed map[eviction.Signal]eviction.Observation
	if short.Signal.Disk() && m.Reclaim != nil {
		m.Reclaim(ctx, short.Signal)
	}
	// What was reclaimed may do, and else this is what the pod is told.
	if f, observed = m.find(ctx, now); !slices.Contains(f.Act, short) {
		log.Info("The node has enough again without evictions", "signal", short.Signal)
		return
	}
	used, err := m.usages(ctx, active, short.Signal.Disk())
	if err != nil {
		log.Error(err, "Cannot find out what pods use, evicting none")
		return
	}
	for _, u := range eviction.Rank(short.Signal, used, m.Places.Separate()) {
		if eviction.Critical(u.Pod) {
			continue
		}
		grace := int64(atOnce)
		if short.Soft {
			grace = m.SoftGrace
		}
		message, annotations := eviction.Message(short, observed[short.Signal], u)
		m.evict(u.Pod, message, annotations, grace)
		m.leaving, m.since = u.Pod.UID, now
		return
	}
	log.Info("The node runs short and there is no pod to evict", "signal", short.Signal)
}

// evict ends the pod and says so.
func (m *Manager) evict(pod *v1.Pod, message string, annotations map[string]string, grace int64) {
	klog.InfoS("Evicting the pod", "pod", klog.KObj(pod), "uid", pod.UID, "why", message)
	m.Recorder.AnnotatedEventf(events.Pod(pod), annotations, v1.EventTypeWarning, eviction.Reason, "%s", message)
	why := &status.Verdict{Reason: eviction.Reason, Message: message, Disruption: v1.PodReasonTerminationByKubelet}
	if grace < 0 {
		m.Pods.End(pod.UID, why, nil)
		return
	}
	m.Pods.End(pod.UID, why, &grace)
}
