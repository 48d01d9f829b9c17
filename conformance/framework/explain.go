package framework

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ExplanationEntry is the name of the report entry that a failed spec leaves: the state of its namespace.
const ExplanationEntry = "the namespace at the time of failure"

// explainFailure records pods and events of the spec's namespace before they are cleaned up.
func (f *Framework) explainFailure(SpecContext) {
	if !CurrentSpecReport().Failed() || f.API == nil || f.Namespace == "" {
		return
	}
	// The spec's own context may have ended; that is often why we are here.
	ctx, cancel := context.WithTimeout(context.Background(), scaled(APITimeout))
	defer cancel()
	AddReportEntry(ExplanationEntry, f.Explain(ctx), ReportEntryVisibilityFailureOrVerbose)
}

// Explain tells the state of the spec's namespace: its pods and the newest events.
func (f *Framework) Explain(ctx context.Context) string {
	var b strings.Builder
	fmt.Fprintf(&b, "namespace %s\n", f.Namespace)
	if pods, err := f.API.CoreV1().Pods(f.Namespace).List(ctx, metav1.ListOptions{}); err != nil {
		fmt.Fprintf(&b, "pods: %v\n", err)
	} else {
		fmt.Fprintf(&b, "pods:\n%s", podTable(pods.Items))
	}
	if events, err := f.API.CoreV1().Events(f.Namespace).List(ctx, metav1.ListOptions{}); err != nil {
		fmt.Fprintf(&b, "events: %v\n", err)
	} else {
		sortEvents(events.Items)
		fmt.Fprintf(&b, "events:\n%s", EventLines(events.Items[max(0, len(events.Items)-40):]))
	}
	return b.String()
}

func podTable(pods []corev1.Pod) string {
	var b strings.Builder
	for i := range pods {
		fmt.Fprintf(&b, "  %s\n", podLine(&pods[i]))
	}
	if len(pods) == 0 {
		b.WriteString("  none\n")
	}
	return b.String()
}

// podLine tells what matters of a pod's state in one line.
func podLine(pod *corev1.Pod) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", pod.Name, cmp.Or(string(pod.Status.Phase), "no phase"))
	if pod.Status.Reason != "" {
		fmt.Fprintf(&b, " (%s: %s)", pod.Status.Reason, pod.Status.Message)
	}
	fmt.Fprintf(&b, ", node %s, ip %s", cmp.Or(pod.Spec.NodeName, "none"), cmp.Or(pod.Status.PodIP, "none"))
	if pod.DeletionTimestamp != nil {
		fmt.Fprintf(&b, ", terminating since %s", pod.DeletionTimestamp.Format(time.TimeOnly))
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			fmt.Fprintf(&b, ", not %s (%s %s)", condition.Type, condition.Reason, condition.Message)
		}
	}
	for _, status := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		fmt.Fprintf(&b, "; %s %s, restarts %d", status.Name, stateText(status.State), status.RestartCount)
		if status.LastTerminationState.Terminated != nil {
			fmt.Fprintf(&b, ", before: %s", stateText(status.LastTerminationState))
		}
	}
	return b.String()
}

func stateText(state corev1.ContainerState) string {
	switch {
	case state.Running != nil:
		return "running"
	case state.Terminated != nil:
		t := state.Terminated
		return strings.TrimSpace(fmt.Sprintf("terminated %d %s %s", t.ExitCode, t.Reason, t.Message))
	case state.Waiting != nil:
		return strings.TrimSpace(fmt.Sprintf("waiting %s %s", state.Waiting.Reason, state.Waiting.Message))
	}
	return "no state"
}

// eventTime is when the event was last seen; series and old-style events tell it in different fields.
func eventTime(event corev1.Event) time.Time {
	switch {
	case event.Series != nil && !event.Series.LastObservedTime.IsZero():
		return event.Series.LastObservedTime.Time
	case !event.LastTimestamp.IsZero():
		return event.LastTimestamp.Time
	case !event.EventTime.IsZero():
		return event.EventTime.Time
	}
	return event.CreationTimestamp.Time
}

func sortEvents(events []corev1.Event) {
	slices.SortStableFunc(events, func(a, b corev1.Event) int { return eventTime(a).Compare(eventTime(b)) })
}

// EventLines tells events, one in each line.
func EventLines(events []corev1.Event) string {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, event := range events {
		fmt.Fprintf(tw, "  %s\t%s\t%s/%s\t%s\n", eventTime(event).Format(time.TimeOnly), event.Reason,
			strings.ToLower(event.InvolvedObject.Kind), event.InvolvedObject.Name, event.Message)
	}
	tw.Flush()
	if len(events) == 0 {
		return "  none\n"
	}
	return b.String()
}
