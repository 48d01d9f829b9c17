package limitranger_test

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/admission/limitranger"
	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

// Through the whole API server: a LimitRange is in force as soon as its creator knows of it, and so
// is every change of it.
func TestAtOnce(t *testing.T) {
	client := kubernetes.NewForConfigOrDie(apiservertest.Start(t))
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	check(err)
	newPod := func(name, cpu string) (*corev1.Pod, error) {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "none.test/c"}}}}
		if cpu != "" {
			pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse(cpu)}
		}
		return client.CoreV1().Pods("default").Create(t.Context(), pod, metav1.CreateOptions{})
	}

	_, err = newPod("before", "")
	check(err)
	ranges := client.CoreV1().LimitRanges("default")
	r := &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
		Type: corev1.LimitTypeContainer, Default: corev1.ResourceList{"cpu": resource.MustParse("1m")}}}}}
	r, err = ranges.Create(t.Context(), r, metav1.CreateOptions{})
	check(err)
	for i := 1; i <= 20; i++ {
		pod, err := newPod(fmt.Sprintf("p%d", i), "")
		check(err)
		got := pod.Spec.Containers[0].Resources
		if want := int64(i); got.Limits.Cpu().MilliValue() != want || got.Requests.Cpu().MilliValue() != want {
			t.Fatalf("pod %d got %v, wanted limit and request of %dm", i, got, want)
		}
		if want := "LimitRanger plugin set: cpu request for container c; cpu limit for container c"; pod.Annotations[limitranger.Annotation] != want {
			t.Errorf("annotated %q, wanted %q", pod.Annotations[limitranger.Annotation], want)
		}
		if pod.Status.QOSClass != corev1.PodQOSBurstable {
			t.Errorf("quality of service is %s, reckoned without the defaults", pod.Status.QOSClass)
		}
		next := corev1.ResourceList{"cpu": *resource.NewMilliQuantity(int64(i+1), resource.DecimalSI)}
		r.Spec.Limits[0].Default, r.Spec.Limits[0].DefaultRequest = next, next
		r, err = ranges.Update(t.Context(), r, metav1.UpdateOptions{})
		check(err)
	}

	r.Spec.Limits[0].Max = corev1.ResourceList{"cpu": resource.MustParse("1")}
	_, err = ranges.Update(t.Context(), r, metav1.UpdateOptions{})
	check(err)
	_, err = newPod("large", "2")
	if want := `pods "large" is forbidden: maximum cpu usage per Container is 1, but limit is 2`; !apierrors.IsForbidden(err) || err.Error() != want {
		t.Errorf("got %v, wanted %s", err, want)
	}
	_, err = client.CoreV1().Pods("default").Patch(t.Context(), "p1", "application/strategic-merge-patch+json",
		[]byte(`{"spec":{"containers":[{"name":"c","resources":{"limits":{"cpu":"2"}}}]}}`), metav1.PatchOptions{}, "resize")
	if !apierrors.IsForbidden(err) {
		t.Errorf("a resize beyond the maximum: got %v, wanted 403", err)
	}
	check(ranges.Delete(t.Context(), "r", metav1.DeleteOptions{}))
	_, err = newPod("large", "2")
	check(err)
}
