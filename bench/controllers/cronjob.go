package controllers

import (
	"fmt"
	"sync"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

var cronJobs = kind{
	name: "cronjob", title: "CronJobs",
	watch: func(f informers.SharedInformerFactory) (cache.SharedIndexInformer, []cache.SharedIndexInformer) {
		return f.Batch().V1().CronJobs().Informer(), []cache.SharedIndexInformer{f.Batch().V1().Jobs().Informer()}
	},
	phases: func(Options, []string) []phase {
		a := access[*batchv1.CronJob](func(c kubernetes.Interface) typed[*batchv1.CronJob] { return c.BatchV1().CronJobs(namespace) })
		schedule := sync.OnceValue(func() string { return soon(time.Now()) })
		return []phase{
			{"run once", a.create(func(i int) *batchv1.CronJob {
				return &batchv1.CronJob{ObjectMeta: metaOf(i), Spec: batchv1.CronJobSpec{
					Schedule: schedule(), TimeZone: ptr.To("Etc/UTC"),
					JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{Template: onceTemplate(i)}},
				}}
			}), when(func(c *batchv1.CronJob) bool { return c.Status.LastSuccessfulTime != nil && len(c.Status.Active) == 0 }), 1, cronJobRan()},
			{"delete", a.delete, nil, 0, cronJobDeleted()},
		}
	},
}

// soon is a schedule that comes once a day, and next at the first full minute for which there is time to make ready.
func soon(now time.Time) string {
	at := now.UTC().Add(80 * time.Second).Truncate(time.Minute)
	return fmt.Sprintf("%d %d * * *", at.Minute(), at.Hour())
}
