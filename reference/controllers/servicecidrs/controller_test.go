package servicecidrs

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

func eventually(t *testing.T, what string, try func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = try(ctx)
		return last == nil, nil
	})
	if err != nil {
		t.Fatalf("waited until %s; last: %v", what, last)
	}
}

// A further ServiceCIDR becomes ready and gives out addresses; deleted, it gives none, stays while one
// is used, and then goes.
func TestLifeOfAServiceCIDR(t *testing.T) {
	client := kubernetes.NewForConfigOrDie(apiservertest.Start(t))
	shared := informers.NewSharedInformerFactory(client, 0)
	c := New(client, shared)
	c.grace = 0
	ctx, cancel := context.WithCancel(t.Context())
	shared.Start(ctx.Done())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx, 2) }()
	t.Cleanup(func() { cancel(); shared.Shutdown(); <-done })

	cidrs, services := client.NetworkingV1().ServiceCIDRs(), client.CoreV1().Services("default")
	until := func(what, name string, is func(*networkingv1.ServiceCIDR) bool) {
		t.Helper()
		eventually(t, what, func(ctx context.Context) error {
			got, err := cidrs.Get(ctx, name, metav1.GetOptions{})
			if err == nil && !is(got) {
				err = fmt.Errorf("got %+v", got)
			}
			return err
		})
	}
	ready := func(status metav1.ConditionStatus, reason string) func(*networkingv1.ServiceCIDR) bool {
		return func(c *networkingv1.ServiceCIDR) bool {
			condition := meta.FindStatusCondition(c.Status.Conditions, networkingv1.ServiceCIDRConditionReady)
			return condition != nil && condition.Status == status && condition.Reason == reason && slices.Equal(c.Finalizers, []string{Finalizer})
		}
	}
	until("the default one is protected", "kubernetes", ready(metav1.ConditionTrue, ""))
	create := func(name, ip string) (*corev1.Service, error) {
		return services.Create(ctx, &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Spec:       corev1.ServiceSpec{ClusterIP: ip, Ports: []corev1.ServicePort{{Port: 80}}},
		}, metav1.CreateOptions{})
	}
	if _, err := create("early", "10.200.0.7"); !apierrors.IsInvalid(err) {
		t.Fatalf("an address of no range: %v", err)
	}
	if _, err := cidrs.Create(ctx, cidr("more", "10.200.0.0/28"), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	until("the new one is ready", "more", ready(metav1.ConditionTrue, ""))
	if _, err := create("user", "10.200.0.7"); err != nil {
		t.Fatal(err)
	}
	if err := cidrs.Delete(ctx, "more", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	until("it says why it stays", "more", ready(metav1.ConditionFalse, networkingv1.ServiceCIDRReasonTerminating))
	if _, err := create("late", "10.200.0.8"); !apierrors.IsInvalid(err) {
		t.Errorf("an address of a range that goes: %v", err)
	}
	if err := services.Delete(ctx, "user", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone", func(ctx context.Context) error {
		_, err := cidrs.Get(ctx, "more", metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return fmt.Errorf("got %v", err)
	})
}
