package denyserviceexternalips

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func service(ips ...string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s"}, Spec: corev1.ServiceSpec{ExternalIPs: ips}}
}

func TestExternalIPs(t *testing.T) {
	const denied = `services "s" is forbidden: Use of external IPs is denied by admission control`
	for _, c := range []struct {
		old, now *corev1.Service
		want     string
	}{
		{nil, service(), ""},
		{nil, service("192.0.2.1"), denied},
		{service("192.0.2.1", "192.0.2.2"), service("192.0.2.2"), ""},
		{service("192.0.2.1"), service("192.0.2.1"), ""},
		{service("192.0.2.1"), service("192.0.2.2"), denied},
	} {
		r := admissiontest.Request{Object: c.now, Resource: "services"}
		if c.old != nil {
			r.Old, r.Operation = c.old, admission.Update
		}
		if got := admissiontest.Message(admissiontest.Run(t, New(), r)); got != c.want {
			t.Errorf("%v: got %q, wanted %q", c.now.Spec.ExternalIPs, got, c.want)
		}
	}
}
