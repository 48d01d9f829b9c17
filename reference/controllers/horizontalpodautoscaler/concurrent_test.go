package horizontalpodautoscaler

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"
)

// slow is an API server that takes its time to say what it serves.
type slow struct {
	*fakediscovery.FakeDiscovery
	takes   time.Duration
	failure error
	asked   atomic.Int64
}

func (s *slow) ServerGroupsAndResourcesWithContext(ctx context.Context) ([]*metav1.APIGroup, []*metav1.APIResourceList, error) {
	s.asked.Add(1)
	time.Sleep(s.takes)
	if s.failure != nil {
		return nil, nil, s.failure
	}
	return s.FakeDiscovery.ServerGroupsAndResourcesWithContext(ctx)
}

// The target of one autoscaler, of a kind that is not served, does not hold up the others', however slow discovery is.
func TestUnknownKindsHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &slow{FakeDiscovery: &fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{}}}
		api.Resources = []*metav1.APIResourceList{{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{
			{Name: "deployments", Namespaced: true, Kind: "Deployment"}}}}
		k := newKinds(api)
		deployment, thing := schema.GroupKind{Group: "apps", Kind: "Deployment"}, schema.GroupKind{Group: "example.com", Kind: "Thing"}
		find := func(kind schema.GroupKind) (time.Duration, error) {
			began := time.Now()
			_, err := k.RESTMappings(kind)
			return time.Since(began), err
		}
		if _, err := find(deployment); err != nil {
			t.Fatal(err)
		}
		time.Sleep(askAgain)
		api.takes = 10 * time.Second
		for range 3 {
			go func() {
				if took, err := find(thing); took != api.takes || !meta.IsNoMatchError(err) {
					t.Errorf("what is not served: %v after %s", err, took)
				}
			}()
		}
		synctest.Wait()
		if took, err := find(deployment); took != 0 || err != nil {
			t.Errorf("meanwhile, what is known: %v after %s", err, took)
		}
		time.Sleep(api.takes)
		synctest.Wait()
		if took, err := find(thing); took != 0 || !meta.IsNoMatchError(err) {
			t.Errorf("right after that: %v after %s", err, took)
		}
		if asked := api.asked.Load(); asked != 2 {
			t.Errorf("the API server was asked %d times, wanted 2", asked)
		}
		// Not to hear from the API server is another matter than to hear that there is no such kind.
		time.Sleep(askAgain)
		api.failure = errors.New("no answer")
		if _, err := find(thing); !errors.Is(err, api.failure) {
			t.Errorf("without an answer: %v", err)
		}
		if _, err := find(deployment); err != nil {
			t.Errorf("what is known, without an answer: %v", err)
		}
		api.Resources = append(api.Resources, &metav1.APIResourceList{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{
			{Name: "things", Namespaced: true, Kind: "Thing"}}})
		api.failure = nil
		if _, err := find(thing); err != nil {
			t.Errorf("what has come to be: %v", err)
		}
	})
}

// lingering are metrics that take a while to stop being kept up with.
type lingering struct {
	readings
	ended *atomic.Bool
}

func (l lingering) run(ctx context.Context, _ time.Duration) {
	<-ctx.Done()
	time.Sleep(time.Second)
	l.ended.Store(true)
}

// What Run has started has ended when it returns.
func TestRunWaitsForItsMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		var ended atomic.Bool
		w.metrics = lingering{w.readings, &ended}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w.Run(ctx, 1)
		if !ended.Load() {
			t.Error("metrics were still being kept up with when Run had returned")
		}
	})
}
