package scheduler

import (
	"errors"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
)

// Options say how a scheduler runs.
type Options struct {
	// Config reaches the API server. Its rate limit and content type are set by Run.
	Config *rest.Config
	// SchedulerName picks the pods to place, by spec.schedulerName; default-scheduler if empty.
	SchedulerName string
	// LeaderElect makes the scheduler work only while it holds the Lease kube-system/kube-scheduler.
	LeaderElect bool
	// Seed makes the choice among equally good nodes repeatable; 0 means a random one.
	Seed uint64
}

func (o *Options) complete() error {
	if o.Config == nil {
		return errors.New("scheduler: no API server configured")
	}
	if o.SchedulerName == "" {
		o.SchedulerName = corev1.DefaultSchedulerName
	}
	return nil
}
