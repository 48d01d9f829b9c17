package controllers

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

var deployments = kind{
	name: "deployment", title: "Deployments",
	watch: func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, []cache.SharedIndexInformer) {
		return f.Apps().V1().Deployments().Informer(), []cache.SharedIndexInformer{f.Apps().V1().ReplicaSets().Informer()}
	},
	phases: func(o Options, _ []string) []phase {
		a := access[*appsv1.Deployment](func(c kubernetes.Interface) typed[*appsv1.Deployment] { return c.AppsV1().Deployments(namespace) })
		r, all := o.Replicas, o.Replicas+o.More
		return []phase{
			{"create", a.create(func(i int) *appsv1.Deployment { return deployment(i, r) }), rolledOut(r, "1"), r, deploymentCreated(r)},
			{"roll out", a.patch(nextImage), rolledOut(r, "2"), r, deploymentRolledOut(r)},
			{fmt.Sprintf("scale to %d", all), a.patch(scale(all)), rolledOut(all, "2"), all, deploymentScaled(o.More)},
			{"delete", a.delete, nil, 0, deploymentDeleted(all)},
		}
	},
}

// deployment rolls out one pod at a time, and never has fewer than its replicas.
func deployment(i, replicas int) *appsv1.Deployment {
	return &appsv1.Deployment{ObjectMeta: metaOf(i), Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To(int32(replicas)), Selector: selectorOf(i), Template: template(i),
		Strategy: appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxSurge: ptr.To(intstr.FromInt32(1)), MaxUnavailable: ptr.To(intstr.FromInt32(0)),
		}},
	}}
}

// revisionAnnotation is the number of a Deployment's template in its history.
const revisionAnnotation = "deployment.kubernetes.io/revision"

// rolledOut tells whether a Deployment has so many replicas of its revision, all available, and says so.
func rolledOut(replicas int, revision string) func(metav1.Object) bool {
	n := int32(replicas)
	return when(func(d *appsv1.Deployment) bool {
		s := &d.Status
		return s.ObservedGeneration >= d.Generation && *d.Spec.Replicas == n && d.Annotations[revisionAnnotation] == revision &&
			s.Replicas == n && s.UpdatedReplicas == n && s.ReadyReplicas == n && s.AvailableReplicas == n
	})
}
