package garbagecollector

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/kubernetes/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	"k8s.io/client-go/tools/record"
)

// slow is an API server that takes a minute to say what it serves.
type slow struct {
	discovery.DiscoveryInterface
	answered *bool
}

func (s slow) ServerGroups() (*metav1.APIGroupList, error) {
	time.Sleep(time.Minute)
	*s.answered = true
	return s.DiscoveryInterface.ServerGroups()
}

// When Run returns nothing of the controller is left: whoever leads next must not have company.
func TestRunReturnsWhenAllHasStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := false
		server := slow{fake.NewClientset().Discovery(), &answered}
		c := New(metadatafake.NewSimpleMetadataClient(runtime.NewScheme()), server, record.NewFakeRecorder(1))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		c.Run(ctx, 1)
		if !answered {
			t.Error("it still waits for the API server's answer")
		}
	})
}
