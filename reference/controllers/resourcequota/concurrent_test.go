package resourcequota

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	fakediscovery "k8s.io/client-go/discovery/fake"
	metadatafake "k8s.io/client-go/metadata/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// slow is an API server that takes its time to say what it serves.
type slow struct {
	*fakediscovery.FakeDiscovery
	takes time.Duration
	asked atomic.Int64
}

func (s *slow) ServerGroupsWithContext(ctx context.Context) (*metav1.APIGroupList, error) {
	s.asked.Add(1)
	select {
	case <-time.After(s.takes):
		return s.FakeDiscovery.ServerGroupsWithContext(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// While the API server is asked what it serves, whoever knows already need not wait, and whoever has to is not
// one more to ask.
func TestCatalogAsksOnceAndHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := metav1.Verbs{"create", "delete", "get", "list", "watch"}
		api := &slow{FakeDiscovery: &fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{}}, takes: 10 * time.Second}
		api.Resources = []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "secrets", Namespaced: true, Kind: "Secret", Verbs: all}}}}
		c := newCatalog(api)
		secrets, things := schema.GroupResource{Resource: "secrets"}, schema.GroupResource{Group: "example.com", Resource: "things"}
		find := func(ctx context.Context, gr schema.GroupResource) (ok bool, took time.Duration, err error) {
			began := time.Now()
			_, ok, err = c.find(ctx, gr)
			return ok, time.Since(began), err
		}
		if ok, _, err := find(t.Context(), secrets); !ok || err != nil {
			t.Fatalf("secrets: %t, %v", ok, err)
		}
		time.Sleep(staleAfter)
		asked := api.asked.Load()
		for range 3 {
			go func() {
				if ok, _, err := find(t.Context(), things); ok || err != nil {
					t.Errorf("things: %t, %v", ok, err)
				}
			}()
		}
		synctest.Wait()
		if ok, took, err := find(t.Context(), secrets); !ok || err != nil || took > 0 {
			t.Errorf("meanwhile, secrets: %t, %v after %s, wanted what is known at once", ok, err, took)
		}
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, took, err := find(impatient, things); err == nil || took > time.Second {
			t.Errorf("whoever has a second got %v after %s", err, took)
		}
		time.Sleep(api.takes)
		if asked = api.asked.Load() - asked; asked != 1 {
			t.Errorf("the API server was asked %d times, wanted once", asked)
		}
	})
}

// A quota that comes while another worker looks what is limited no more does not lose its watch.
func TestKeepsWhatIsAskedForMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, client, _ := newController(t, newQuota("first", "count/things.example.com"))
		defer finish(t, c)
		api := &slow{FakeDiscovery: client.Discovery().(*fakediscovery.FakeDiscovery)}
		c.catalog.discovery = api
		api.Resources = append(api.Resources, &metav1.APIResourceList{GroupVersion: "example.com/v1", APIResources: []metav1.APIResource{
			{Name: "gadgets", Namespaced: true, Kind: "Gadget", Verbs: api.Resources[0].APIResources[0].Verbs}}})
		gadgets := schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "gadgets"}
		if _, _, err := c.catalog.find(t.Context(), gadgets.GroupResource()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * askAgain)
		api.takes = time.Second
		stopped := make(chan error, 1)
		go func() { stopped <- c.stopUnused(t.Context()) }() // sees the first, and asks for its things
		synctest.Wait()

		second := newQuota("second", "count/gadgets.example.com")
		if _, err := client.CoreV1().ResourceQuotas("ns").Create(t.Context(), second, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := c.Reconcile(t.Context(), controller.Key(second)); err != nil {
			t.Fatal(err)
		}
		if err := <-stopped; err != nil {
			t.Fatal(err)
		}
		if c.monitors.running[gadgets] == nil || c.registry.Get(gadgets.GroupResource()) == nil {
			t.Error("gadgets are watched no more though a quota limits them")
		}
		if err := client.CoreV1().ResourceQuotas("ns").Delete(t.Context(), "second", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, err := c.Reconcile(t.Context(), controller.Key(second)); err != nil {
			t.Fatal(err)
		}
		if c.monitors.running[gadgets] != nil || c.registry.Get(gadgets.GroupResource()) != nil {
			t.Error("gadgets are watched though no quota limits them")
		}
	})
}

// reluctant is a watch that takes a while to end.
type reluctant struct {
	watch.Interface
	ended *atomic.Bool
}

func (r reluctant) Stop() {
	time.Sleep(time.Second)
	r.Interface.Stop()
	r.ended.Store(true)
}

// What Run has started has ended when it returns.
func TestRunWaitsForItsWatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := newController(t, newQuota("q", "count/secrets"))
		var ended atomic.Bool
		began := make(chan struct{})
		c.monitors.metadata.(*metadatafake.FakeMetadataClient).PrependWatchReactor("*", func(clienttesting.Action) (bool, watch.Interface, error) {
			close(began)
			return true, reluctant{watch.NewFake(), &ended}, nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		returned := make(chan struct{})
		go func() {
			defer close(returned)
			c.Run(ctx, 2)
		}()
		<-began
		cancel()
		<-returned
		if !ended.Load() {
			t.Error("the watch of secrets was still there when Run had returned")
		}
	})
}

// finish ends what every controller has from its beginning: its queue.
func finish(t *testing.T, c *Controller) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	c.Run(ended, 1)
}

func newQuota(name, limited string) *corev1.ResourceQuota {
	return &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: corev1.ResourceQuotaSpec{Hard: list(limited, "5")}}
}
