package controllers

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func labelsOf(i int) map[string]string { return map[string]string{"app": name(i)} }

func metaOf(i int) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name(i), Namespace: namespace, Labels: labelsOf(i)}
}

func selectorOf(i int) *metav1.LabelSelector { return &metav1.LabelSelector{MatchLabels: labelsOf(i)} }

// template is that of the ith object's pods.
func template(i int) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labelsOf(i)},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false),
			Containers:                   []corev1.Container{{Name: "server", Image: "registry.example/bench/server:1"}},
		},
	}
}

// onceTemplate is that of pods that end by themselves: on simulated nodes after a second.
func onceTemplate(i int) corev1.PodTemplateSpec {
	t := template(i)
	t.Spec.RestartPolicy = corev1.RestartPolicyNever
	return t
}
