package validation

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of events that carry an eventTime, see the API reference of events.k8s.io/v1.
const (
	maxEventReason   = 128
	maxEventAction   = 128
	maxEventNote     = 1024
	maxEventInstance = 128
)

const mustBeUnset = "needs to be unset"

// Event checks a new event, sent in version v. What comes as v1 may be as older clients write it, and
// only what has an eventTime must say who reports what; what comes as events.k8s.io/v1 has an eventTime
// and none of the fields that it replaced. Errors name v1's fields.
func Event(v schema.GroupVersion, e *corev1.Event) field.ErrorList {
	errs := eventOfAnyAge(v, e)
	if v == corev1.SchemeGroupVersion {
		return errs
	}
	errs = append(errs, newMeta(&e.ObjectMeta, namespaced, subdomainName)...)
	errs = append(errs, eventSeries(e.Series)...)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
	}
	if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
		errs = append(errs, field.Invalid(field.NewPath("type"), "", fmt.Sprintf("has invalid value: %v", e.Type)))
	}
	replaced := func(name string, set bool) {
		if set {
			errs = append(errs, field.Invalid(field.NewPath(name), "", mustBeUnset))
		}
	}
	replaced("firstTimestamp", !e.FirstTimestamp.IsZero())
	replaced("lastTimestamp", !e.LastTimestamp.IsZero())
	replaced("count", e.Count != 0)
	replaced("source", e.Source != corev1.EventSource{})
	return errs
}

// eventOfAnyAge is what every event must be, whoever sends it.
func eventOfAnyAge(v schema.GroupVersion, e *corev1.Event) (errs field.ErrorList) {
	p, about := field.NewPath("involvedObject", "namespace"), e.InvolvedObject.Namespace
	if e.EventTime.IsZero() {
		// What is not in a namespace has its events in default.
		if about != e.Namespace && (about != "" || e.Namespace != metav1.NamespaceDefault) {
			errs = append(errs, field.Invalid(p, about, "does not match event.namespace"))
		}
	} else {
		if about == "" && e.Namespace != metav1.NamespaceDefault && e.Namespace != metav1.NamespaceSystem {
			errs = append(errs, field.Invalid(p, about, "does not match event.namespace"))
		}
		errs = append(errs, reportedEvent(v, e)...)
	}
	return append(errs, dnsSubdomain(field.NewPath("namespace"), e.Namespace)...)
}

func reportedEvent(v schema.GroupVersion, e *corev1.Event) field.ErrorList {
	controller := field.NewPath("reportingController")
	if v == corev1.SchemeGroupVersion {
		controller = field.NewPath("reportingComponent")
	}
	errs := append(required(controller, e.ReportingController), qualifiedName(controller, e.ReportingController)...)
	bounded := func(name, value string, most int) {
		p := field.NewPath(name)
		errs = append(errs, required(p, value)...)
		errs = append(errs, atMostLong(p, value, most)...)
	}
	bounded("reportingInstance", e.ReportingInstance, maxEventInstance)
	bounded("action", e.Action, maxEventAction)
	bounded("reason", e.Reason, maxEventReason)
	return append(errs, atMostLong(field.NewPath("message"), e.Message, maxEventNote)...)
}

func atMostLong(p *field.Path, value string, most int) field.ErrorList {
	if len(value) > most {
		return field.ErrorList{field.Invalid(p, "", fmt.Sprintf("can have at most %v characters", most))}
	}
	return nil
}

func eventSeries(s *corev1.EventSeries) (errs field.ErrorList) {
	if s == nil {
		return nil
	}
	if s.Count < 2 {
		errs = append(errs, field.Invalid(field.NewPath("series", "count"), "", "should be at least 2"))
	}
	if s.LastObservedTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("series", "lastObservedTime"), ""))
	}
	return errs
}

// EventUpdate checks a replacement, sent in version v. In v1 everything may change; in events.k8s.io/v1
// a repetition is counted in the series, and the event stays what it was.
func EventUpdate(v schema.GroupVersion, e, old *corev1.Event) field.ErrorList {
	errs := eventOfAnyAge(v, e)
	if v == corev1.SchemeGroupVersion {
		return errs
	}
	errs = append(errs, updatedMeta(&e.ObjectMeta, &old.ObjectMeta)...)
	if !equal(e.Series, old.Series) {
		errs = append(errs, eventSeries(e.Series)...)
	}
	fixed := func(name string, value, was any) { errs = append(errs, unchanged(field.NewPath(name), value, was)...) }
	fixed("involvedObject", e.InvolvedObject, old.InvolvedObject)
	fixed("reason", e.Reason, old.Reason)
	fixed("message", e.Message, old.Message)
	fixed("firstTimestamp", e.FirstTimestamp, old.FirstTimestamp)
	fixed("lastTimestamp", e.LastTimestamp, old.LastTimestamp)
	fixed("count", e.Count, old.Count)
	// In JSON times have microseconds, in protobuf nanoseconds.
	if !e.EventTime.Truncate(time.Microsecond).Equal(old.EventTime.Truncate(time.Microsecond)) {
		fixed("eventTime", e.EventTime, old.EventTime)
	}
	fixed("action", e.Action, old.Action)
	fixed("related", e.Related, old.Related)
	fixed("reportingController", e.ReportingController, old.ReportingController)
	fixed("reportingInstance", e.ReportingInstance, old.ReportingInstance)
	fixed("type", e.Type, old.Type)
	return errs
}
