package apps

import (
	"fmt"

	"context"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/etalon-dev/etalon/reference/apiserver/disabled"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

var (
	deploymentSpecDoc   = appsv1.DeploymentSpec{}.SwaggerDoc()
	deploymentStatusDoc = appsv1.DeploymentStatus{}.SwaggerDoc()
)

// Deployments is the deployments resource.
var Deployments = generic.Resource[*appsv1.Deployment]{
	GV: appsv1.SchemeGroupVersion, Plural: "deployments", Singular: "deployment", Short: []string{"deploy"}, Categories: []string{"all"},
	Object: &appsv1.Deployment{}, List: &appsv1.DeploymentList{},
	Spec:           func(d *appsv1.Deployment) any { return &d.Spec },
	Status:         func(d *appsv1.Deployment) any { return &d.Status },
	PrepareStatus:  func(_ context.Context, d, old *appsv1.Deployment) { d.Labels = old.Labels },
	StatusResets:   []string{"metadata.labels"},
	Drop:           disabled.Of(func(d *appsv1.Deployment) *corev1.PodSpec { return &d.Spec.Template.Spec }),
	Validate:       validation.Deployment,
	Warnings:       warnings.Deployment,
	ValidateUpdate: validation.DeploymentUpdate,
	ValidateStatus: validation.DeploymentStatusUpdate,
	Generation:     true,
	// The controller copies annotations to ReplicaSets, so it has to see that they changed.
	Changed: func(d, old *appsv1.Deployment) bool {
		return !equality.Semantic.DeepEqual(d.Spec, old.Spec) || !equality.Semantic.DeepEqual(d.Annotations, old.Annotations)
	},
	Columns: append(append([]generic.Column[*appsv1.Deployment]{
		generic.Name[*appsv1.Deployment](),
		{Name: "Ready", Doc: "Number of the pod with ready state", Cell: func(d *appsv1.Deployment) any {
			return fmt.Sprintf("%d/%d", d.Status.ReadyReplicas, generic.Deref(d.Spec.Replicas))
		}},
		{Name: "Up-to-date", Doc: deploymentStatusDoc["updatedReplicas"], Cell: func(d *appsv1.Deployment) any { return int64(d.Status.UpdatedReplicas) }},
		{Name: "Available", Doc: deploymentStatusDoc["availableReplicas"], Cell: func(d *appsv1.Deployment) any { return int64(d.Status.AvailableReplicas) }},
		generic.Age[*appsv1.Deployment](),
	}, generic.Templated(func(d *appsv1.Deployment) *corev1.PodSpec { return &d.Spec.Template.Spec })...), generic.Column[*appsv1.Deployment]{
		Name: "Selector", Wide: true, Doc: deploymentSpecDoc["selector"],
		Cell: func(d *appsv1.Deployment) any { return selectorString(d.Spec.Selector) },
	}),
}

var deploymentScale = generic.Scaled[*appsv1.Deployment]{
	Replicas: func(d *appsv1.Deployment) **int32 { return &d.Spec.Replicas },
	Observed: func(d *appsv1.Deployment) (int32, string) {
		return d.Status.Replicas, selectorString(d.Spec.Selector)
	},
}
