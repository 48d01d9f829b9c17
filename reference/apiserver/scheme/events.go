package scheme

import (
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// addEventConversions lets events.k8s.io/v1 be served from core/v1 events: one object, two views.
func addEventConversions(s *runtime.Scheme) error {
	if err := addConversions[corev1.Event, eventsv1.Event, corev1.EventList, eventsv1.EventList](s, coreEventToEvents); err != nil {
		return err
	}
	return addConversions[eventsv1.Event, corev1.Event, eventsv1.EventList, corev1.EventList](s, eventsEventToCore)
}

func coreEventToEvents(in *corev1.Event, out *eventsv1.Event) {
	out.ObjectMeta = *in.ObjectMeta.DeepCopy()
	out.EventTime = in.EventTime
	out.ReportingController, out.ReportingInstance = in.ReportingController, in.ReportingInstance
	out.Action, out.Reason, out.Note, out.Type = in.Action, in.Reason, in.Message, in.Type
	out.Regarding, out.Related = in.InvolvedObject, in.Related.DeepCopy()
	out.DeprecatedSource, out.DeprecatedCount = in.Source, in.Count
	out.DeprecatedFirstTimestamp, out.DeprecatedLastTimestamp = in.FirstTimestamp, in.LastTimestamp
	if in.Series != nil {
		out.Series = &eventsv1.EventSeries{Count: in.Series.Count, LastObservedTime: in.Series.LastObservedTime}
	}
}

func eventsEventToCore(in *eventsv1.Event, out *corev1.Event) {
	out.ObjectMeta = *in.ObjectMeta.DeepCopy()
	out.EventTime = in.EventTime
	out.ReportingController, out.ReportingInstance = in.ReportingController, in.ReportingInstance
	out.Action, out.Reason, out.Message, out.Type = in.Action, in.Reason, in.Note, in.Type
	out.InvolvedObject, out.Related = in.Regarding, in.Related.DeepCopy()
	out.Source, out.Count = in.DeprecatedSource, in.DeprecatedCount
	out.FirstTimestamp, out.LastTimestamp = in.DeprecatedFirstTimestamp, in.DeprecatedLastTimestamp
	if in.Series != nil {
		out.Series = &corev1.EventSeries{Count: in.Series.Count, LastObservedTime: in.Series.LastObservedTime}
	}
}
