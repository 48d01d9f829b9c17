package statefulset

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/revisions"
)

// kind is StatefulSet as it stands in owner references.
var kind = appsv1.SchemeGroupVersion.WithKind("StatefulSet")

func podName(set *appsv1.StatefulSet, ordinal int) string {
	return set.Name + "-" + strconv.Itoa(ordinal)
}

// ordinalOf returns the ordinal in the name of a pod of the set; ok is false if
// the name is none that the set gives.
func ordinalOf(set *appsv1.StatefulSet, name string) (ordinal int, ok bool) {
	suffix, ok := strings.CutPrefix(name, set.Name+"-")
	if !ok {
		return 0, false
	}
	number, err := strconv.ParseInt(suffix, 10, 32)
	if err != nil || number < 0 || strconv.FormatInt(number, 10) != suffix {
		return 0, false
	}
	return int(number), true
}

// wanted is the number of pods the set asks for.
func wanted(set *appsv1.StatefulSet) int { return int(ptr.Deref(set.Spec.Replicas, 1)) }

// start is the first ordinal of the set.
func start(set *appsv1.StatefulSet) int {
	if set.Spec.Ordinals == nil {
		return 0
	}
	return int(set.Spec.Ordinals.Start)
}

// inRange reports whether the set asks for a pod of that ordinal.
func inRange(set *appsv1.StatefulSet, ordinal int) bool {
	return ordinal >= start(set) && ordinal < start(set)+wanted(set)
}

// revisionOf is the name of the revision that the pod was made from.
func revisionOf(pod *corev1.Pod) string { return pod.Labels[revisions.PodLabel] }

// newPod is the pod of that ordinal as the revision has it.
func newPod(set *appsv1.StatefulSet, template *corev1.PodTemplateSpec, revision string, ordinal int) *corev1.Pod {
	pod := controller.FromTemplate(metav1.NewControllerRef(set, kind), set.Namespace, template)
	pod.GenerateName, pod.Name = "", podName(set, ordinal)
	pod.Spec.Hostname, pod.Spec.Subdomain = pod.Name, set.Spec.ServiceName
	identify(pod, ordinal)
	pod.Labels[revisions.PodLabel] = revision
	pod.Spec.Volumes = withClaims(set, ordinal, pod.Spec.Volumes)
	return pod
}

// identify gives the pod the labels that tell which of the set's it is.
func identify(pod *corev1.Pod, ordinal int) {
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[appsv1.StatefulSetPodNameLabel] = pod.Name
	pod.Labels[appsv1.PodIndexLabel] = strconv.Itoa(ordinal)
}

// identified reports whether the pod has those labels.
func identified(pod *corev1.Pod, ordinal int) bool {
	return pod.Labels[appsv1.StatefulSetPodNameLabel] == pod.Name && pod.Labels[appsv1.PodIndexLabel] == strconv.Itoa(ordinal)
}
