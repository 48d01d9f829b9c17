package api

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// sentAnnotation is when an event was caused, in nanoseconds, for those who watch for it.
const sentAnnotation = "bench.etalon.dev/sent"

// pod is a pod as a Deployment makes them: labels, an owner, a volume, resources, a few variables.
func pod(namespace, name string) *corev1.Pod {
	q := resource.MustParse
	return &corev1.Pod{
		TypeMeta: metav1.TypeMeta{Kind: "Pod", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: namespace,
			Labels:      map[string]string{"app": "bench", "tier": "backend", "pod-template-hash": "5d4f8c7b9"},
			Annotations: map[string]string{"bench.etalon.dev/about": "a pod that never runs"},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "bench-5d4f8c7b9", UID: "6f1c9a7e-9c0f-4a54-bd5b-3d9f7e0fb0aa",
			}},
		},
		Spec: corev1.PodSpec{
			// What admission would add is there already, so that both servers store the same, and an update changes nothing of it.
			ServiceAccountName: "default", AutomountServiceAccountToken: new(false),
			Volumes:     []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
			Tolerations: []corev1.Toleration{{Key: "node.kubernetes.io/not-ready", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}},
			Containers: []corev1.Container{{
				Name: "server", Image: "registry.example/bench/server:1.0", Args: []string{"serve"},
				Env:          []corev1.EnvVar{{Name: "A", Value: "b"}, {Name: "C", Value: "d"}},
				Ports:        []corev1.ContainerPort{{ContainerPort: 80}},
				VolumeMounts: []corev1.VolumeMount{{Name: "scratch", MountPath: "/scratch"}},
				Resources: corev1.ResourceRequirements{
					Requests: corev1.ResourceList{"cpu": q("100m"), "memory": q("64Mi")},
					Limits:   corev1.ResourceList{"cpu": q("200m"), "memory": q("128Mi")},
				},
			}},
		},
	}
}
