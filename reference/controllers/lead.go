package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

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
// nil if ctx has ended, errLost if the leadership has. The ctx of work ends with
// either, and leads says whether anything may still be written: no other can be
// the leader then. The lock is given back only when work has returned, so that
// nobody else begins before.
func lead(ctx context.Context, lock resourcelock.Interface, work func(ctx context.Context, leads func() bool)) error {
	// It goes on beyond ctx, as long as there is work.
	electing, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	mine := &tenure{Interface: lock, lost: stop}
	elected := make(chan context.Context, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: mine, Name: leaseName,
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) { elected <- leading },
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("setting up the election of a leader: %w", err)
	}
	klog.FromContext(ctx).V(1).Info("Waiting to become the leader", "identity", lock.Identity())
	var election sync.WaitGroup
	election.Go(func() { elector.Run(electing) })
	select {
	case <-ctx.Done():
	case leading := <-elected:
		working, stopWork := context.WithCancel(ctx)
		defer stopWork()
		defer context.AfterFunc(leading, stopWork)()
		work(working, mine.valid)
	}
	stop()
	election.Wait()
	mine.release(ctx)
	if ctx.Err() == nil {
		return errLost
	}
	return nil
}
