package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

func TestComponentChecks(t *testing.T) {
	held := func(name string, renewed time.Time) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: name}, Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("me"), LeaseDurationSeconds: ptr.To[int32](15), RenewTime: &metav1.MicroTime{Time: renewed},
		}}
	}
	client := fake.NewClientset(held("kube-scheduler", time.Now().Add(time.Hour)), held("kube-controller-manager", time.Now().Add(-time.Hour)))
	etcd := healthz.NamedCheck("etcd", func(*http.Request) error { return errors.New("no quorum") })
	checks := componentChecks(client, etcd)
	for name, want := range map[string]string{"scheduler": "", "controller-manager": "has expired", "etcd-0": "no quorum"} {
		message, err := checks[name](context.Background())
		switch {
		case want == "" && (err != nil || message != "ok"):
			t.Errorf("%s: %q, %v", name, message, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %s", name, err, want)
		}
	}
	if _, err := leaseCheck(client, "nobody")(context.Background()); err == nil {
		t.Error("a Lease that is not there is healthy")
	}
}
