// Package events records what happens to pods and the node for their users to read.
package events

import (
	"context"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
)

// NewRecorder returns a recorder that writes events of the source kubelet on the node until
// ctx ends. Recording never blocks.
func NewRecorder(ctx context.Context, client kubernetes.Interface, node string) record.EventRecorder {
	b := record.NewBroadcaster(record.WithContext(ctx))
	b.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return b.NewRecorder(scheme.Scheme, v1.EventSource{Component: "kubelet", Host: node})
}

// Pod refers to the pod.
func Pod(pod *v1.Pod) runtime.Object {
	return reference(pod, "")
}

// Container refers to a container of the pod, as `kubectl describe` shows events' origin.
func Container(pod *v1.Pod, name string) runtime.Object {
	for _, c := range pod.Spec.InitContainers {
		if c.Name == name {
			return reference(pod, fmt.Sprintf("spec.initContainers{%s}", name))
		}
	}
	for _, c := range pod.Spec.EphemeralContainers {
		if c.Name == name {
			return reference(pod, fmt.Sprintf("spec.ephemeralContainers{%s}", name))
		}
	}
	return reference(pod, fmt.Sprintf("spec.containers{%s}", name))
}

func reference(pod *v1.Pod, path string) *v1.ObjectReference {
	return &v1.ObjectReference{
		Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		ResourceVersion: pod.ResourceVersion, FieldPath: path,
	}
}
