package controllers

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

var statefulSets = kind{
	name: "statefulset", title: "StatefulSets",
	watch: func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, []cache.SharedIndexInformer) {
		return f.Apps().V1().StatefulSets().Informer(), []cache.SharedIndexInformer{f.Apps().V1().ControllerRevisions().Informer()}
	},
	phases: func(o Options, _ []string) []phase {
		a := access[*appsv1.StatefulSet](func(c kubernetes.Interface) typed[*appsv1.StatefulSet] { return c.AppsV1().StatefulSets(namespace) })
		r, all := o.Replicas, o.Replicas+o.More
		return []phase{
			{"create", a.create(func(i int) *appsv1.StatefulSet {
				return &appsv1.StatefulSet{ObjectMeta: metaOf(i), Spec: appsv1.StatefulSetSpec{
					Replicas: ptr.To(int32(r)), Selector: selectorOf(i), Template: template(i), ServiceName: "bench",
				}}
			}), ordered(r, 1), r, statefulSetCreated(r)},
			{"roll out", a.patch(nextImage), ordered(r, 2), r, statefulSetRolledOut(r)},
			{fmt.Sprintf("scale to %d", all), a.patch(scale(all)), ordered(all, 3), all, statefulSetScaled(o.More)},
			{"delete", a.delete, nil, 0, statefulSetDeleted(all)},
		}
	},
}

// ordered tells whether a StatefulSet has so many replicas of one revision, all available, and says so, of so many
// versions of its spec.
func ordered(replicas int, generation int64) func(metav1.Object) bool {
	n := int32(replicas)
	return when(func(set *appsv1.StatefulSet) bool {
		s := &set.Status
		return s.ObservedGeneration >= generation && s.CurrentRevision == s.UpdateRevision &&
			s.Replicas == n && s.UpdatedReplicas == n && s.CurrentReplicas == n && s.ReadyReplicas == n && s.AvailableReplicas == n
	})
}
