package nodeipam

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func nodeWith(name string, cidrs ...string) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{PodCIDRs: cidrs}}
	if len(cidrs) > 0 {
		node.Spec.PodCIDR = cidrs[0]
	}
	return node
}

type fixture struct {
	*Controller
	client *fake.Clientset
	events func() []string
}

func newFixture(t *testing.T, o Options, objects ...runtime.Object) *fixture {
	client := fake.NewClientset(objects...)
	shared := informers.NewSharedInformerFactory(client, 0)
	recorder, events := controllertest.Recorder()
	f := &fixture{Controller: New(client, shared, recorder, o), client: client, events: events}
	controllertest.Start(t, shared)
	for !f.synced[0]() { // the handlers are another goroutine
		time.Sleep(time.Millisecond)
	}
	return f
}

func (f *fixture) cidrs(t *testing.T, name string) []string {
	t.Helper()
	node, err := f.client.CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(node.Spec.PodCIDRs) > 0 && node.Spec.PodCIDR != node.Spec.PodCIDRs[0] {
		t.Errorf("node %s has podCIDR %s and podCIDRs %v", name, node.Spec.PodCIDR, node.Spec.PodCIDRs)
	}
	return node.Spec.PodCIDRs
}

func options(t *testing.T, cluster, service string) Options {
	t.Helper()
	c, err := ParseNetworks(cluster)
	if err != nil {
		t.Fatal(err)
	}
	s, err := ParseNetworks(service)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Allocate: true, Cluster: c, Service: s}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	return o
}

// A node gets a range that neither another node nor Services have, of each family.
func TestGivesWhatIsFree(t *testing.T) {
	f := newFixture(t, options(t, "10.244.0.0/16,fd00::/56", "10.244.0.0/23,fd00::/112"), nodeWith("old", "10.244.2.0/24", "fd00:0:0:1::/64"), nodeWith("new"))
	if _, err := f.Reconcile(t.Context(), types.NamespacedName{Name: "new"}); err != nil {
		t.Fatal(err)
	}
	if got, want := f.cidrs(t, "new"), []string{"10.244.3.0/24", "fd00:0:0:2::/64"}; !slices.Equal(got, want) {
		t.Errorf("it has %v, want %v", got, want)
	}
	if got := f.cidrs(t, "old"); got[0] != "10.244.2.0/24" {
		t.Errorf("the other one has %v now", got)
	}
}

// A node for which nothing is left is told so once, and waits until another one goes.
func TestWaitsForARange(t *testing.T) {
	f := newFixture(t, options(t, "10.244.0.0/24", ""), nodeWith("old", "10.244.0.0/24"), nodeWith("new"))
	key := types.NamespacedName{Name: "new"}
	for range 3 {
		if again, err := f.Reconcile(t.Context(), key); err != nil || again != 0 || len(f.cidrs(t, "new")) > 0 {
			t.Errorf("look again in %s, error %v, ranges %v", again, err, f.cidrs(t, "new"))
		}
	}
	if got, want := f.events(), []string{"Normal CIDRNotAvailable Node new status is now: CIDRNotAvailable"}; !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
	f.nodeChanged(nodeWith("old", "10.244.0.0/24"), nil)
	if _, err := f.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	if got := f.cidrs(t, "new"); !slices.Equal(got, []string{"10.244.0.0/24"}) {
		t.Errorf("it has %v", got)
	}
}

// Half a success is none: what was taken of one network goes back if the other
// is full.
func TestAllOrNothing(t *testing.T) {
	f := newFixture(t, options(t, "10.244.0.0/23,fd00::/64", ""), nodeWith("old", "10.244.0.0/24", "fd00::/64"), nodeWith("new"))
	for range 5 {
		if _, err := f.Reconcile(t.Context(), types.NamespacedName{Name: "new"}); err != nil || len(f.cidrs(t, "new")) > 0 {
			t.Errorf("error %v, ranges %v", err, f.cidrs(t, "new"))
		}
	}
	if got, ok := f.ranges[0].allocate(); !ok || got != netip.MustParsePrefix("10.244.1.0/24") {
		t.Errorf("%s is free, %t; want 10.244.1.0/24", got, ok)
	}
}
