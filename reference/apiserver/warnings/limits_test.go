package warnings_test

import (
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

func TestLimits(t *testing.T) {
	large := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: batchv1.JobSpec{
		CompletionMode: ptr.To(batchv1.IndexedCompletion), Completions: ptr.To[int32](100_001), Parallelism: ptr.To[int32](10_001),
	}}
	small := large.DeepCopy()
	small.Spec.Parallelism = ptr.To[int32](10_000)
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "a.b"}, Spec: batchv1.CronJobSpec{Schedule: "TZ=UTC * * * * *"}}
	ingress := &networkingv1.Ingress{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"kubernetes.io/ingress.class": "c"}}}
	set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: appsv1.StatefulSetSpec{RevisionHistoryLimit: ptr.To[int32](-1)}}
	for name, c := range map[string]struct{ got, want []string }{
		"large job": {warnings.Job(large, nil), []string{"spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, " +
			"Kubernetes might not be able to track completedIndexes when a big number of indexes fail"}},
		"small job": {warnings.Job(small, nil), nil},
		"new cron job": {warnings.CronJobTemplate(cron, nil), []string{
			"metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]"}},
		"old cron job": {warnings.CronJobTemplate(cron, cron), []string{
			"CRON_TZ or TZ used in spec.schedule is not officially supported, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"}},
		"new ingress": {warnings.Ingress(ingress, nil), []string{`annotation "kubernetes.io/ingress.class" is deprecated, please use 'spec.ingressClassName' instead`}},
		"old ingress": {warnings.Ingress(ingress, ingress), nil},
		"names": {warnings.EndpointSlice(&discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeFQDN}, nil),
			[]string{"addressType: FQDN endpoints are deprecated"}},
		"all revisions": {warnings.StatefulSet(set, nil), []string{"spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: %q, want %q", name, c.got, c.want)
		}
	}
}
