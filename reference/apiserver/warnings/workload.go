package warnings

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var templatePath = field.NewPath("spec", "template")

// PodTemplate warns of a PodTemplate object.
func PodTemplate(t, _ *corev1.PodTemplate) []string {
	return PodTemplateSpec(field.NewPath("template"), &t.Template)
}

// ReplicationController warns of the name, which pods inherit, and of the template.
func ReplicationController(r, old *corev1.ReplicationController) []string {
	if old == nil {
		return named(r, r.Spec.Template)
	}
	return grown(r.Generation, old.Generation, r.Spec.Template)
}

// ReplicaSet is ReplicationController for a ReplicaSet.
func ReplicaSet(r, old *appsv1.ReplicaSet) []string {
	if old == nil {
		return named(r, &r.Spec.Template)
	}
	return grown(r.Generation, old.Generation, &r.Spec.Template)
}

// Deployment is ReplicationController for a Deployment.
func Deployment(d, old *appsv1.Deployment) []string {
	if old == nil {
		return named(d, &d.Spec.Template)
	}
	return grown(d.Generation, old.Generation, &d.Spec.Template)
}

// StatefulSet warns of the name, the template and the claims that are made from it.
func StatefulSet(s, old *appsv1.StatefulSet) (out []string) {
	if old == nil {
		out = named(s, &s.Spec.Template)
	} else {
		out = grown(s.Generation, old.Generation, &s.Spec.Template)
	}
	if n := s.Spec.RevisionHistoryLimit; n != nil && *n < 0 {
		out = append(out, "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended")
	}
	if old == nil || s.Generation != old.Generation {
		for i := range s.Spec.VolumeClaimTemplates {
			out = append(out, claimSpec(field.NewPath("spec", "volumeClaimTemplates").Index(i).Child("spec"), &s.Spec.VolumeClaimTemplates[i].Spec)...)
		}
	}
	return out
}

// DaemonSet warns of the template.
func DaemonSet(d, old *appsv1.DaemonSet) []string {
	if old == nil {
		return PodTemplateSpec(templatePath, &d.Spec.Template)
	}
	return grown(d.Generation, old.Generation, &d.Spec.Template)
}

// Job is ReplicationController for a Job.
func Job(j, old *batchv1.Job) []string {
	large := largeJob(field.NewPath("spec"), &j.Spec)
	if old == nil {
		return append(named(j, &j.Spec.Template), large...)
	}
	return append(grown(j.Generation, old.Generation, &j.Spec.Template), large...)
}

// CronJobTemplate warns of a CronJob, and of the pods that its Jobs make.
func CronJobTemplate(c, old *batchv1.CronJob) []string {
	path := field.NewPath("spec", "jobTemplate", "spec")
	out := largeJob(path, &c.Spec.JobTemplate.Spec)
	if old == nil {
		out = append(out, named(c, nil)...)
	} else {
		out = append(out, schedule(c)...)
	}
	if old != nil && c.Generation == old.Generation {
		return out
	}
	return append(out, PodTemplateSpec(path.Child("template"), &c.Spec.JobTemplate.Spec.Template)...)
}

// named warns of a new workload.
func named(o metav1.Object, t *corev1.PodTemplateSpec) (out []string) {
	if bad := validation.IsDNS1123Label(o.GetName()); len(bad) > 0 {
		out = append(out, fmt.Sprintf("metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: %v", bad))
	}
	if t == nil {
		return out
	}
	return append(out, PodTemplateSpec(templatePath, t)...)
}

// grown warns of the template of a workload whose spec was changed.
func grown(generation, old int64, t *corev1.PodTemplateSpec) []string {
	if generation == old || t == nil {
		return nil
	}
	return PodTemplateSpec(templatePath, t)
}
