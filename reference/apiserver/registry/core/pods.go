package core

import (
	"context"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/podqos"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

// Pods is the pods resource; binding.go, eviction.go and podspec.go are its other subresources.
var Pods = generic.Resource[*corev1.Pod]{
	GV: corev1.SchemeGroupVersion, Plural: "pods", Singular: "pod", Short: []string{"po"}, Categories: []string{"all"},
	Object: &corev1.Pod{}, List: &corev1.PodList{},
	Spec:   func(p *corev1.Pod) any { return &p.Spec },
	Status: func(p *corev1.Pod) any { return &p.Status },

	PrepareCreate:  preparePod,
	PrepareStatus:  preparePodStatus,
	StatusResets:   []string{"metadata.deletionTimestamp", "metadata.ownerReferences"},
	Drop:           disabled.Of(func(p *corev1.Pod) *corev1.PodSpec { return &p.Spec }),
	Validate:       validation.Pod,
	Warnings:       warnings.Pod,
	ValidateUpdate: validation.PodUpdate,
	ValidateStatus: validation.PodStatusUpdate,
	Generation:     true,
	ReturnDeleted:  true,
	Grace:          podGrace,

	Fields:        podFields,
	Indexed:       "spec.nodeName", // each kubelet watches its own
	Columns:       podColumns,
	RowConditions: podRowConditions,
}

// preparePod makes a pod new: pending, with its quality of service decided once and for all.
func preparePod(_ context.Context, p *corev1.Pod) {
	p.Status = corev1.PodStatus{Phase: corev1.PodPending, QOSClass: podqos.Class(&p.Spec)}
	if len(p.Spec.SchedulingGates) > 0 {
		p.Status.Conditions = []corev1.PodCondition{{
			Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonSchedulingGated,
			Message: "Scheduling is blocked due to non-empty scheduling gates",
		}}
	}
	resolveMatchLabelKeys(p)
	adoptAppArmor(p)
}

// preparePodStatus keeps a kubelet from changing what is not its own, and an old one from
// dropping what it does not know.
func preparePodStatus(_ context.Context, p, old *corev1.Pod) {
	p.DeletionTimestamp = nil // the store puts the old one back
	p.OwnerReferences = old.OwnerReferences
	if p.Status.QOSClass == "" {
		p.Status.QOSClass = old.Status.QOSClass
	}
	if p.Status.ObservedGeneration == 0 {
		p.Status.ObservedGeneration = old.Status.ObservedGeneration
	}
	for i := range p.Status.Conditions {
		c := &p.Status.Conditions[i]
		if was := podCondition(&old.Status, c.Type); was != nil && c.ObservedGeneration == 0 {
			c.ObservedGeneration = was.ObservedGeneration
		}
	}
}

// podGrace settles how long a pod may take to stop: what the request says, else what the pod
// says; nothing for a pod that no kubelet has or that has ended.
func podGrace(p *corev1.Pod, options *metav1.DeleteOptions) {
	period := generic.Deref(p.Spec.TerminationGracePeriodSeconds)
	if options.GracePeriodSeconds != nil {
		period = *options.GracePeriodSeconds
	}
	if p.Spec.NodeName == "" || podEnded(p) {
		period = 0
	}
	if period < 0 {
		period = 1
	}
	options.GracePeriodSeconds = &period
}

func podEnded(p *corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func podCondition(s *corev1.PodStatus, t corev1.PodConditionType) *corev1.PodCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == t {
			return &s.Conditions[i]
		}
	}
	return nil
}

// setPodCondition sets a condition, with the time if its status changes.
func setPodCondition(s *corev1.PodStatus, c corev1.PodCondition) {
	c.LastTransitionTime = metav1.Now()
	old := podCondition(s, c.Type)
	if old == nil {
		s.Conditions = append(s.Conditions, c)
		return
	}
	if old.Status == c.Status {
		c.LastTransitionTime = old.LastTransitionTime
	}
	*old = c
}

func podFields(p *corev1.Pod) fields.Set {
	ip := p.Status.PodIP
	if len(p.Status.PodIPs) > 0 {
		ip = p.Status.PodIPs[0].IP
	}
	return fields.Set{
		"spec.nodeName":            p.Spec.NodeName,
		"spec.restartPolicy":       string(p.Spec.RestartPolicy),
		"spec.schedulerName":       p.Spec.SchedulerName,
		"spec.serviceAccountName":  p.Spec.ServiceAccountName,
		"spec.hostNetwork":         strconv.FormatBool(p.Spec.HostNetwork),
		"status.phase":             string(p.Status.Phase),
		"status.podIP":             ip,
		"status.podIPs":            ip,
		"status.nominatedNodeName": p.Status.NominatedNodeName,
	}
}
