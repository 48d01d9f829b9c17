package integration_test

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestEventsByVersion: one store, but each API judges what it is sent by its own rules.
func TestEventsByVersion(t *testing.T) {
	ctx, client := context.Background(), admin()
	about := corev1.ObjectReference{Kind: "Pod", Namespace: "default", Name: "a"}
	legacy := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Name: "legacy"}, InvolvedObject: about, Count: 1}
	if _, err := client.CoreV1().Events("default").Create(ctx, legacy, metav1.CreateOptions{}); err != nil {
		t.Errorf("an event as older clients write them: %v", err)
	}
	_, err := client.EventsV1().Events("default").Create(ctx, &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "bare"}, Regarding: about, Type: "Normal", DeprecatedCount: 1,
	}, metav1.CreateOptions{})
	if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), "eventTime: Required value") || !strings.Contains(err.Error(), `count: Invalid value: "": needs to be unset`) {
		t.Errorf("an event without a time, with a count: %v", err)
	}
	e, err := client.EventsV1().Events("default").Create(ctx, &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "whole"}, Regarding: about, Type: "Normal", EventTime: metav1.NowMicro(),
		Reason: "Started", Action: "Starting", ReportingController: "example.com/c", ReportingInstance: "c-1",
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	e.Reason = "Stopped"
	if _, err = client.EventsV1().Events("default").Update(ctx, e, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), `reason: Invalid value: "Stopped": field is immutable`) {
		t.Errorf("another reason: %v", err)
	}
	e.Reason, e.Series = "Started", &eventsv1.EventSeries{Count: 2, LastObservedTime: metav1.NowMicro()}
	if _, err = client.EventsV1().Events("default").Update(ctx, e, metav1.UpdateOptions{}); err != nil {
		t.Errorf("seen again: %v", err)
	}
}

// TestCausesAppearOnce: what the machinery and two sets of rules find wrong is one cause.
func TestCausesAppearOnce(t *testing.T) {
	ctx, client := context.Background(), admin()
	c, err := client.CoreV1().ConfigMaps("default").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "causes"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	c.Labels = map[string]string{"a b": ""}
	_, err = client.CoreV1().ConfigMaps("default").Update(ctx, c, metav1.UpdateOptions{})
	status, ok := err.(apierrors.APIStatus)
	if !ok {
		t.Fatalf("wanted a refusal, got %v", err)
	}
	if causes := status.Status().Details.Causes; len(causes) != 1 || causes[0].Field != "metadata.labels" {
		t.Errorf("wanted one cause, got %+v", causes)
	}
}
