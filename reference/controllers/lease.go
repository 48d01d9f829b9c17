package controllers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/google/uuid"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

// newLease is the lock that the leader holds. Its requests are given up early
// enough to be tried again within the deadline.
func newLease(o Options) (resourcelock.Interface, error) {
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

// tenure is a lock that knows for how long it is held for sure.
type tenure struct {
	resourcelock.Interface
	lost func() // called when it is seen in other hands after it was held

	mu    sync.Mutex
	tried bool      // whether it may be held, though no answer has said so
	until time.Time // when others may take it; zero if it was never held
}

// Create and Update take or renew the lock. Others count from when they see that,
// which is later.
func (t *tenure) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return t.take(func() error { return t.Interface.Create(ctx, record) })
}

func (t *tenure) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return t.take(func() error { return t.Interface.Update(ctx, record) })
}

func (t *tenure) take(write func() error) error {
	began := time.Now()
	err := write()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tried = true
	if err == nil {
		t.until = began.Add(leaseDuration)
	}
	return err
}

// Get tells whose the lock is. Who has lost it to another must not wait for the
// deadline of its renewal to know.
func (t *tenure) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := t.Interface.Get(ctx)
	if err == nil && record.HolderIdentity != t.Identity() && t.held() {
		t.lost()
	}
	return record, raw, err
}

func (t *tenure) held() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.until.IsZero()
}

// valid says whether nobody else can hold the lock yet.
func (t *tenure) valid() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Now().Before(t.until)
}

// release gives the lock back, if it is held, so that the next one need not wait.
// Nobody may renew it any more.
func (t *tenure) release(ctx context.Context) {
	t.mu.Lock()
	tried := t.tried
	t.mu.Unlock()
	if !tried {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewDeadline)
	defer cancel()
	for {
		record, _, err := t.Interface.Get(ctx)
		if err == nil && record.HolderIdentity == t.Identity() {
			now := metav1.Now()
			err = t.Interface.Update(ctx, resourcelock.LeaderElectionRecord{
				LeaderTransitions: record.LeaderTransitions, LeaseDurationSeconds: 1, RenewTime: now, AcquireTime: now})
		}
		switch {
		case apierrors.IsConflict(err) && ctx.Err() == nil:
			continue // a renewal that was given up has come through
		case err != nil && !apierrors.IsNotFound(err):
			klog.FromContext(ctx).Error(err, "Could not give the Lease back", "lock", t.Describe())
		}
		return
	}
}

var errLost = errors.New("lost the leadership: the Lease kube-system/" + leaseName + " could not be renewed in time, or another has taken it")
