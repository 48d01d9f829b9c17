package server

import (
	"context"
	"fmt"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/core"
)

// componentChecks are what `kubectl get componentstatuses` asks, under upstream's names. The scheduler and the controller
// manager open no port of their own, so that the Lease that each renews while it works tells of its health.
func componentChecks(client kubernetes.Interface, etcd healthz.HealthChecker) map[string]core.ComponentCheck {
	return map[string]core.ComponentCheck{
		"etcd-0": func(ctx context.Context) (string, error) {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "/", nil)
			if err != nil {
				return "", err
			}
			if err := etcd.Check(request); err != nil {
				return "", err
			}
			return "ok", nil
		},
		"scheduler":          leaseCheck(client, "kube-scheduler"),
		"controller-manager": leaseCheck(client, "kube-controller-manager"),
	}
}

// leaseCheck says ok while the Lease in kube-system is held and renewed.
func leaseCheck(client kubernetes.Interface, name string) core.ComponentCheck {
	return func(ctx context.Context) (string, error) {
		lease, err := client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		s := lease.Spec
		if s.HolderIdentity == nil || *s.HolderIdentity == "" || s.RenewTime == nil || s.LeaseDurationSeconds == nil {
			return "", fmt.Errorf("nobody holds the Lease kube-system/%s", name)
		}
		if expired := time.Since(s.RenewTime.Add(time.Duration(*s.LeaseDurationSeconds) * time.Second)); expired > 0 {
			return "", fmt.Errorf("the Lease kube-system/%s has expired %s ago", name, expired.Round(time.Second))
		}
		return "ok", nil
	}
}
