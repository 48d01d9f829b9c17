// Package statefulsets judges the area "statefulsets".
package statefulsets

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// parallel describes a StatefulSet whose pods wait for nothing, and so need not run.
func parallel(name string, replicas int32) *appsv1.StatefulSet {
	set := StatefulSet(name, replicas, Idle())
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	return set
}

// told describes a StatefulSet whose pods are ready when the spec says so.
func told(name string, replicas int32) *appsv1.StatefulSet {
	pod := Pod(name, "sleep", "24h")
	ReadyWhenTold(&pod.Spec)
	return StatefulSet(name, replicas, pod)
}

// claims adds a template of claims that nobody provides for, and whose volume every pod mounts.
func claims(set *appsv1.StatefulSet, name string) *appsv1.StatefulSet {
	class := "none.conformance.etalon.dev"
	set.Spec.VolumeClaimTemplates = append(set.Spec.VolumeClaimTemplates, corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kept": "yes"}},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &class,
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	})
	containers := set.Spec.Template.Spec.Containers
	containers[0].VolumeMounts = append(containers[0].VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/" + name})
	return set
}

// are says that these pods and no others are there, none of them going.
func are(names ...string) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool {
		return len(Where(now, Active)) == len(now) && slices.Equal(Names(now), names)
	}
}

// allReady says that these pods and no others are there, all of them ready.
func allReady(names ...string) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool { return are(names...)(now) && len(Where(now, Ready)) == len(now) }
}

// none says that there are no pods.
func none(now []*corev1.Pod) bool { return len(now) == 0 }

// pick returns the pod of the name, nil if it is not there.
func pick(pods []*corev1.Pod, name string) *corev1.Pod {
	for _, pod := range pods {
		if pod.Name == name {
			return pod
		}
	}
	return nil
}

// generation is what ChangeTemplate gave the pod, "" for a pod of the first template.
func generation(pod *corev1.Pod) string {
	for _, env := range pod.Spec.Containers[0].Env {
		if env.Name == "GENERATION" {
			return env.Value
		}
	}
	return ""
}

// generations tells the pods with the template each is of, as "web-0: web-1:2".
func generations(pods []*corev1.Pod) string {
	var told []string
	for _, pod := range pods {
		told = append(told, fmt.Sprintf("%s:%s", pod.Name, generation(pod)))
	}
	return strings.Join(told, " ")
}

// newest says that all pods are there, ready, and of the templates told as generations does.
func newest(want string) func([]*corev1.Pod) bool {
	return func(now []*corev1.Pod) bool {
		return len(Where(now, Ready)) == len(now) && len(Where(now, Active)) == len(now) && generations(now) == want
	}
}
