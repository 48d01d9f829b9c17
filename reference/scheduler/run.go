package scheduler

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/ready"
)

// The Lease that one of several schedulers works under, and its times.
const (
	leaseNamespace = "kube-system"
	leaseName      = "kube-scheduler"
	leaseDuration  = 15 * time.Second
	renewDeadline  = 10 * time.Second
	retryPeriod    = 2 * time.Second
)

// Run places pods until the context ends; then it gives up its lease and returns nil. It
// returns an error if it cannot start or loses its lease.
func Run(ctx context.Context, o Options) error {
	if err := o.complete(); err != nil {
		return err
	}
	config := clientConfig(o.Config)
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("scheduler: API server: %w", err)
	}
	if ready.APIServer(ctx, client) != nil {
		return nil
	}
	if !o.LeaderElect {
		return work(ctx, o, client)
	}
	return lead(ctx, o, config, client)
}

// clientConfig is the way to the API server without a rate limit of our own: the server has
// priority and fairness for that, and our requests are bounded in number.
func clientConfig(c *rest.Config) *rest.Config {
	config := rest.AddUserAgent(rest.CopyConfig(c), "etalon-scheduler")
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.QPS = -1
	return config
}

// work is the scheduler without election.
func work(ctx context.Context, o Options, client kubernetes.Interface) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	defer broadcaster.Shutdown()
	if err := broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		return fmt.Errorf("scheduler: events: %w", err)
	}
	s := newScheduler(o, client, broadcaster.NewRecorder(scheme.Scheme, o.SchedulerName))
	if err := s.watch(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("scheduler: watch: %w", err)
	}
	klog.FromContext(ctx).Info("Scheduling", "scheduler", o.SchedulerName)
	s.loop(ctx)
	return nil
}

// lead works while holding the lease.
func lead(ctx context.Context, o Options, config *rest.Config, client kubernetes.Interface) error {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("scheduler: host name: %w", err)
	}
	lock, err := resourcelock.NewFromKubeconfig(resourcelock.LeasesResourceLock, leaseNamespace, leaseName,
		resourcelock.ResourceLockConfig{Identity: host + "_" + string(uuid.NewUUID())}, config, renewDeadline)
	if err != nil {
		return fmt.Errorf("scheduler: lease: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	worked := make(chan error, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, Name: leaseName, ReleaseOnCancel: true,
		LeaseDuration: leaseDuration, RenewDeadline: renewDeadline, RetryPeriod: retryPeriod,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				err := work(ctx, o, client)
				worked <- err
				if err != nil {
					cancel()
				}
			},
			OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return fmt.Errorf("scheduler: lease: %w", err)
	}
	elector.Run(ctx)
	select {
	case err := <-worked:
		if err != nil {
			return err
		}
	default:
	}
	if ctx.Err() == nil {
		return errors.New("scheduler: lost the lease " + leaseNamespace + "/" + leaseName)
	}
	return nil
}
