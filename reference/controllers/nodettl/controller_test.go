package nodettl

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func TestStepsByClusterSize(t *testing.T) {
	now := 0
	for _, test := range []struct{ nodes, seconds int }{
		{1, 0}, {100, 0}, {101, 15}, {95, 15}, {90, 15}, {89, 0}, {501, 30}, {450, 30}, {449, 15},
		{1001, 60}, {899, 30}, {5000, 300}, {1800, 300}, {1799, 60}, {3, 0}, {0, 0}, {100000, 300},
	} {
		now = next(now, test.nodes)
		if got := steps[now].seconds; got != test.seconds {
			t.Errorf("with %d nodes %d s, want %d", test.nodes, got, test.seconds)
		}
	}
}

// Wherever it comes from, the step fits the size of the cluster.
func TestStepsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		nodes := rapid.IntRange(0, 10000).Draw(t, "nodes")
		got := steps[next(rapid.IntRange(0, len(steps)-1).Draw(t, "from"), nodes)]
		if nodes < got.least || got.most != 0 && nodes > got.most {
			t.Fatalf("%d nodes at the step from %d to %d", nodes, got.least, got.most)
		}
	})
}

func TestAnnotates(t *testing.T) {
	client := fake.NewClientset()
	for i := range 101 {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint("node-", i), Annotations: map[string]string{"example.com/kept": "yes"}}}
		if err := client.Tracker().Add(node); err != nil {
			t.Fatal(err)
		}
	}
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, shared)
	controllertest.Start(t, shared)
	for !c.synced[0]() { // the handlers are another goroutine
		time.Sleep(time.Millisecond)
	}
	if _, err := c.Reconcile(t.Context(), types.NamespacedName{Name: "node-7"}); err != nil {
		t.Fatal(err)
	}
	node, err := client.CoreV1().Nodes().Get(t.Context(), "node-7", metav1.GetOptions{})
	if err != nil || node.Annotations["node.alpha.kubernetes.io/ttl"] != "15" || node.Annotations["example.com/kept"] != "yes" {
		t.Errorf("annotations %v, error %v", node.Annotations, err)
	}
}
