package controllers

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

var daemonSets = kind{
	name: "daemonset", title: "DaemonSets",
	watch: func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, []cache.SharedIndexInformer) {
		return f.Apps().V1().DaemonSets().Informer(), []cache.SharedIndexInformer{f.Apps().V1().ControllerRevisions().Informer()}
	},
	phases: func(o Options, nodes []string) []phase {
		a := access[*appsv1.DaemonSet](func(c kubernetes.Interface) typed[*appsv1.DaemonSet] { return c.AppsV1().DaemonSets(namespace) })
		r := min(o.Replicas, len(nodes))
		return []phase{
			{"create", a.create(func(i int) *appsv1.DaemonSet { return daemonSet(i, some(nodes, i*r, r)) }), daemons(r, 1), r, daemonSetCreated(r)},
			{"roll out", a.patch(nextImage), daemons(r, 2), r, daemonSetRolledOut(r)},
			{"delete", a.delete, nil, 0, daemonSetDeleted(r)},
		}
	},
}

// some are n of the nodes from the one at first on, round and round.
func some(nodes []string, first, n int) []string {
	var out []string
	for i := range n {
		out = append(out, nodes[(first+i)%len(nodes)])
	}
	return out
}

// daemonSet is for some nodes only, so that it has as many pods as other kinds, and rolls out one pod at a time.
func daemonSet(i int, nodes []string) *appsv1.DaemonSet {
	t := template(i)
	t.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
		NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
			{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: nodes},
		}}},
	}}}
	return &appsv1.DaemonSet{ObjectMeta: metaOf(i), Spec: appsv1.DaemonSetSpec{Selector: selectorOf(i), Template: t}}
}

// daemons tells whether a DaemonSet has its pods on so many nodes, all available and of its template, and says so.
func daemons(nodes int, generation int64) func(metav1.Object) bool {
	n := int32(nodes)
	return when(func(set *appsv1.DaemonSet) bool {
		s := &set.Status
		return s.ObservedGeneration >= generation && s.DesiredNumberScheduled == n && s.CurrentNumberScheduled == n &&
			s.UpdatedNumberScheduled == n && s.NumberReady == n && s.NumberAvailable == n
	})
}
