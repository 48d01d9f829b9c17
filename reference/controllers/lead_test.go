package controllers

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// memoryLock is a lock in memory, of which several may have a view.
type memoryLock struct {
	identity string
	before   func(ctx context.Context, verb string) error // called before each request

	*memory
}

type memory struct {
	mu     sync.Mutex
	record *resourcelock.LeaderElectionRecord
}

func newLock() *memoryLock {
	return &memoryLock{identity: "me", before: func(context.Context, string) error { return nil }, memory: &memory{}}
}

func (l *memoryLock) Identity() string   { return l.identity }
func (l *memoryLock) Describe() string   { return "a lock" }
func (l *memoryLock) RecordEvent(string) {}

func (l *memoryLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	if err := l.before(ctx, "get"); err != nil {
		return nil, nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record == nil {
		return nil, nil, apierrors.NewNotFound(schema.GroupResource{Resource: "leases"}, "a lock")
	}
	record := *l.record
	return &record, []byte(record.HolderIdentity + record.RenewTime.String()), nil
}

func (l *memoryLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, "create", record)
}

func (l *memoryLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(ctx, "update", record)
}

func (l *memoryLock) write(ctx context.Context, verb string, record resourcelock.LeaderElectionRecord) error {
	if err := l.before(ctx, verb); err != nil {
		return err
	}
	l.set(record)
	return nil
}

func (l *memoryLock) set(record resourcelock.LeaderElectionRecord) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record = &record
}

func (l *memoryLock) holder() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.record == nil {
		return ""
	}
	return l.record.HolderIdentity
}

// The lock is held as long as there is work, however long that takes to end, and
// free at once then.
func TestLeadGivesBackAfterWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		lock := newLock()
		err := lead(ctx, lock, func(ctx context.Context, leads func() bool) {
			<-ctx.Done()
			time.Sleep(2 * leaseDuration)
			if lock.holder() != "me" || !leads() {
				t.Errorf("held by %q at the end of the work; may it write: %t", lock.holder(), leads())
			}
		})
		if err != nil || lock.holder() != "" {
			t.Errorf("%v; held by %q", err, lock.holder())
		}
	})
}

// Work that can no longer renew its lock is told to end while nobody else can
// have it yet, although giving the lock back does not work either.
func TestLeadEndsWorkBeforeOthersBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := newLock()
		var renewed time.Time
		lock.before = func(ctx context.Context, _ string) error {
			if lock.holder() == "me" && time.Since(renewed) > retryPeriod/2 {
				<-ctx.Done() // as when packets are dropped
				return ctx.Err()
			}
			renewed = time.Now()
			return nil
		}
		began := time.Now()
		err := lead(t.Context(), lock, func(ctx context.Context, leads func() bool) {
			<-ctx.Done()
			if held := time.Since(renewed); held >= leaseDuration || !leads() {
				t.Errorf("told to end %s after the last renewal; may it write: %t", held, leads())
			}
			time.Sleep(leaseDuration)
			if leads() {
				t.Error("may still write when another can have begun")
			}
		})
		if !errors.Is(err, errLost) || lock.holder() != "me" {
			t.Errorf("after %s: %v; held by %q", time.Since(began), err, lock.holder())
		}
	})
}

// A request that hangs, whatever its context says, does not make writes of it
// that come after the lock can be another's.
func TestLeadsNoLongerThanItsLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		lock := newLock()
		hung := false
		lock.before = func(context.Context, string) error {
			if lock.holder() == "me" && !hung {
				hung = true
				time.Sleep(time.Minute)
			}
			return nil
		}
		err := lead(ctx, lock, func(_ context.Context, leads func() bool) {
			if !leads() {
				t.Error("may not write at first")
			}
			time.Sleep(leaseDuration)
			if leads() {
				t.Error("may still write when another can have begun")
			}
			cancel()
		})
		if err != nil || lock.holder() != "" {
			t.Errorf("%v; held by %q", err, lock.holder())
		}
	})
}

// Who finds the lock in other hands stops at once, and leaves it there.
func TestLeadEndsWhenTheLockIsAnothers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock := newLock()
		lock.before = func(_ context.Context, verb string) error {
			if verb == "update" && lock.holder() == "another" {
				return apierrors.NewConflict(schema.GroupResource{Resource: "leases"}, "a lock", nil)
			}
			return nil
		}
		err := lead(t.Context(), lock, func(ctx context.Context, _ func() bool) {
			lock.set(resourcelock.LeaderElectionRecord{HolderIdentity: "another", LeaseDurationSeconds: 15})
			took := time.Now()
			<-ctx.Done()
			if after := time.Since(took); after > retryPeriod {
				t.Errorf("told to end only after %s", after)
			}
		})
		if !errors.Is(err, errLost) || lock.holder() != "another" {
			t.Errorf("%v; held by %q", err, lock.holder())
		}
	})
}

// Who is told to end in the moment of its election does no work, and holds nothing.
func TestLeadEndsAsItIsElected(t *testing.T) {
	for _, when := range []string{"before the answer", "after the answer"} {
		t.Run(when, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				lock := newLock()
				lock.before = func(asked context.Context, verb string) error {
					if verb != "create" {
						return nil
					}
					cancel()
					if when == "before the answer" {
						lock.set(resourcelock.LeaderElectionRecord{HolderIdentity: "me", LeaseDurationSeconds: 15})
						<-asked.Done()
						return asked.Err()
					}
					return nil
				}
				returned := false
				err := lead(ctx, lock, func(ctx context.Context, _ func() bool) {
					if returned || ctx.Err() == nil {
						t.Error("works")
					}
				})
				returned = true
				synctest.Wait()
				if err != nil || lock.holder() != "" {
					t.Errorf("%v; held by %q", err, lock.holder())
				}
			})
		})
	}
}

// The second begins once the work of the first has ended, and soon.
func TestLeadHandsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := newLock()
		second := &memoryLock{identity: "you", before: first.before, memory: first.memory}
		over, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		ended := make(chan time.Time, 1)
		var both sync.WaitGroup
		both.Go(func() {
			_ = lead(over, first, func(ctx context.Context, _ func() bool) {
				<-ctx.Done()
				time.Sleep(time.Minute)
				ended <- time.Now()
			})
		})
		synctest.Wait()
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		both.Go(func() {
			_ = lead(ctx, second, func(context.Context, func() bool) {
				select {
				case at := <-ended:
					if waited := time.Since(at); waited > 3*retryPeriod {
						t.Errorf("the second began %s after the first", waited)
					}
				default:
					t.Error("two work at once")
				}
				stop()
			})
		})
		both.Wait()
	})
}
