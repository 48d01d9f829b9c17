package cluster

import (
	"context"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// The Leases in kube-system under which the controllers and the scheduler work.
const (
	leaseControllers = "kube-controller-manager"
	leaseScheduler   = "kube-scheduler"
)

// leaseHeld waits for someone to hold a component's Lease and to have said so after since: a Lease
// that an earlier life has left keeps the next one from working until it expires.
func leaseHeld(client kubernetes.Interface, name string, since time.Time) func(context.Context) error {
	return func(ctx context.Context) error {
		lease, err := client.CoordinationV1().Leases(metav1.NamespaceSystem).Get(ctx, name, metav1.GetOptions{})
		switch {
		case err != nil:
			return err
		case lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" || lease.Spec.RenewTime == nil:
			return errNotYet("the Lease kube-system/" + name + " has no holder")
		case lease.Spec.RenewTime.Time.Before(since):
			return errNotYet("the Lease kube-system/" + name + " of an earlier holder has not expired")
		}
		return nil
	}
}

// releaseLease takes a Lease from a holder of this machine that has not renewed it since. It is for
// one who has just started the control plane anew: he knows that the holder died with the last one,
// and the new one need not wait for the Lease to expire. Should the holder be another that lives, it
// finds at its next renewal that it has lost the Lease.
func releaseLease(ctx context.Context, client kubernetes.Interface, name string, since time.Time) error {
	leases := client.CoordinationV1().Leases(metav1.NamespaceSystem)
	lease, err := leases.Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	stale := lease.Spec.RenewTime != nil && lease.Spec.RenewTime.Time.Before(since)
	if !stale || lease.Spec.HolderIdentity == nil || !strings.HasPrefix(*lease.Spec.HolderIdentity, host+"_") {
		return nil
	}
	lease.Spec.HolderIdentity = nil
	if _, err := leases.Update(ctx, lease, metav1.UpdateOptions{}); err != nil && !apierrors.IsConflict(err) {
		return err
	}
	return nil
}
