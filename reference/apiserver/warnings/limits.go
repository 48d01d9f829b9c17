package warnings

import (
	"fmt"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// An indexed Job beyond both may fail in more indexes than its status has room for.
const (
	manyCompletions = 100_000
	manyAtATime     = 10_000
)

// largeJob warns of an indexed Job whose progress may be too much to keep.
func largeJob(p *field.Path, s *batchv1.JobSpec) []string {
	indexed := s.CompletionMode != nil && *s.CompletionMode == batchv1.IndexedCompletion
	if !indexed || s.Completions == nil || *s.Completions <= manyCompletions || s.Parallelism == nil || *s.Parallelism <= manyAtATime {
		return nil
	}
	return []string{fmt.Sprintf("%s: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "+
		"Kubernetes might not be able to track completedIndexes when a big number of indexes fail", p)}
}

// schedule warns of a time zone in the schedule, which new CronJobs cannot have.
func schedule(c *batchv1.CronJob) []string {
	if !strings.Contains(c.Spec.Schedule, "TZ") {
		return nil
	}
	return []string{"CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"}
}

const ingressClass = "kubernetes.io/ingress.class"

// Ingress warns of the annotation that named a class before there was a field for it.
func Ingress(i, old *networkingv1.Ingress) []string {
	if _, ok := i.Annotations[ingressClass]; !ok || old != nil {
		return nil
	}
	return []string{fmt.Sprintf("annotation %q is deprecated, please use 'spec.ingressClassName' instead", ingressClass)}
}

// EndpointSlice warns of names in the place of addresses.
func EndpointSlice(s, _ *discoveryv1.EndpointSlice) []string {
	if s.AddressType != discoveryv1.AddressTypeFQDN {
		return nil
	}
	return []string{"addressType: FQDN endpoints are deprecated"}
}
