package framework

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/util/retry"
	"k8s.io/utils/ptr"
)

// StandInKey is the label and the taint of stand-in nodes. Only pods that tolerate the taint, as
// StandInNode.Take makes them, are scheduled there.
const StandInKey = "conformance.etalon.dev/stand-in"

// beat is the pause between two signs of life of a stand-in node. Kubelets take 10 s; this is within
// any grace period.
const beat = 3 * time.Second

// StandInNode is a Node without a machine, whose kubelet is the spec: it says of the node what the spec
// wants, and of the pods bound to it that they run and are ready, once their readiness gates permit. So specs
// see what becomes of pods
// when a node fails, on any cluster, without breaking a real one. It is in a zone of its own, so that
// its failure is no reason to stop evictions elsewhere.
type StandInNode struct {
	Name string

	f    *Framework
	api  kubernetes.Interface
	stop context.CancelFunc

	mu         sync.Mutex
	silent     bool
	conditions map[corev1.NodeConditionType]corev1.ConditionStatus
	trouble    error
}

// StandInNode makes a node that is Ready, and removes it after the spec with the pods that are bound to it.
func (f *Framework) StandInNode(ctx context.Context, labels map[string]string) *StandInNode {
	GinkgoHelper()
	node := f.newStandIn(ctx, labels)
	node.Say(ctx, corev1.NodeReady, corev1.ConditionTrue)
	f.WaitUntil(ctx, "the stand-in node "+node.Name+" is Ready, without a taint for not being so", SettleTimeout, func(ctx context.Context) (bool, string) {
		now := node.Get(ctx)
		return !slices.ContainsFunc(now.Spec.Taints, func(t corev1.Taint) bool { return t.Key != StandInKey }), fmt.Sprintf("its taints are %v", now.Spec.Taints)
	})
	return node
}

// MuteNode makes a node that never says anything. It is removed after the spec.
func (f *Framework) MuteNode(ctx context.Context) *StandInNode {
	GinkgoHelper()
	node := f.newStandIn(ctx, nil)
	node.Silence()
	return node
}

func (f *Framework) newStandIn(ctx context.Context, labels map[string]string) *StandInNode {
	GinkgoHelper()
	f.standIns++
	name := fmt.Sprintf("%s-%d", f.Namespace, f.standIns)
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
			StandInKey: "yes", RunLabel: settings.Run, corev1.LabelHostname: name, corev1.LabelOSStable: "linux", corev1.LabelArchStable: "amd64",
			corev1.LabelTopologyRegion: name, corev1.LabelTopologyZone: name,
		}},
		Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: StandInKey, Effect: corev1.TaintEffectNoSchedule}}},
	}
	for key, value := range labels {
		node.Labels[key] = value
	}
	f.Create(ctx, node)
	own := *f
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &StandInNode{Name: name, f: &own, api: f.API, stop: stop, conditions: map[corev1.NodeConditionType]corev1.ConditionStatus{
		corev1.NodeReady: corev1.ConditionFalse, corev1.NodeMemoryPressure: corev1.ConditionFalse,
		corev1.NodeDiskPressure: corev1.ConditionFalse, corev1.NodePIDPressure: corev1.ConditionFalse,
	}}
	var working sync.WaitGroup
	working.Go(func() { s.live(running) })
	working.Go(func() { s.runPods(running) })
	DeferCleanup(func(ctx SpecContext) {
		stop()
		working.Wait()
		s.remove(ctx)
	}, NodeTimeout(scaled(CleanUpTimeout)))
	return s
}

// Take makes the pod one that is scheduled to this node and no other.
func (s *StandInNode) Take(spec *corev1.PodSpec) { TakeStandIns(spec, corev1.LabelHostname, s.Name) }

// TakeStandIns makes the pod one that is scheduled to the stand-in nodes with the label.
func TakeStandIns(spec *corev1.PodSpec, key, value string) {
	spec.NodeSelector = map[string]string{StandInKey: "yes", key: value}
	spec.Tolerations = append(spec.Tolerations, corev1.Toleration{Key: StandInKey, Operator: corev1.TolerationOpExists})
}

// Silence ends the node's signs of life, and what it does about its pods.
func (s *StandInNode) Silence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = true
}

// Speak ends the silence.
func (s *StandInNode) Speak(ctx context.Context) {
	GinkgoHelper()
	s.mu.Lock()
	s.silent = false
	s.mu.Unlock()
	s.f.must(s.post(ctx), "post the status of the stand-in node %s", s.Name)
}

// Say sets one of the node's conditions, and posts its status at once.
func (s *StandInNode) Say(ctx context.Context, condition corev1.NodeConditionType, status corev1.ConditionStatus) {
	GinkgoHelper()
	s.mu.Lock()
	s.conditions[condition] = status
	s.mu.Unlock()
	s.f.must(s.post(ctx), "post the status of the stand-in node %s", s.Name)
}

// Get reads the node. That others have removed it fails the spec.
func (s *StandInNode) Get(ctx context.Context) *corev1.Node {
	GinkgoHelper()
	s.mu.Lock()
	trouble := s.trouble
	s.mu.Unlock()
	s.f.must(trouble, "keep the stand-in node %s alive", s.Name)
	node, err := s.api.CoreV1().Nodes().Get(ctx, s.Name, metav1.GetOptions{})
	s.f.must(err, "get the stand-in node %s", s.Name)
	return node
}

// Delete deletes the Node and stops its kubelet.
func (s *StandInNode) Delete(ctx context.Context) {
	GinkgoHelper()
	s.stop()
	s.f.must(s.api.CoreV1().Nodes().Delete(ctx, s.Name, metav1.DeleteOptions{}), "delete the stand-in node %s", s.Name)
}

// live renews the node's Lease and posts its status until ctx ends.
func (s *StandInNode) live(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		if err := errors.Join(s.renew(ctx), s.post(ctx)); err != nil && ctx.Err() == nil {
			s.mu.Lock()
			s.trouble = err
			s.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (s *StandInNode) isSilent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.silent
}

// renew renews the node's Lease, unless the node is silent.
func (s *StandInNode) renew(ctx context.Context) error {
	if s.isSilent() {
		return nil
	}
	leases := s.api.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	lease, err := leases.Get(ctx, s.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		lease = &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: s.Name}, Spec: coordinationv1.LeaseSpec{
			HolderIdentity: &s.Name, LeaseDurationSeconds: ptr.To[int32](40), RenewTime: ptr.To(metav1.NowMicro())}}
		_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		return err
	}
	if err == nil {
		lease.Spec.RenewTime = ptr.To(metav1.NowMicro())
		_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
	}
	return err
}

// post writes the node's status, unless the node is silent.
func (s *StandInNode) post(ctx context.Context) error {
	if s.isSilent() {
		return nil
	}
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		node, err := s.api.CoreV1().Nodes().Get(ctx, s.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		resources := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("8"), corev1.ResourceMemory: resource.MustParse("16Gi"),
			corev1.ResourcePods: resource.MustParse("110"), corev1.ResourceEphemeralStorage: resource.MustParse("100Gi")}
		node.Status.Capacity, node.Status.Allocatable = resources, resources
		now := metav1.Now()
		s.mu.Lock()
		for kind, status := range s.conditions {
			setNodeCondition(&node.Status, kind, status, now)
		}
		s.mu.Unlock()
		_, err = s.api.CoreV1().Nodes().UpdateStatus(ctx, node, metav1.UpdateOptions{})
		return err
	})
}

func setNodeCondition(status *corev1.NodeStatus, kind corev1.NodeConditionType, value corev1.ConditionStatus, now metav1.Time) {
	wanted := corev1.NodeCondition{Type: kind, Status: value, Reason: "StandIn", Message: "the spec says so", LastHeartbeatTime: now, LastTransitionTime: now}
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			if status.Conditions[i].Status == value {
				wanted.LastTransitionTime = status.Conditions[i].LastTransitionTime
			}
			status.Conditions[i] = wanted
			return
		}
	}
	status.Conditions = append(status.Conditions, wanted)
}

// runPods says of every pod that is bound to the node that it runs and, its readiness gates permitting, is
// ready, and removes those that are to end, until ctx ends. A silent node does neither.
func (s *StandInNode) runPods(ctx context.Context) {
	options := metav1.ListOptions{FieldSelector: "spec.nodeName=" + s.Name}
	for ctx.Err() == nil {
		events, err := s.api.CoreV1().Pods("").Watch(ctx, options)
		if err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(pollInterval):
			}
			continue
		}
		for event := range events.ResultChan() {
			if pod, isPod := event.Object.(*corev1.Pod); isPod && event.Type != watch.Deleted && !s.isSilent() {
				s.runPod(ctx, pod)
			}
		}
	}
}

// runPod does for one pod what a kubelet would. What fails because the pod has changed is done at its next event.
func (s *StandInNode) runPod(ctx context.Context, pod *corev1.Pod) {
	pods := s.api.CoreV1().Pods(pod.Namespace)
	if pod.DeletionTimestamp != nil {
		_ = pods.Delete(ctx, pod.Name, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0), Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
		return
	}
	started := pod.Status.Phase == corev1.PodRunning
	told := corev1.ConditionTrue
	for _, gate := range pod.Spec.ReadinessGates {
		if PodCondition(pod, gate.ConditionType).Status != corev1.ConditionTrue {
			told = corev1.ConditionFalse
		}
	}
	if Ended(pod) || started && (len(pod.Spec.ReadinessGates) == 0 || PodCondition(pod, corev1.PodReady).Status == told) {
		return
	}
	pod = pod.DeepCopy()
	now := metav1.Now()
	setPodCondition(pod, corev1.PodReady, told, now)
	if started {
		_, _ = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
		return
	}
	pod.Status.Phase, pod.Status.StartTime = corev1.PodRunning, &now
	pod.Status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: container.Name, Image: container.Image, Ready: true, Started: ptr.To(true),
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: now}},
		})
	}
	setPodCondition(pod, corev1.PodInitialized, corev1.ConditionTrue, now)
	setPodCondition(pod, corev1.ContainersReady, corev1.ConditionTrue, now)
	_, _ = pods.UpdateStatus(ctx, pod, metav1.UpdateOptions{})
}

func setPodCondition(pod *corev1.Pod, kind corev1.PodConditionType, status corev1.ConditionStatus, now metav1.Time) {
	pod.Status.Conditions = slices.DeleteFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == kind })
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{Type: kind, Status: status, LastTransitionTime: now})
}

// remove removes the node, its Lease, and the pods that nobody is left to end.
func (s *StandInNode) remove(ctx context.Context) {
	pods, err := s.api.CoreV1().Pods("").List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + s.Name})
	s.f.must(err, "list the pods of the stand-in node %s", s.Name)
	force := metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}
	gone := func(err error, what string) {
		if !apierrors.IsNotFound(err) {
			s.f.must(err, "delete %s", what)
		}
	}
	gone(s.api.CoreV1().Nodes().Delete(ctx, s.Name, metav1.DeleteOptions{}), "the stand-in node "+s.Name)
	for i := range pods.Items {
		gone(s.api.CoreV1().Pods(pods.Items[i].Namespace).Delete(ctx, pods.Items[i].Name, force), "pod "+pods.Items[i].Name)
	}
	gone(s.api.CoordinationV1().Leases(corev1.NamespaceNodeLease).Delete(ctx, s.Name, force), "the Lease of "+s.Name)
}
