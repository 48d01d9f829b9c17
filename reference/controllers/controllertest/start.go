// Package controllertest helps to test controllers on a fake API server.
package controllertest

import (
	"testing"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/record"
)

// Start starts the informers that have been asked for and waits until they know
// what is there. They stop when the test ends.
func Start(t testing.TB, shared informers.SharedInformerFactory) {
	t.Helper()
	shared.StartWithContext(t.Context())
	for kind, synced := range shared.WaitForCacheSync(t.Context().Done()) {
		if !synced {
			t.Fatalf("the informer of %s never synced", kind)
		}
	}
}

// Recorder returns a recorder of events and a function that returns those
// recorded since it was last called, as "Type Reason message".
func Recorder() (record.EventRecorder, func() []string) {
	recorder := record.NewFakeRecorder(10000)
	return recorder, func() []string {
		var events []string
		for {
			select {
			case event := <-recorder.Events:
				events = append(events, event)
			default:
				return events
			}
		}
	}
}
