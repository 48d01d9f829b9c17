package job

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

var kind = batchv1.SchemeGroupVersion.WithKind("Job")

// indexVariable tells the containers of an Indexed Job which part of the work is theirs.
const indexVariable = "JOB_COMPLETION_INDEX"

// longestPrefix leaves room in a name of 63 characters for five random ones.
const longestPrefix = 58

// newPod is a pod of the Job, named but for the random end.
func newPod(job *batchv1.Job, c creation) *corev1.Pod {
	pod := controller.FromTemplate(metav1.NewControllerRef(job, kind), job.Namespace, &job.Spec.Template)
	pod.GenerateName = namePrefix(job.Name, c.index)
	if !slices.Contains(pod.Finalizers, batchv1.JobTrackingFinalizer) {
		pod.Finalizers = append(pod.Finalizers, batchv1.JobTrackingFinalizer)
	}
	if c.index == noIndex {
		return pod
	}
	index := strconv.Itoa(c.index)
	annotations, labels := map[string]string{}, map[string]string{}
	maps.Copy(annotations, pod.Annotations)
	maps.Copy(labels, pod.Labels)
	annotations[batchv1.JobCompletionIndexAnnotation], labels[batchv1.JobCompletionIndexAnnotation] = index, index
	if job.Spec.BackoffLimitPerIndex != nil {
		noteFailures(job, annotations, c.replaces)
	}
	pod.Annotations, pod.Labels = annotations, labels
	pod.Spec.Hostname = fmt.Sprintf("%s-%d", job.Name, c.index)
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			list[i].Env = withIndex(list[i].Env)
		}
	}
	return pod
}

// noteFailures carries the number of failures of an index from one of its pods to the next.
func noteFailures(job *batchv1.Job, annotations map[string]string, replaced *corev1.Pod) {
	counted, ignored := 0, 0
	if replaced != nil {
		counted = countIn(replaced, batchv1.JobIndexFailureCountAnnotation)
		ignored = countIn(replaced, batchv1.JobIndexIgnoredFailureCountAnnotation)
		if judge(job.Spec.PodFailurePolicy, replaced).counts() {
			counted++
		} else {
			ignored++
		}
	}
	annotations[batchv1.JobIndexFailureCountAnnotation] = strconv.Itoa(counted)
	if ignored > 0 {
		annotations[batchv1.JobIndexIgnoredFailureCountAnnotation] = strconv.Itoa(ignored)
	}
}

func withIndex(env []corev1.EnvVar) []corev1.EnvVar {
	if slices.ContainsFunc(env, func(v corev1.EnvVar) bool { return v.Name == indexVariable }) {
		return env
	}
	return append(env, corev1.EnvVar{Name: indexVariable, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{
		FieldPath: fmt.Sprintf("metadata.labels['%s']", batchv1.JobCompletionIndexAnnotation),
	}}})
}

// namePrefix is what the names of the Job's pods begin with. Of a long name the end is cut off, not the index.
func namePrefix(job string, index int) string {
	end := "-"
	if index != noIndex {
		end = fmt.Sprintf("-%d-", index)
	}
	return job[:min(len(job), longestPrefix-len(end))] + end
}

// stripPatch takes the finalizer off the pod with that uid, protectPatch puts it on.
func stripPatch(pod *corev1.Pod) ([]byte, error) {
	return metadataPatch(pod, "$deleteFromPrimitiveList/finalizers", nil)
}

func protectPatch(pod *corev1.Pod) ([]byte, error) { return metadataPatch(pod, "finalizers", nil) }

// dropPatch takes the finalizer off the pod if it still is as it was seen: one that has ended meanwhile counts.
func dropPatch(pod *corev1.Pod) ([]byte, error) {
	return metadataPatch(pod, "$deleteFromPrimitiveList/finalizers", map[string]any{"resourceVersion": pod.ResourceVersion})
}

func metadataPatch(pod *corev1.Pod, directive string, metadata map[string]any) ([]byte, error) {
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata["uid"] = pod.UID
	metadata[directive] = []string{batchv1.JobTrackingFinalizer}
	return json.Marshal(map[string]any{"metadata": metadata})
}
