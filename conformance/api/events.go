package api

import (
	"fmt"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("events", func() {
	f := New()

	// event tells something of a ConfigMap.
	event := func(name, about, reason, kind string) *eventsv1.Event {
		return &eventsv1.Event{ObjectMeta: metav1.ObjectMeta{Name: name}, EventTime: metav1.NowMicro(), ReportingController: "example.com/teller", ReportingInstance: "teller-1",
			Action: "Telling", Reason: reason, Type: kind, Note: "of " + about,
			Regarding: corev1.ObjectReference{Kind: "ConfigMap", APIVersion: "v1", Namespace: f.Namespace, Name: about}}
	}

	f.It("api/events-versions", func(ctx SpecContext) {
		made, err := f.API.EventsV1().Events(f.Namespace).Create(ctx, event("told", "one", "Told", "Normal"), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		same, err := f.API.CoreV1().Events(f.Namespace).Get(ctx, "told", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(same.UID).To(Equal(made.UID))
		Expect(same.InvolvedObject).To(Equal(made.Regarding))
		Expect(same.Message).To(Equal("of one"))
		Expect(same.ReportingController).To(Equal("example.com/teller"))
		Expect(same.EventTime.Equal(&made.EventTime)).To(BeTrue(), "eventTime %v and %v", same.EventTime, made.EventTime)
		last := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
		_, err = f.API.EventsV1().Events(f.Namespace).Patch(ctx, "told", types.MergePatchType, fmt.Appendf(nil, `{"series":{"count":2,"lastObservedTime":%q}}`, last), metav1.PatchOptions{})
		Expect(err).NotTo(HaveOccurred())
		same, err = f.API.CoreV1().Events(f.Namespace).Get(ctx, "told", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(same.Series).To(HaveField("Count", BeEquivalentTo(2)))
		// What is told the old way is read the new way.
		old := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "old"}, InvolvedObject: made.Regarding, Reason: "Old", Message: "way", Type: "Warning", Count: 3,
			Source: corev1.EventSource{Component: "old-teller", Host: "here"}}
		f.Create(ctx, old)
		read, err := f.API.EventsV1().Events(f.Namespace).Get(ctx, "old", metav1.GetOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(read.Note).To(Equal("way"))
		Expect(read.DeprecatedCount).To(BeEquivalentTo(3))
		Expect(read.DeprecatedSource).To(Equal(old.Source))
	})

	f.It("api/events-selectors", func(ctx SpecContext) {
		for _, e := range []*eventsv1.Event{event("a", "one", "Told", "Normal"), event("b", "one", "Asked", "Warning"), event("c", "two", "Told", "Normal")} {
			_, err := f.API.EventsV1().Events(f.Namespace).Create(ctx, e, metav1.CreateOptions{})
			Expect(err).NotTo(HaveOccurred())
		}
		for selector, want := range map[string][]string{
			"involvedObject.name=one":                                  {"a", "b"},
			"involvedObject.kind=ConfigMap,involvedObject.name=two":    {"c"},
			"involvedObject.kind=Pod":                                  {},
			"involvedObject.namespace=" + f.Namespace + ",reason=Told": {"a", "c"},
			"type=Warning":                                          {"b"},
			"type!=Warning,involvedObject.name!=two":                {"a"},
			"reportingComponent=example.com/teller,metadata.name=c": {"c"},
		} {
			list, err := f.API.CoreV1().Events(f.Namespace).List(ctx, metav1.ListOptions{FieldSelector: selector})
			Expect(err).NotTo(HaveOccurred(), "list with %s", selector)
			names := []string{}
			for _, item := range list.Items {
				names = append(names, item.Name)
			}
			Expect(names).To(ConsistOf(want), "what %s picks", selector)
		}
		Expect(f.API.EventsV1().Events(f.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "none=such"})).To(Succeed())
		Expect(f.API.CoreV1().Events(f.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{FieldSelector: "reason=Told"})).To(Succeed())
		left, err := f.API.EventsV1().Events(f.Namespace).List(ctx, metav1.ListOptions{})
		Expect(err).NotTo(HaveOccurred())
		Expect(left.Items).To(HaveLen(1))
		Expect(left.Items[0].Name).To(Equal("b"))
	})

	f.It("api/events-form", func(ctx SpecContext) {
		try := func(change func(*eventsv1.Event)) error {
			e := event("formed", "one", "Told", "Normal")
			change(e)
			_, err := f.API.EventsV1().Events(f.Namespace).Create(ctx, e, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		}
		Expect(try(func(*eventsv1.Event) {})).To(Succeed())
		_, err := f.API.CoreV1().Events(f.Namespace).Create(ctx, &corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "astray"}, InvolvedObject: corev1.ObjectReference{Kind: "ConfigMap", Namespace: "other", Name: "one"},
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		MustBeInvalid(err, "involvedObject.namespace", "does not match event.namespace")
		MustBeInvalid(try(func(e *eventsv1.Event) { e.ReportingController = "" }), "reportingController")
		MustBeInvalid(try(func(e *eventsv1.Event) { e.Action = "" }), "action")
		MustBeInvalid(try(func(e *eventsv1.Event) { e.Reason = "" }), "reason")
		made, err := f.API.EventsV1().Events(f.Namespace).Create(ctx, event("fixed", "one", "Told", "Normal"), metav1.CreateOptions{})
		Expect(err).NotTo(HaveOccurred())
		_, err = f.API.EventsV1().Events(f.Namespace).Patch(ctx, made.Name, types.MergePatchType, []byte(`{"reason":"Other"}`), metav1.PatchOptions{})
		MustRefuse(err, http.StatusUnprocessableEntity, "reason", "field is immutable")
	})
})
