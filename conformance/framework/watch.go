package framework

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolswatch "k8s.io/client-go/tools/watch"
	"k8s.io/utils/ptr"
)

// source is what a typed client offers for one kind in one namespace.
type source[L runtime.Object] interface {
	List(ctx context.Context, options metav1.ListOptions) (L, error)
	Watch(ctx context.Context, options metav1.ListOptions) (watch.Interface, error)
}

// WatchPods observes the pods that the label selector picks ("" for all).
func (f *Framework) WatchPods(ctx context.Context, selector string) *Observer[*corev1.Pod] {
	GinkgoHelper()
	return observe[*corev1.Pod](ctx, f, "pods "+selector, f.API.CoreV1().Pods(f.Namespace), metav1.ListOptions{LabelSelector: selector}, podLine)
}

// WatchPod observes one pod by name, before it exists, while it does and after.
func (f *Framework) WatchPod(ctx context.Context, name string) *Observer[*corev1.Pod] {
	GinkgoHelper()
	return observe[*corev1.Pod](ctx, f, "pod "+name, f.API.CoreV1().Pods(f.Namespace), metav1.ListOptions{FieldSelector: "metadata.name=" + name}, podLine)
}

// WatchReplicaSets observes the ReplicaSets that the label selector picks.
func (f *Framework) WatchReplicaSets(ctx context.Context, selector string) *Observer[*appsv1.ReplicaSet] {
	GinkgoHelper()
	return observe[*appsv1.ReplicaSet](ctx, f, "ReplicaSets "+selector, f.API.AppsV1().ReplicaSets(f.Namespace), metav1.ListOptions{LabelSelector: selector}, replicaSetLine)
}

// WatchDeployment observes one Deployment by name.
func (f *Framework) WatchDeployment(ctx context.Context, name string) *Observer[*appsv1.Deployment] {
	GinkgoHelper()
	return observe[*appsv1.Deployment](ctx, f, "Deployment "+name, f.API.AppsV1().Deployments(f.Namespace), metav1.ListOptions{FieldSelector: "metadata.name=" + name}, deploymentLine)
}

// WatchJob observes one Job by name.
func (f *Framework) WatchJob(ctx context.Context, name string) *Observer[*batchv1.Job] {
	GinkgoHelper()
	return observe[*batchv1.Job](ctx, f, "Job "+name, f.API.BatchV1().Jobs(f.Namespace), metav1.ListOptions{FieldSelector: "metadata.name=" + name}, jobLine)
}

// WatchJobs observes the Jobs that the label selector picks.
func (f *Framework) WatchJobs(ctx context.Context, selector string) *Observer[*batchv1.Job] {
	GinkgoHelper()
	return observe[*batchv1.Job](ctx, f, "Jobs "+selector, f.API.BatchV1().Jobs(f.Namespace), metav1.ListOptions{LabelSelector: selector}, jobLine)
}

// WatchCronJob observes one CronJob by name.
func (f *Framework) WatchCronJob(ctx context.Context, name string) *Observer[*batchv1.CronJob] {
	GinkgoHelper()
	return observe[*batchv1.CronJob](ctx, f, "CronJob "+name, f.API.BatchV1().CronJobs(f.Namespace), metav1.ListOptions{FieldSelector: "metadata.name=" + name}, cronJobLine)
}

// WatchBudget observes one PodDisruptionBudget by name.
func (f *Framework) WatchBudget(ctx context.Context, name string) *Observer[*policyv1.PodDisruptionBudget] {
	GinkgoHelper()
	return observe[*policyv1.PodDisruptionBudget](ctx, f, "PodDisruptionBudget "+name, f.API.PolicyV1().PodDisruptionBudgets(f.Namespace), metav1.ListOptions{FieldSelector: "metadata.name=" + name}, budgetLine)
}

// WatchDaemonSet observes one DaemonSet by name.
func (f *Framework) WatchDaemonSet(ctx context.Context, name string) *Observer[*appsv1.DaemonSet] {
	GinkgoHelper()
	return observe[*appsv1.DaemonSet](ctx, f, "DaemonSet "+name, f.API.AppsV1().DaemonSets(f.Namespace), metav1.ListOptions{FieldSelector: "metadata.name=" + name}, daemonSetLine)
}

// WatchSlices observes the EndpointSlices of a Service.
func (f *Framework) WatchSlices(ctx context.Context, service string) *Observer[*discoveryv1.EndpointSlice] {
	GinkgoHelper()
	return observe[*discoveryv1.EndpointSlice](ctx, f, "EndpointSlices of "+service, f.API.DiscoveryV1().EndpointSlices(f.Namespace),
		metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + service}, sliceLine)
}

// WatchClaims observes the PersistentVolumeClaims that the label selector picks ("" for all).
func (f *Framework) WatchClaims(ctx context.Context, selector string) *Observer[*corev1.PersistentVolumeClaim] {
	GinkgoHelper()
	return observe[*corev1.PersistentVolumeClaim](ctx, f, "claims "+selector, f.API.CoreV1().PersistentVolumeClaims(f.Namespace), metav1.ListOptions{LabelSelector: selector}, claimLine)
}

// WatchVolumes observes the PersistentVolumes that the label selector picks: they live in no namespace.
func (f *Framework) WatchVolumes(ctx context.Context, selector string) *Observer[*corev1.PersistentVolume] {
	GinkgoHelper()
	return observe[*corev1.PersistentVolume](ctx, f, "volumes "+selector, f.API.CoreV1().PersistentVolumes(), metav1.ListOptions{LabelSelector: selector}, volumeLine)
}

// WatchNode observes one Node.
func (f *Framework) WatchNode(ctx context.Context, name string) *Observer[*corev1.Node] {
	GinkgoHelper()
	return observe[*corev1.Node](ctx, f, "Node "+name, f.API.CoreV1().Nodes(), metav1.ListOptions{FieldSelector: metav1.ObjectNameField + "=" + name}, nodeLine)
}

// observe lists and watches until the spec's context ends. A watch that breaks resumes where it was.
func observe[T Object, L runtime.Object](ctx context.Context, f *Framework, what string, from source[L], options metav1.ListOptions, line func(T) string) *Observer[T] {
	GinkgoHelper()
	list, err := from.List(ctx, options)
	f.must(err, "list the %s", what)
	items, err := meta.ExtractList(list)
	f.must(err, "read the list of %s", what)
	var initial []T
	for _, item := range items {
		initial = append(initial, item.(T))
	}
	version := any(list).(metav1.ListInterface).GetResourceVersion()
	watcher, err := toolswatch.NewRetryWatcherWithContext(ctx, version, watcherOf[L]{from, options})
	f.must(err, "watch the %s", what)
	o := &Observer[T]{what: what, line: line, states: newHistory(initial)}
	DeferCleanup(watcher.Stop)
	go func() {
		for event := range watcher.ResultChan() {
			object, isObject := event.Object.(T)
			if !isObject {
				o.states.end(fmt.Errorf("the watch ended: %w", apierrors.FromObject(event.Object)))
				return
			}
			if event.Type != watch.Bookmark {
				o.states.apply(event.Type, object)
			}
		}
		o.states.end(errors.New("the watch ended with the spec's time"))
	}()
	return o
}

// watcherOf narrows a source to the objects that the options pick.
type watcherOf[L runtime.Object] struct {
	source[L]
	options metav1.ListOptions
}

func (w watcherOf[L]) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	options.LabelSelector, options.FieldSelector = w.options.LabelSelector, w.options.FieldSelector
	return w.Watch(ctx, options)
}

func replicaSetLine(rs *appsv1.ReplicaSet) string {
	return fmt.Sprintf("%s: wants %d, has %d, ready %d, available %d, revision %q", rs.Name, *rs.Spec.Replicas,
		rs.Status.Replicas, rs.Status.ReadyReplicas, rs.Status.AvailableReplicas, rs.Annotations[RevisionAnnotation])
}

func deploymentLine(d *appsv1.Deployment) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: generation %d observed %d, wants %d, has %d, updated %d, ready %d, available %d", d.Name, d.Generation,
		d.Status.ObservedGeneration, *d.Spec.Replicas, d.Status.Replicas, d.Status.UpdatedReplicas, d.Status.ReadyReplicas, d.Status.AvailableReplicas)
	for _, c := range d.Status.Conditions {
		fmt.Fprintf(&b, ", %s=%s (%s)", c.Type, c.Status, c.Reason)
	}
	return b.String()
}

func jobLine(job *batchv1.Job) string {
	var b strings.Builder
	s := job.Status
	fmt.Fprintf(&b, "%s: active %d, succeeded %d, failed %d", job.Name, s.Active, s.Succeeded, s.Failed)
	if s.CompletedIndexes != "" || s.FailedIndexes != nil {
		fmt.Fprintf(&b, ", completed indexes %q, failed indexes %q", s.CompletedIndexes, ptr.Deref(s.FailedIndexes, ""))
	}
	for _, c := range s.Conditions {
		fmt.Fprintf(&b, ", %s=%s (%s)", c.Type, c.Status, c.Reason)
	}
	return b.String()
}

func cronJobLine(c *batchv1.CronJob) string {
	var active []string
	for _, job := range c.Status.Active {
		active = append(active, job.Name)
	}
	return fmt.Sprintf("%s: schedule %q, suspended %t, active %v, last scheduled %v, last successful %v", c.Name, c.Spec.Schedule,
		ptr.Deref(c.Spec.Suspend, false), active, c.Status.LastScheduleTime, c.Status.LastSuccessfulTime)
}

func budgetLine(b *policyv1.PodDisruptionBudget) string {
	var line strings.Builder
	s := b.Status
	fmt.Fprintf(&line, "%s: generation %d observed %d, expects %d, healthy %d, desires %d, allows %d, disrupted %v", b.Name, b.Generation,
		s.ObservedGeneration, s.ExpectedPods, s.CurrentHealthy, s.DesiredHealthy, s.DisruptionsAllowed, s.DisruptedPods)
	for _, c := range s.Conditions {
		fmt.Fprintf(&line, ", %s=%s (%s)", c.Type, c.Status, c.Reason)
	}
	return line.String()
}

func daemonSetLine(d *appsv1.DaemonSet) string {
	s := d.Status
	return fmt.Sprintf("%s: generation %d observed %d, desired %d, current %d, misscheduled %d, updated %d, ready %d, available %d, unavailable %d", d.Name, d.Generation,
		s.ObservedGeneration, s.DesiredNumberScheduled, s.CurrentNumberScheduled, s.NumberMisscheduled, s.UpdatedNumberScheduled, s.NumberReady, s.NumberAvailable, s.NumberUnavailable)
}

func sliceLine(slice *discoveryv1.EndpointSlice) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", slice.Name)
	for _, port := range slice.Ports {
		if port.Port != nil {
			fmt.Fprintf(&b, " port %d", *port.Port)
		}
	}
	for _, e := range slice.Endpoints {
		fmt.Fprintf(&b, "; %v", e.Addresses)
		if e.Conditions.Ready != nil {
			fmt.Fprintf(&b, " ready=%t", *e.Conditions.Ready)
		}
	}
	return b.String()
}

func claimLine(c *corev1.PersistentVolumeClaim) string {
	class := "unset"
	if c.Spec.StorageClassName != nil {
		class = fmt.Sprintf("%q", *c.Spec.StorageClassName)
	}
	return fmt.Sprintf("%s: %s, volume %q, class %s, deletionTimestamp %v, finalizers %v", c.Name, c.Status.Phase, c.Spec.VolumeName, class, c.DeletionTimestamp, c.Finalizers)
}

func volumeLine(v *corev1.PersistentVolume) string {
	claim := "none"
	if ref := v.Spec.ClaimRef; ref != nil {
		claim = fmt.Sprintf("%s/%s (%s)", ref.Namespace, ref.Name, ref.UID)
	}
	return fmt.Sprintf("%s: %s %s, claim %s, deletionTimestamp %v, finalizers %v", v.Name, v.Status.Phase, v.Status.Message, claim, v.DeletionTimestamp, v.Finalizers)
}

func nodeLine(n *corev1.Node) string {
	var amounts []string
	for name, has := range n.Status.Capacity {
		can := n.Status.Allocatable[name]
		amounts = append(amounts, fmt.Sprintf("%s %s/%s", name, can.String(), has.String()))
	}
	slices.Sort(amounts)
	return fmt.Sprintf("%s: unschedulable %v, taints %v, allocatable/capacity: %s", n.Name, n.Spec.Unschedulable, n.Spec.Taints, strings.Join(amounts, ", "))
}
