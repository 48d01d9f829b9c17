package framework

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// Annotations and labels by which Deployments and their ReplicaSets speak to the user.
const (
	RevisionAnnotation        = "deployment.kubernetes.io/revision"
	RevisionHistoryAnnotation = "deployment.kubernetes.io/revision-history"
	DesiredReplicasAnnotation = "deployment.kubernetes.io/desired-replicas"
	MaxReplicasAnnotation     = "deployment.kubernetes.io/max-replicas"
	ChangeCauseAnnotation     = "kubernetes.io/change-cause"
	PodTemplateHash           = appsv1.DefaultDeploymentUniqueLabelKey
)

// Template turns a pod into a template for pods like it, labelled app=app.
func Template(app string, pod *corev1.Pod) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app}}, Spec: pod.Spec}
}

// ReplicaSet describes a ReplicaSet of pods app=name made from pod.
func ReplicaSet(name string, replicas int32, pod *corev1.Pod) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: appsv1.ReplicaSetSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: Template(name, pod),
		},
	}
}

// Controller describes a ReplicationController of pods app=name made from pod.
func Controller(name string, replicas int32, pod *corev1.Pod) *corev1.ReplicationController {
	template := Template(name, pod)
	return &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec:       corev1.ReplicationControllerSpec{Replicas: &replicas, Selector: map[string]string{"app": name}, Template: &template},
	}
}

// Deployment describes a Deployment of pods app=name made from pod.
func Deployment(name string, replicas int32, pod *corev1.Pod) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: Template(name, pod),
		},
	}
}

// Idle describes a pod that no node takes: it stays Pending and costs nothing. It serves where
// only its object matters.
func Idle() *corev1.Pod {
	pod := Pod("idle", "sleep", "24h")
	pod.Spec.NodeSelector = map[string]string{"conformance.etalon.dev/node": "none-such"}
	return pod
}

// ChangeTemplate makes the next rollout of a Deployment, by an environment variable that changes nothing else.
func ChangeTemplate(template *corev1.PodTemplateSpec, generation string) {
	template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "GENERATION", Value: generation}}
}

// Rolled says that the controller has seen the Deployment's newest spec and brought it about:
// every pod is of the newest template and available, and no other is left.
func Rolled(d *appsv1.Deployment) bool {
	want := *d.Spec.Replicas
	s := d.Status
	return s.ObservedGeneration >= d.Generation && s.UpdatedReplicas == want && s.Replicas == want && s.AvailableReplicas == want
}

// WaitRolled waits until the Deployment's rollout is complete and returns it as it was then.
func (f *Framework) WaitRolled(ctx context.Context, name string) *appsv1.Deployment {
	GinkgoHelper()
	return f.WaitDeployment(ctx, name, "is rolled out", Rolled)
}

// WaitDeployment waits for a condition of a Deployment and returns it as it was then.
func (f *Framework) WaitDeployment(ctx context.Context, name, what string, so func(*appsv1.Deployment) bool) *appsv1.Deployment {
	GinkgoHelper()
	var d *appsv1.Deployment
	f.WaitUntil(ctx, "Deployment "+name+" "+what, SettleTimeout, func(ctx context.Context) (bool, string) {
		var err error
		if d, err = f.API.AppsV1().Deployments(f.Namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return false, err.Error()
		}
		return so(d), deploymentLine(d)
	})
	return d
}

// DeploymentCondition returns the Deployment's condition of a type; one with status "" when it has none.
func DeploymentCondition(d *appsv1.Deployment, kind appsv1.DeploymentConditionType) appsv1.DeploymentCondition {
	for _, condition := range d.Status.Conditions {
		if condition.Type == kind {
			return condition
		}
	}
	return appsv1.DeploymentCondition{Type: kind}
}

// Scale sets the number of replicas of a Deployment, ReplicaSet or ReplicationController.
func (f *Framework) Scale(ctx context.Context, object Object, replicas int) {
	GinkgoHelper()
	f.Patch(ctx, object, fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas))
}

// TellReady makes pods of ReadyWhenTold ready, or not.
func (f *Framework) TellReady(ctx context.Context, ready bool, pods ...string) {
	GinkgoHelper()
	status := map[bool]string{true: "True", false: "False"}[ready]
	patch := fmt.Sprintf(`{"status":{"conditions":[{"type":%q,"status":%q}]}}`, TellReadyGate, status)
	for _, pod := range pods {
		_, err := f.API.CoreV1().Pods(f.Namespace).Patch(ctx, pod, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{}, "status")
		f.must(err, "tell pod %s that its readiness is %t", pod, ready)
	}
}

// OwnedBy says that the object's controller is owner.
func OwnedBy(object, owner metav1.Object) bool {
	controller := metav1.GetControllerOf(object)
	return controller != nil && controller.UID == owner.GetUID() && ptr.Deref(controller.Controller, false)
}

// Names lists the names of objects.
func Names[T metav1.Object](objects []T) []string {
	names := make([]string, len(objects))
	for i, object := range objects {
		names[i] = object.GetName()
	}
	return names
}

// Where returns the objects that satisfy every one of the conditions.
func Where[T any](objects []T, conditions ...func(T) bool) []T {
	var picked []T
next:
	for _, object := range objects {
		for _, so := range conditions {
			if !so(object) {
				continue next
			}
		}
		picked = append(picked, object)
	}
	return picked
}

// Exactly returns the condition that n of the objects satisfy so.
func Exactly[T any](n int, so func(T) bool) func([]T) bool {
	return func(objects []T) bool { return len(Where(objects, so)) == n }
}

// Is returns the condition of being that very object, not just of its name.
func Is[T metav1.Object](object T) func(T) bool {
	return func(other T) bool { return other.GetUID() == object.GetUID() }
}

// WaitReplicaSetReady waits until the ReplicaSet's controller counts that many ready pods.
func (f *Framework) WaitReplicaSetReady(ctx context.Context, name string, ready int32) {
	GinkgoHelper()
	f.WaitUntil(ctx, fmt.Sprintf("ReplicaSet %s counts %d ready pods", name, ready), SettleTimeout, func(ctx context.Context) (bool, string) {
		rs, err := f.API.AppsV1().ReplicaSets(f.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return rs.Status.ReadyReplicas == ready, replicaSetLine(rs)
	})
}

// StatefulSet describes a StatefulSet of pods app=name made from pod, whose Service is of the same name.
func StatefulSet(name string, replicas int32, pod *corev1.Pod) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: appsv1.StatefulSetSpec{
			Replicas:    &replicas,
			ServiceName: name,
			Selector:    &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template:    Template(name, pod),
		},
	}
}

// DaemonSet describes a DaemonSet of pods app=name made from pod.
func DaemonSet(name string, pod *corev1.Pod) *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": name}},
			Template: Template(name, pod),
		},
	}
}
