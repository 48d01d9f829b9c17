package certificates

import (
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func TestPodCleanerDeletesOldRequests(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	request := func(name string, age time.Duration) *certificatesv1.PodCertificateRequest {
		return &certificatesv1.PodCertificateRequest{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: name, UID: "1", CreationTimestamp: metav1.NewTime(now.Add(-age))}}
	}
	old, young := request("old", 15*time.Minute), request("young", 14*time.Minute)
	client := fake.NewClientset(old, young)
	shared := informers.NewSharedInformerFactory(client, 0)
	c := NewPodCleaner(client, shared)
	c.now = func() time.Time { return now }
	controllertest.Start(t, shared)
	for request, again := range map[*certificatesv1.PodCertificateRequest]time.Duration{old: 0, young: time.Minute} {
		if got, err := c.Reconcile(t.Context(), controller.Key(request)); err != nil || got != again {
			t.Errorf("%s: again in %s (%v), want %s", request.Name, got, err, again)
		}
	}
	left, err := client.CertificatesV1().PodCertificateRequests("a").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 || left.Items[0].Name != "young" {
		t.Errorf("left are %v (%v), want young alone", left.Items, err)
	}
}
