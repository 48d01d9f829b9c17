package placement

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// A pod of one of 50 ReplicaSets is placed in a cluster of 5,000 nodes with 50,000 such pods, beside a daemon of one node.
func BenchmarkSchedule(b *testing.B) {
	const nodes, owners, perOwner = 5000, 50, 1000
	s := NewSnapshot()
	for i := range nodes {
		s.SetNode(aNode(fmt.Sprintf("node-%d", i), labelled(corev1.LabelTopologyZone, fmt.Sprint("zone-", i%3))))
	}
	replica := func(owner, i int) *Pod {
		name := fmt.Sprintf("web-%d", owner)
		return NewPod(aPod(fmt.Sprintf("%s-%d", name, i), requesting(amounts("100m", "50Mi")), func(p *corev1.Pod) {
			p.Labels = map[string]string{"app": name, "pod-template-hash": "12345"}
			p.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: name, Controller: ptr.To(true)}}
		}))
	}
	for o := range owners {
		name := fmt.Sprintf("web-%d", o)
		s.SetOwner(Owner{"ReplicaSet", "default", name}, labels.SelectorFromSet(labels.Set{"app": name}))
		for i := range perOwner {
			s.Place(replica(o, i), fmt.Sprintf("node-%d", (o*perOwner+i)%nodes))
		}
	}
	ties := seed(1)
	for name, pod := range map[string]*Pod{"replica": replica(7, perOwner), "daemon": NewPod(daemon("node-77"))} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := Schedule(s, pod, ties); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
