package core

import (
	"strings"

	"context"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// eventTTL is after how many seconds an event that nobody updates expires.
const eventTTL = 3600

// Events is the events resource. events.k8s.io serves the same store.
var Events = generic.Resource[*corev1.Event]{
	GV: corev1.SchemeGroupVersion, Plural: "events", Singular: "event", Short: []string{"ev"},
	Object: &corev1.Event{}, List: &corev1.EventList{},
	ValidateFor:       validation.Event,
	ValidateUpdateFor: validation.EventUpdate,
	CreateOnUpdate:    true,
	TTL:               eventTTL,
	// Events own nothing, and a finalizer would outlive its lease.
	Propagation: func(context.Context) rest.GarbageCollectionPolicy { return rest.Unsupported },
	Fields: func(e *corev1.Event) fields.Set {
		return fields.Set{
			"involvedObject.kind":            e.InvolvedObject.Kind,
			"involvedObject.namespace":       e.InvolvedObject.Namespace,
			"involvedObject.name":            e.InvolvedObject.Name,
			"involvedObject.uid":             string(e.InvolvedObject.UID),
			"involvedObject.apiVersion":      e.InvolvedObject.APIVersion,
			"involvedObject.resourceVersion": e.InvolvedObject.ResourceVersion,
			"involvedObject.fieldPath":       e.InvolvedObject.FieldPath,
			"reason":                         e.Reason,
			"reportingComponent":             e.ReportingController,
			"source":                         generic.Or(e.Source.Component, e.ReportingController),
			"type":                           e.Type,
		}
	},
	Columns: eventColumns,
}

var eventDoc = corev1.Event{}.SwaggerDoc()

var eventColumns = []generic.Column[*corev1.Event]{
	{Name: "Last Seen", Doc: eventDoc["lastTimestamp"], Cell: func(e *corev1.Event) any { return lastSeen(e) }},
	{Name: "Type", Doc: eventDoc["type"], Cell: func(e *corev1.Event) any { return e.Type }},
	{Name: "Reason", Doc: eventDoc["reason"], Cell: func(e *corev1.Event) any { return e.Reason }},
	{Name: "Object", Doc: eventDoc["involvedObject"], Cell: func(e *corev1.Event) any {
		kind := strings.ToLower(e.InvolvedObject.Kind)
		if e.InvolvedObject.Name == "" {
			return kind
		}
		return kind + "/" + e.InvolvedObject.Name
	}},
	{Name: "Subobject", Wide: true, Doc: corev1.ObjectReference{}.SwaggerDoc()["fieldPath"], Cell: func(e *corev1.Event) any { return e.InvolvedObject.FieldPath }},
	{Name: "Source", Wide: true, Doc: eventDoc["source"], Cell: func(e *corev1.Event) any { return eventSource(e) }},
	{Name: "Message", Doc: eventDoc["message"], Cell: func(e *corev1.Event) any { return strings.TrimSpace(e.Message) }},
	{Name: "First Seen", Wide: true, Doc: eventDoc["firstTimestamp"], Cell: func(e *corev1.Event) any {
		if e.FirstTimestamp.IsZero() {
			return generic.SinceMicro(e.EventTime)
		}
		return generic.Since(e.FirstTimestamp)
	}},
	{Name: "Count", Wide: true, Doc: eventDoc["count"], Cell: func(e *corev1.Event) any { return eventCount(e) }},
	generic.NameAs(func(e *corev1.Event) string { return e.Name }).AsWide(),
}

func lastSeen(e *corev1.Event) string {
	switch {
	case e.Series != nil:
		return generic.SinceMicro(e.Series.LastObservedTime)
	case !e.LastTimestamp.IsZero():
		return generic.Since(e.LastTimestamp)
	case !e.FirstTimestamp.IsZero():
		return generic.Since(e.FirstTimestamp)
	default:
		return generic.SinceMicro(e.EventTime)
	}
}

// eventCount is how often an event was seen; newer clients count in the series, or not at all.
func eventCount(e *corev1.Event) int64 {
	switch {
	case e.Series != nil:
		return int64(e.Series.Count)
	case e.Count == 0:
		return 1
	default:
		return int64(e.Count)
	}
}

func eventSource(e *corev1.Event) string {
	component := generic.Or(e.Source.Component, e.ReportingController)
	if host := generic.Or(e.Source.Host, e.ReportingInstance); host != "" {
		return component + ", " + host
	}
	return component
}
