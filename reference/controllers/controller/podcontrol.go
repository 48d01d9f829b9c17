package controller

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
)

// Reasons of the events about the pods of a controller.
const (
	SuccessfulCreate = "SuccessfulCreate"
	FailedCreate     = "FailedCreate"
	SuccessfulDelete = "SuccessfulDelete"
	FailedDelete     = "FailedDelete"
)

// Pods makes and deletes pods and tells about it in events on their owner.
type Pods struct {
	Client kubernetes.Interface
	Events record.EventRecorder
}

// Create makes a pod from the template, named after the owner with five random
// characters, and controlled by it.
func (p Pods) Create(ctx context.Context, owner runtime.Object, ref *metav1.OwnerReference, namespace string, template *corev1.PodTemplateSpec) (*corev1.Pod, error) {
	return p.CreatePod(ctx, owner, FromTemplate(ref, namespace, template))
}

// CreatePod makes the pod. That there is one of its name already is reported without an event: the caller has
// chosen the name, and knows why.
func (p Pods) CreatePod(ctx context.Context, owner runtime.Object, pod *corev1.Pod) (*corev1.Pod, error) {
	pod, err := p.Client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
	if err != nil {
		// Where the namespace is going away there is nobody left to read it.
		if !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) && !apierrors.IsAlreadyExists(err) {
			p.Events.Eventf(owner, corev1.EventTypeWarning, FailedCreate, "Error creating: %v", err)
		}
		return nil, err
	}
	p.Events.Eventf(owner, corev1.EventTypeNormal, SuccessfulCreate, "Created pod: %v", pod.Name)
	return pod, nil
}

// Delete deletes the pod, gracefully. That it is gone already is reported as
// the NotFound error it is, without an event.
func (p Pods) Delete(ctx context.Context, owner runtime.Object, pod *corev1.Pod) error {
	options := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))}
	err := p.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, options)
	switch {
	case apierrors.IsNotFound(err):
		return err
	case err != nil:
		p.Events.Eventf(owner, corev1.EventTypeWarning, FailedDelete, "Error deleting: %v", err)
		return fmt.Errorf("unable to delete pods: %w", err)
	}
	p.Events.Eventf(owner, corev1.EventTypeNormal, SuccessfulDelete, "Deleted pod: %v", pod.Name)
	return nil
}

// FromTemplate is the pod that the template describes, owned by ref.
func FromTemplate(ref *metav1.OwnerReference, namespace string, template *corev1.PodTemplateSpec) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName:    podPrefix(ref.Name),
			Namespace:       namespace,
			Labels:          maps.Clone(template.Labels),
			Annotations:     maps.Clone(template.Annotations),
			Finalizers:      slices.Clone(template.Finalizers),
			OwnerReferences: []metav1.OwnerReference{*ref},
		},
		Spec: *template.Spec.DeepCopy(),
	}
}

// podPrefix separates the owner's name from the random part by a dash, unless
// that would not make a name.
func podPrefix(owner string) string {
	prefix := owner + "-"
	if len(validation.NameIsDNSSubdomain(prefix, true)) != 0 {
		return owner
	}
	return prefix
}
