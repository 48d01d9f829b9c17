package core

import (
	"fmt"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

var (
	podSpecDoc   = corev1.PodSpec{}.SwaggerDoc()
	podStatusDoc = corev1.PodStatus{}.SwaggerDoc()
)

var podColumns = []generic.Column[*corev1.Pod]{
	generic.Name[*corev1.Pod](),
	{Name: "Ready", Doc: "The aggregate readiness state of this pod for accepting traffic.", Cell: func(p *corev1.Pod) any {
		s := summarize(p)
		return fmt.Sprintf("%d/%d", s.ready, s.total)
	}},
	{Name: "Status", Doc: "The aggregate status of the containers in this pod.", Cell: func(p *corev1.Pod) any { return summarize(p).reason }},
	{Name: "Restarts", Doc: "The number of times the containers in this pod have been restarted and when the last container in this pod has restarted.",
		Cell: func(p *corev1.Pod) any { return summarize(p).restartCell() }},
	generic.Age[*corev1.Pod](),
	{Name: "IP", Wide: true, Doc: podStatusDoc["podIP"], Cell: func(p *corev1.Pod) any {
		if len(p.Status.PodIPs) > 0 {
			return generic.Or(p.Status.PodIPs[0].IP, generic.None)
		}
		return generic.Or(p.Status.PodIP, generic.None)
	}},
	{Name: "Node", Wide: true, Doc: podSpecDoc["nodeName"], Cell: func(p *corev1.Pod) any { return generic.Or(p.Spec.NodeName, generic.None) }},
	{Name: "Nominated Node", Wide: true, Doc: podStatusDoc["nominatedNodeName"],
		Cell: func(p *corev1.Pod) any { return generic.Or(p.Status.NominatedNodeName, generic.None) }},
	{Name: "Readiness Gates", Wide: true, Doc: podSpecDoc["readinessGates"], Cell: func(p *corev1.Pod) any { return readinessGates(p) }},
}

func podRowConditions(p *corev1.Pod) []metav1.TableRowCondition {
	mark := func(message string) []metav1.TableRowCondition {
		return []metav1.TableRowCondition{{
			Type: metav1.RowCompleted, Status: metav1.ConditionTrue, Reason: string(p.Status.Phase), Message: message,
		}}
	}
	switch p.Status.Phase {
	case corev1.PodSucceeded:
		return mark("The pod has completed successfully.")
	case corev1.PodFailed:
		return mark("The pod failed.")
	default:
		return nil
	}
}

func readinessGates(p *corev1.Pod) string {
	if len(p.Spec.ReadinessGates) == 0 {
		return generic.None
	}
	passed := 0
	for _, gate := range p.Spec.ReadinessGates {
		if c := podCondition(&p.Status, gate.ConditionType); c != nil && c.Status == corev1.ConditionTrue {
			passed++
		}
	}
	return fmt.Sprintf("%d/%d", passed, len(p.Spec.ReadinessGates))
}

// restartCell writes the restarts as "3 (5m ago)".
func (s *podSummary) restartCell() string {
	if s.restarts == 0 || s.lastRestart.IsZero() {
		return strconv.Itoa(s.restarts)
	}
	return fmt.Sprintf("%d (%s ago)", s.restarts, generic.Since(s.lastRestart))
}
