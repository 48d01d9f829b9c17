// Package admission judges the area "admission": what the API server adds to a request or refuses of
// it once it knows who asks and that they may.
package admission

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

// list makes a ResourceList of names and quantities in turn.
func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

// same compares the quantities of two lists by value.
func same(a, b corev1.ResourceList) bool {
	for name, n := range a {
		if m, ok := b[name]; !ok || n.Cmp(m) != 0 {
			return false
		}
	}
	return len(a) == len(b)
}

// resting describes a pod that no scheduler looks at: it is stored, and never runs.
func resting(name string, requests, limits corev1.ResourceList) *corev1.Pod {
	pod := Pod(name, "sleep", "1h")
	pod.Spec.SchedulerName = "etalon.dev/nobody"
	pod.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0)
	pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{Requests: requests, Limits: limits}
	return pod
}

func quota(name string, hard corev1.ResourceList, scopes ...corev1.ResourceQuotaScope) *corev1.ResourceQuota {
	return &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.ResourceQuotaSpec{Hard: hard, Scopes: scopes}}
}

func claim(name, class, storage string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PersistentVolumeClaimSpec{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: &class,
		Resources: corev1.VolumeResourceRequirements{Requests: list("storage", storage)}}}
}

// waitUsed waits until the quota's status allows what its spec says, with exactly this much used.
func waitUsed(ctx context.Context, f *Framework, name string, used corev1.ResourceList) {
	GinkgoHelper()
	f.WaitUntil(ctx, fmt.Sprintf("quota %s has %s used", name, show(used)), SettleTimeout, func(ctx context.Context) (bool, string) {
		q, err := f.API.CoreV1().ResourceQuotas(f.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		return same(q.Status.Hard, q.Spec.Hard) && same(q.Status.Used, used), fmt.Sprintf("hard %s, used %s", show(q.Status.Hard), show(q.Status.Used))
	})
}

// show prints a ResourceList as a person would write it.
func show(l corev1.ResourceList) string {
	words := map[string]string{}
	for name, n := range l {
		words[string(name)] = n.String()
	}
	return fmt.Sprint(words)
}

// waitRefused waits until a dry run of creating the object is refused: admission may hear of quotas and
// LimitRanges a moment after those who made them. What it refuses then it refuses from then on.
func waitRefused(ctx context.Context, f *Framework, object Object) {
	GinkgoHelper()
	f.WaitUntil(ctx, "creating "+object.GetName()+" is refused", EventTimeout, func(ctx context.Context) (bool, string) {
		err := f.DryCreate(ctx, object.DeepCopyObject().(Object))
		return err != nil, fmt.Sprintf("the answer %v", err)
	})
}
