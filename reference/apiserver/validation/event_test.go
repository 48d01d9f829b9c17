package validation_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func eventOf(v schema.GroupVersion) func(*corev1.Event) field.ErrorList {
	return func(e *corev1.Event) field.ErrorList { return validation.Event(v, e) }
}

func eventUpdateOf(v schema.GroupVersion) func(e, old *corev1.Event) field.ErrorList {
	return func(e, old *corev1.Event) field.ErrorList { return validation.EventUpdate(v, e, old) }
}

// TestLegacyEvent: core/v1 is as lax as the first clients need it.
func TestLegacyEvent(t *testing.T) {
	const event = `{metadata: {name: a.1, namespace: ns}, involvedObject: {kind: Pod, namespace: ns, name: a}}`
	table(t, event, eventOf(corev1.SchemeGroupVersion), []row[corev1.Event]{
		{"any type", func(e *corev1.Event) { e.Type = "Odd" }, ``},
		{"counted", func(e *corev1.Event) { e.Count, e.FirstTimestamp, e.LastTimestamp = 2, metav1.Now(), metav1.Now() }, ``},
		{"elsewhere", func(e *corev1.Event) { e.InvolvedObject.Namespace = "other" },
			`involvedObject.namespace: Invalid value: "other": does not match event.namespace`},
		{"of the cluster", func(e *corev1.Event) { e.InvolvedObject.Namespace = "" },
			`involvedObject.namespace: Invalid value: "": does not match event.namespace`},
		{"of the cluster in default", func(e *corev1.Event) { e.InvolvedObject.Namespace, e.Namespace = "", "default" }, ``},
		{"with a time", func(e *corev1.Event) { e.EventTime = metav1.NowMicro() },
			`[reportingComponent: Required value, reportingComponent: Invalid value: "": name part must be non-empty, reportingComponent: Invalid value: "": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'), reportingInstance: Required value, action: Required value, reason: Required value]`},
	})
	updates(t, event, eventUpdateOf(corev1.SchemeGroupVersion), []row[corev1.Event]{
		{"everything may change", func(e *corev1.Event) { e.Reason, e.Message, e.Count, e.Type = "r", "m", 7, "Odd" }, ``},
		{"but not lie", func(e *corev1.Event) { e.InvolvedObject.Namespace = "other" },
			`involvedObject.namespace: Invalid value: "other": does not match event.namespace`},
	})
}

// TestEvent: events.k8s.io/v1 has a time, who reported, and no legacy fields.
func TestEvent(t *testing.T) {
	const event = `{metadata: {name: a.1, namespace: ns}, involvedObject: {kind: Pod, namespace: ns, name: a}, type: Normal, reason: Started,
action: Starting, reportingComponent: example.com/c, reportingInstance: c-1, eventTime: "2026-01-02T03:04:05.000006Z"}`
	long := strings.Repeat("x", 129)
	table(t, event, eventOf(eventsv1.SchemeGroupVersion), []row[corev1.Event]{
		{"no time", func(e *corev1.Event) { e.EventTime = metav1.MicroTime{} }, `eventTime: Required value`},
		{"type", func(e *corev1.Event) { e.Type = "Odd" }, `type: Invalid value: "": has invalid value: Odd`},
		{"name", func(e *corev1.Event) { e.Name = "A" },
			`metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`},
		{"controller", func(e *corev1.Event) { e.ReportingController = "a/" },
			`[reportingController: Invalid value: "a/": name part must be non-empty, reportingController: Invalid value: "a/": name part must consist of…`},
		{"nothing said", func(e *corev1.Event) { e.Action, e.Reason, e.ReportingInstance = "", "", "" },
			`[reportingInstance: Required value, action: Required value, reason: Required value]`},
		{"too much said", func(e *corev1.Event) {
			e.Action, e.Reason, e.ReportingInstance, e.Message = long, long, long, strings.Repeat("x", 1025)
		}, `[reportingInstance: Invalid value: "": can have at most 128 characters, action: Invalid value: "": can have at most 128 characters, reason: Invalid value: "": can have at most 128 characters, message: Invalid value: "": can have at most 1024 characters]`},
		{"legacy fields", func(e *corev1.Event) {
			e.FirstTimestamp, e.LastTimestamp, e.Count, e.Source.Host = metav1.Now(), metav1.Now(), 1, "h"
		}, `[firstTimestamp: Invalid value: "": needs to be unset, lastTimestamp: Invalid value: "": needs to be unset, count: Invalid value: "": needs to be unset, source: Invalid value: "": needs to be unset]`},
		{"series", func(e *corev1.Event) { e.Series = &corev1.EventSeries{Count: 1} },
			`[series.count: Invalid value: "": should be at least 2, series.lastObservedTime: Required value]`},
	})
	updates(t, event, eventUpdateOf(eventsv1.SchemeGroupVersion), []row[corev1.Event]{
		{"again", func(e *corev1.Event) { e.Series = &corev1.EventSeries{Count: 2, LastObservedTime: metav1.NowMicro()} }, ``},
		{"once", func(e *corev1.Event) { e.Series = &corev1.EventSeries{Count: 1, LastObservedTime: metav1.NowMicro()} },
			`series.count: Invalid value: "": should be at least 2`},
		{"reason", func(e *corev1.Event) { e.Reason = "Stopped" }, `reason: Invalid value: "Stopped": field is immutable`},
		{"message", func(e *corev1.Event) { e.Message = "m" }, `message: Invalid value: "m": field is immutable`},
		{"instance", func(e *corev1.Event) { e.ReportingInstance = "c-2" }, `reportingInstance: Invalid value: "c-2": field is immutable`},
		{"a finer time", func(e *corev1.Event) { e.EventTime.Time = e.EventTime.Add(3 * time.Nanosecond) }, ``},
		{"another time", func(e *corev1.Event) { e.EventTime.Time = e.EventTime.Add(time.Second) },
			`eventTime: Invalid value: "2026-01-02T03:04:06.000006Z": field is immutable`},
	})
}
