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

var replicaSets = kind{
	name: "replicaset", title: "ReplicaSets",
	watch: func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, []cache.SharedIndexInformer) {
		return f.Apps().V1().ReplicaSets().Informer(), nil
	},
	phases: func(o Options, _ []string) []phase {
		a := access[*appsv1.ReplicaSet](func(c kubernetes.Interface) typed[*appsv1.ReplicaSet] { return c.AppsV1().ReplicaSets(namespace) })
		r, all := o.Replicas, o.Replicas+o.More
		return []phase{
			{"create", a.create(func(i int) *appsv1.ReplicaSet {
				return &appsv1.ReplicaSet{ObjectMeta: metaOf(i), Spec: appsv1.ReplicaSetSpec{
					Replicas: ptr.To(int32(r)), Selector: selectorOf(i), Template: template(i),
				}}
			}), replicated(r), r, replicaSetCreated(r)},
			{fmt.Sprintf("scale to %d", all), a.patch(scale(all)), replicated(all), all, replicaSetScaledUp(o.More)},
			{fmt.Sprintf("scale to %d", r), a.patch(scale(r)), replicated(r), r, replicaSetScaledDown(o.More)},
			{"delete", a.delete, nil, 0, replicaSetDeleted(r)},
		}
	},
}

// replicated tells whether a ReplicaSet has so many replicas, all available, and says so.
func replicated(replicas int) func(metav1.Object) bool {
	n := int32(replicas)
	return when(func(rs *appsv1.ReplicaSet) bool {
		s := &rs.Status
		return s.ObservedGeneration >= rs.Generation && *rs.Spec.Replicas == n && s.Replicas == n && s.ReadyReplicas == n && s.AvailableReplicas == n
	})
}
