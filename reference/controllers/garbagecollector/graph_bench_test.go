package garbagecollector

import (
	"fmt"
	"runtime"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// benchPods is how many pods the graphs of benchmarks have: those of the largest cluster we plan for.
const benchPods = 50_000

// cluster is pods of ReplicaSets of Deployments, ten of each to one of the next, in the order in which watches could
// tell of them: pods first, so that all are in doubt about their owners.
func cluster(pods int) []*object {
	child := func(kind string, i int, owner string, of int) *object {
		o := &object{uid: types.UID(fmt.Sprintf("%s-%d-6f0d-4b0e-a3a5-%012d", kind, i, i)), kind: widget, namespace: "default", name: fmt.Sprintf("%s-%d", kind, i)}
		o.kind.Kind = kind
		if owner != "" {
			uid := types.UID(fmt.Sprintf("%s-%d-6f0d-4b0e-a3a5-%012d", owner, of, of))
			o.owners = []metav1.OwnerReference{{APIVersion: "example.com/v1", Kind: owner, Name: fmt.Sprintf("%s-%d", owner, of), UID: uid, Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true)}}
		}
		return o
	}
	var all []*object
	for i := range pods {
		all = append(all, child("Pod", i, "ReplicaSet", i/10))
	}
	for i := range pods / 10 {
		all = append(all, child("ReplicaSet", i, "Deployment", i/10))
	}
	for i := range pods / 100 {
		all = append(all, child("Deployment", i, "", 0))
	}
	return all
}

func filled(objects []*object) *graph {
	g := newGraph()
	for _, obj := range objects {
		g.observe(obj)
	}
	return g
}

// How long it takes to build the graph of a cluster, and how much memory it takes beside what the informers hold.
func BenchmarkBuildGraph(b *testing.B) {
	for _, pods := range []int{benchPods / 10, benchPods} {
		b.Run(fmt.Sprint(pods), func(b *testing.B) {
			objects := cluster(pods)
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			g := filled(objects)
			runtime.GC()
			runtime.ReadMemStats(&after)
			runtime.KeepAlive(g)
			for b.Loop() {
				runtime.KeepAlive(filled(objects))
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(len(objects)), "B/object")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(objects)), "ns/object")
			runtime.KeepAlive(objects)
		})
	}
}

// An event that changes nothing of ownership is what nearly all are.
func BenchmarkEvent(b *testing.B) {
	for _, pods := range []int{benchPods / 10, benchPods} {
		b.Run(fmt.Sprint(pods), func(b *testing.B) {
			objects := cluster(pods)
			g := filled(objects)
			i := 0
			for b.Loop() {
				again := *objects[i%len(objects)]
				g.observe(&again)
				i++
			}
		})
	}
}

// An owner of very many objects: as many as a namespace's default ServiceAccount could have, or a Node has Leases.
func BenchmarkOwnerOfMany(b *testing.B) {
	for _, dependents := range []int{benchPods / 10, benchPods} {
		many := func() (*graph, []*object) {
			objects := []*object{thing("owner")}
			for i := range dependents {
				objects = append(objects, thing(types.UID(fmt.Sprint(i)), ownedBy("owner", true)))
			}
			return filled(objects), objects
		}
		b.Run(fmt.Sprint("a dependent's event/", dependents), func(b *testing.B) {
			g, objects := many()
			i := 0
			for b.Loop() {
				again := *objects[1+i%dependents]
				g.observe(&again)
				i++
			}
		})
		b.Run(fmt.Sprint("foreground deletion, per dependent/", dependents), func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				g, objects := many()
				b.StartTimer()
				g.observe(objects[0].with(inForeground))
				for _, obj := range objects[1:] {
					for _, uid := range g.remove(obj.uid) {
						g.blocked(uid)
						g.circle(uid)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*dependents), "ns/dependent")
		})
	}
}
