package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of events that carry an eventTime, see the API reference of events.k8s.io/v1.
const (
	maxEventReason   = 128
	maxEventAction   = 128
	maxEventNote     = 1024
	maxEventInstance = 128
)

// Event checks a new event, of either API: those of events.k8s.io carry an eventTime and are
// checked strictly, those that older clients write are not.
func Event(e *corev1.Event) field.ErrorList {
	errs := newMeta(&e.ObjectMeta, namespaced, subdomainName)
	p := field.NewPath("involvedObject", "namespace")
	switch {
	case e.InvolvedObject.Namespace == "" && e.Namespace != metav1.NamespaceDefault && e.Namespace != metav1.NamespaceSystem:
		errs = append(errs, field.Invalid(p, e.InvolvedObject.Namespace, "does not match event.namespace"))
	case e.InvolvedObject.Namespace != "" && e.InvolvedObject.Namespace != e.Namespace:
		errs = append(errs, field.Invalid(p, e.InvolvedObject.Namespace, "does not match event.namespace"))
	}
	if e.EventTime.IsZero() {
		return errs
	}
	errs = append(errs, newStyleEvent(e)...)
	if e.Series != nil {
		series := field.NewPath("series")
		if e.Series.Count < 2 {
			errs = append(errs, field.Invalid(series.Child("count"), e.Series.Count, fmt.Sprintf("should be at least %d", 2)))
		}
		if e.Series.LastObservedTime.IsZero() {
			errs = append(errs, field.Required(series.Child("lastObservedTime"), ""))
		}
	}
	return errs
}

func newStyleEvent(e *corev1.Event) field.ErrorList {
	errs := required(field.NewPath("reportingController"), e.ReportingController)
	if e.ReportingController != "" {
		errs = append(errs, qualifiedName(field.NewPath("reportingController"), e.ReportingController)...)
	}
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

// EventUpdate checks a replacement: a repetition is counted, the event stays what it was.
func EventUpdate(e, old *corev1.Event) field.ErrorList {
	errs := append(updatedMeta(&e.ObjectMeta, &old.ObjectMeta), Event(e)...)
	if old.EventTime.IsZero() && e.EventTime.IsZero() {
		return errs
	}
	fixed := func(name string, value, was any) { errs = append(errs, unchanged(field.NewPath(name), value, was)...) }
	fixed("involvedObject", e.InvolvedObject, old.InvolvedObject)
	fixed("reason", e.Reason, old.Reason)
	fixed("message", e.Message, old.Message)
	fixed("eventTime", e.EventTime, old.EventTime)
	fixed("action", e.Action, old.Action)
	fixed("related", e.Related, old.Related)
	fixed("reportingController", e.ReportingController, old.ReportingController)
	fixed("reportingInstance", e.ReportingInstance, old.ReportingInstance)
	fixed("type", e.Type, old.Type)
	return errs
}
