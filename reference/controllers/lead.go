package controllers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

const (
	leaseName     = "kube-controller-manager"
	leaseDuration = 15 * time.Second // after which others may take an unrenewed Lease
	renewDeadline = 10 * time.Second // after which its holder gives up
	retryPeriod   = 2 * time.Second
)

// lead calls work once this process is the leader, and returns after work has:
// nil if ctx has ended, an error if the leadership was lost. The Lease is given
// back only when work has returned, so that nobody else begins before.
func lead(ctx context.Context, o Options, work func(ctx context.Context)) error {
	lock, err := lease(o)
	if err != nil {
		return err
	}
	electing, stopElecting := context.WithCancel(context.WithoutCancel(ctx))
	defer stopElecting()
	var (
		mu      sync.Mutex
		leading bool
		working sync.WaitGroup
	)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: leaseName, ReleaseOnCancel: true,
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(held context.Context) {
				mu.Lock()
				leading = true
				working.Add(1)
				mu.Unlock()
				defer working.Done()
				held, stopWork := context.WithCancel(held)
				defer stopWork()
				defer context.AfterFunc(ctx, stopWork)()
				work(held)
				stopElecting()
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("setting up the election of a leader: %w", err)
	}
	defer context.AfterFunc(ctx, func() {
		mu.Lock()
		defer mu.Unlock()
		if !leading {
			stopElecting()
		}
	})()
	klog.FromContext(ctx).V(1).Info("Waiting to become the leader", "identity", lock.Identity())
	elector.Run(electing)
	mu.Lock()
	began := leading
	mu.Unlock()
	if began {
		working.Wait()
	}
	if ctx.Err() == nil {
		return errors.New("lost the leadership: the Lease kube-system/" + leaseName + " could not be renewed in time")
	}
	return nil
}

// lease is the lock that the leader holds. Its requests are given up early
// enough to be tried again within the deadline.
func lease(o Options) (resourcelock.Interface, error) {
	identity := o.Identity
	if identity == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("finding this host's name: %w", err)
		}
		identity = host + "_" + uuid.NewString()
	}
	config := rest.CopyConfig(o.Config)
	config.UserAgent = userAgent + "/leader-election"
	config.Timeout = renewDeadline / 2
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of the API server: %w", err)
	}
	return &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: leaseName},
		Client:     client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: identity},
	}, nil
}
