package controllers

import (
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

var (
	jobs        = jobsOf("job", "Jobs", batchv1.NonIndexedCompletion)
	indexedJobs = jobsOf("indexed-job", "indexed Jobs", batchv1.IndexedCompletion)
)

// jobsOf are Jobs all of whose pods run at the same time.
func jobsOf(name, title string, mode batchv1.CompletionMode) kind {
	return kind{
		name: name, title: title,
		watch: func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, []cache.SharedIndexInformer) {
			return f.Batch().V1().Jobs().Informer(), nil
		},
		phases: func(o Options, _ []string) []phase {
			a := access[*batchv1.Job](func(c kubernetes.Interface) typed[*batchv1.Job] { return c.BatchV1().Jobs(namespace) })
			return []phase{
				{"run", a.create(func(i int) *batchv1.Job {
					return &batchv1.Job{ObjectMeta: metaOf(i), Spec: batchv1.JobSpec{
						Completions: ptr.To(int32(o.Replicas)), Parallelism: ptr.To(int32(o.Replicas)), CompletionMode: &mode, Template: onceTemplate(i),
					}}
				}), when(complete), o.Replicas, jobRan(o.Replicas)},
				{"delete", a.delete, nil, 0, jobDeleted(o.Replicas)},
			}
		},
	}
}

func complete(job *batchv1.Job) bool {
	return slices.ContainsFunc(job.Status.Conditions, func(c batchv1.JobCondition) bool {
		return c.Type == batchv1.JobComplete && c.Status == corev1.ConditionTrue
	})
}
