package cluster

import (
	"os"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

func TestALeaseIsTakenOnlyFromADeadHolderOfThisMachine(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	started := time.Now()
	for name, c := range map[string]struct {
		holder  string
		renewed time.Time
		taken   bool
	}{
		"dead, of this machine":        {host + "_1", started.Add(-time.Minute), true},
		"alive, of this machine":       {host + "_1", started.Add(time.Second), false},
		"silent, of another":           {"elsewhere_1", started.Add(-time.Minute), false},
		"nobody, since some time":      {"", started.Add(-time.Minute), false},
		"a host's name that is longer": {host + "x_1", started.Add(-time.Minute), false},
	} {
		client := fake.NewClientset(&coordinationv1.Lease{
			ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: leaseScheduler},
			Spec:       coordinationv1.LeaseSpec{HolderIdentity: ptr.To(c.holder), RenewTime: &metav1.MicroTime{Time: c.renewed}},
		})
		if err := releaseLease(t.Context(), client, leaseScheduler, started); err != nil {
			t.Fatal(err)
		}
		lease, err := client.CoordinationV1().Leases("kube-system").Get(t.Context(), leaseScheduler, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if taken := lease.Spec.HolderIdentity == nil; taken != c.taken {
			t.Errorf("%s: taken %v", name, taken)
		}
		held := leaseHeld(client, leaseScheduler, started)(t.Context()) == nil
		if want := c.holder != "" && c.renewed.After(started); held != want {
			t.Errorf("%s: held %v", name, held)
		}
	}
	if err := releaseLease(t.Context(), fake.NewClientset(), leaseScheduler, started); err != nil {
		t.Errorf("no Lease at all: %v", err)
	}
}
