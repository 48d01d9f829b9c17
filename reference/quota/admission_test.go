package quota_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

const patience = time.Minute

// bare is an API server without controllers: quotas are what these tests write into their status.
type bare struct{ kubernetes.Interface }

// namespace makes a namespace in which pods can be created, with a quota in force.
func (s bare) namespace(t *testing.T, name string, hard corev1.ResourceList) {
	t.Helper()
	_, err := s.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	must(t, err)
	_, err = s.CoreV1().ServiceAccounts(name).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, metav1.CreateOptions{})
	must(t, err)
	q, err := s.CoreV1().ResourceQuotas(name).Create(t.Context(), &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Name: "q"}, Spec: corev1.ResourceQuotaSpec{Hard: hard}}, metav1.CreateOptions{})
	must(t, err)
	q.Status.Hard, q.Status.Used = hard, corev1.ResourceList{}
	for resourceName := range hard {
		q.Status.Used[resourceName] = resource.MustParse("0")
	}
	_, err = s.CoreV1().ResourceQuotas(name).UpdateStatus(t.Context(), q, metav1.UpdateOptions{})
	must(t, err)
	// Admission goes by a watch, which has caught up once a request that exceeds the quota is refused.
	err = wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		var tooMany []corev1.ServicePort
		for i := range int32(30) {
			tooMany = append(tooMany, corev1.ServicePort{Name: fmt.Sprintf("p%d", i), Port: i + 1})
		}
		service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "probe"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeNodePort, Ports: tooMany}}
		_, err := s.CoreV1().Services(name).Create(ctx, service, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return apierrors.IsForbidden(err), nil
	})
	must(t, err)
}

func (s bare) used(t *testing.T, namespace, name string) string {
	t.Helper()
	q, err := s.CoreV1().ResourceQuotas(namespace).Get(t.Context(), "q", metav1.GetOptions{})
	must(t, err)
	used := q.Status.Used[corev1.ResourceName(name)]
	return used.String()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func pod(name string, requests, limits corev1.ResourceList) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{Containers: []corev1.Container{
		{Name: "c", Image: "none.test/c", Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}}}}
}

func TestAdmission(t *testing.T) {
	s := bare{kubernetes.NewForConfigOrDie(apiservertest.Start(t))}
	t.Run("texts", func(t *testing.T) { texts(t, s) })
	t.Run("services", func(t *testing.T) { servicesChange(t, s) })
	t.Run("resize", func(t *testing.T) { resize(t, s) })
	t.Run("race", func(t *testing.T) { race(t, s) })
}

func texts(t *testing.T, s bare) {
	s.namespace(t, "texts", list("services.nodeports", "0", "pods", "1", "limits.cpu", "1", "count/configmaps", "1"))
	refused := func(want string, err error) {
		t.Helper()
		if !apierrors.IsForbidden(err) || err.Error() != want {
			t.Errorf("got %v, wanted %s", err, want)
		}
	}
	pods := s.CoreV1().Pods("texts")
	_, err := pods.Create(t.Context(), pod("p", nil, nil), metav1.CreateOptions{})
	refused(`pods "p" is forbidden: failed quota: q: must specify limits.cpu for: c`, err)
	_, err = pods.Create(t.Context(), pod("p", nil, list("cpu", "1500m")), metav1.CreateOptions{})
	refused(`pods "p" is forbidden: exceeded quota: q, requested: limits.cpu=1500m, used: limits.cpu=0, limited: limits.cpu=1`, err)
	_, err = pods.Create(t.Context(), pod("p", nil, list("cpu", "600m")), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	must(t, err)
	if used := s.used(t, "texts", "pods"); used != "0" {
		t.Errorf("a dry run was counted: %s pods", used)
	}
	_, err = pods.Create(t.Context(), pod("p", nil, list("cpu", "600m")), metav1.CreateOptions{})
	must(t, err)
	_, err = pods.Create(t.Context(), pod("p2", nil, list("cpu", "600m")), metav1.CreateOptions{})
	refused(`pods "p2" is forbidden: exceeded quota: q, requested: limits.cpu=600m,pods=1, used: limits.cpu=600m,pods=1, limited: limits.cpu=1,pods=1`, err)
	configMap := func(name string) error {
		_, err := s.CoreV1().ConfigMaps("texts").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		return err
	}
	must(t, configMap("a"))
	refused(`configmaps "b" is forbidden: exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=1, limited: count/configmaps=1`, configMap("b"))
}

func servicesChange(t *testing.T, s bare) {
	s.namespace(t, "services", list("services.nodeports", "1", "services.loadbalancers", "0"))
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "s"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	service, err := s.CoreV1().Services("services").Create(t.Context(), service, metav1.CreateOptions{})
	must(t, err)
	service.Spec.Type = corev1.ServiceTypeLoadBalancer
	if _, err = s.CoreV1().Services("services").Update(t.Context(), service, metav1.UpdateOptions{}); !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), "services.loadbalancers=1") {
		t.Errorf("one load balancer more than allowed: got %v", err)
	}
	service.Spec.Type = corev1.ServiceTypeNodePort
	_, err = s.CoreV1().Services("services").Update(t.Context(), service, metav1.UpdateOptions{})
	must(t, err)
	if used := s.used(t, "services", "services.nodeports"); used != "1" {
		t.Errorf("the changed service uses %s node ports", used)
	}
}

func resize(t *testing.T, s bare) {
	s.namespace(t, "resize", list("requests.cpu", "1", "services.nodeports", "0"))
	_, err := s.CoreV1().Pods("resize").Create(t.Context(), pod("p", list("cpu", "600m"), nil), metav1.CreateOptions{})
	must(t, err)
	to := func(cpu string) error {
		_, err := s.CoreV1().Pods("resize").Patch(t.Context(), "p", "application/strategic-merge-patch+json",
			[]byte(`{"spec":{"containers":[{"name":"c","resources":{"requests":{"cpu":"`+cpu+`"}}}]}}`), metav1.PatchOptions{}, "resize")
		return err
	}
	must(t, to("900m"))
	if used := s.used(t, "resize", "requests.cpu"); used != "900m" {
		t.Errorf("after the resize %s are used", used)
	}
	want := `pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=200m, used: requests.cpu=900m, limited: requests.cpu=1`
	if err := to("1100m"); !apierrors.IsForbidden(err) || err.Error() != want {
		t.Errorf("got %v, wanted %s", err, want)
	}
}

// However many create at once, the quota is used up exactly.
func race(t *testing.T, s bare) {
	const hard, clients, each = 17, 8, 5
	s.namespace(t, "race", list("pods", fmt.Sprint(hard), "services.nodeports", "0"))
	var created, refused atomic.Int32
	var running sync.WaitGroup
	for i := range clients {
		running.Go(func() {
			for j := range each {
				p := pod(fmt.Sprintf("p-%d-%d", i, j), nil, nil)
				p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](0)
				_, err := s.CoreV1().Pods("race").Create(t.Context(), p, metav1.CreateOptions{})
				switch {
				case err == nil:
					created.Add(1)
				case apierrors.IsForbidden(err) && strings.Contains(err.Error(), "exceeded quota: q"):
					refused.Add(1)
				default:
					t.Errorf("creating a pod: %v", err)
				}
			}
		})
	}
	running.Wait()
	pods, err := s.CoreV1().Pods("race").List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if created.Load() != hard || len(pods.Items) != hard || refused.Load() != clients*each-hard {
		t.Errorf("%d created, %d refused, %d there; the quota is %d", created.Load(), refused.Load(), len(pods.Items), hard)
	}
	if used := s.used(t, "race", "pods"); used != fmt.Sprint(hard) {
		t.Errorf("used is %s", used)
	}
}
