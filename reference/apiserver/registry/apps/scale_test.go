package apps

import (
	"context"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/registry/registrytest"
	"github.com/etalon-dev/etalon/reference/apiserver/scheme"
)

// A Scale shows and changes the replicas of its parent, which counts as a change of the spec, and
// whoever changed them manages them from then on.
func TestScale(t *testing.T) {
	ctx := registrytest.In("default")
	m, err := Install(registrytest.Getter(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, r := range m {
			r.Destroy()
		}
	})
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: "web", Namespace: "default",
			ManagedFields: []metav1.ManagedFieldsEntry{{
				Manager: "kubectl", Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "apps/v1", FieldsType: "FieldsV1",
				FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:spec":{"f:paused":{},"f:replicas":{}}}`)},
			}},
		},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "web"}},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "tool"}}},
			},
		},
	}
	scheme.Scheme.Default(d)
	deployments := m["deployments"].(*generic.REST)
	if _, err := deployments.Create(ctx, d, rest.ValidateAllObjectFunc, &metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	scale := m["deployments/scale"].(*generic.Scale[*appsv1.Deployment])
	obj, err := scale.Get(ctx, "web", &metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	s := obj.(*autoscalingv1.Scale)
	if s.Spec.Replicas != 1 || s.Status.Selector != "app=web" || len(s.ManagedFields) != 1 || s.ManagedFields[0].APIVersion != "autoscaling/v1" {
		t.Fatalf("got %+v", s)
	}

	to := func(replicas int32, version string) error {
		info := rest.DefaultUpdatedObjectInfo(nil, func(_ context.Context, _, old runtime.Object) (runtime.Object, error) {
			s := old.DeepCopyObject().(*autoscalingv1.Scale)
			s.Spec.Replicas, s.ResourceVersion = replicas, version
			s.ManagedFields[0].Manager = "autoscaler"
			return s, nil
		})
		_, _, err := scale.Update(ctx, "web", info, rest.ValidateAllObjectFunc, rest.ValidateAllObjectUpdateFunc, false, &metav1.UpdateOptions{})
		return err
	}
	if err := to(-1, ""); !apierrors.IsInvalid(err) {
		t.Errorf("negative replicas: %v", err)
	}
	if err := to(4, s.ResourceVersion); err != nil {
		t.Fatal(err)
	}
	if err := to(5, s.ResourceVersion); !apierrors.IsConflict(err) {
		t.Errorf("a stale version: %v", err)
	}
	got, err := deployments.Get(ctx, "web", &metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	d = got.(*appsv1.Deployment)
	if *d.Spec.Replicas != 4 || d.Generation != 2 {
		t.Errorf("parent: %d replicas, generation %d", *d.Spec.Replicas, d.Generation)
	}
	managers := map[string]string{}
	for _, e := range d.ManagedFields {
		managers[e.Manager] = string(e.FieldsV1.Raw)
	}
	if managers["kubectl"] != `{"f:spec":{"f:paused":{}}}` || managers["autoscaler"] != `{"f:spec":{"f:replicas":{}}}` {
		t.Errorf("managers: %v", managers)
	}
}
