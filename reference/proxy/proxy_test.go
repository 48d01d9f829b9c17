package proxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
	"github.com/etalon-dev/etalon/reference/proxy/rules"
)

// fakeKernel counts what is written to it.
type fakeKernel struct {
	writes, reads int
	last          string
	fail          int // so many writes fail
	flushed       atomic.Bool
}

func (k *fakeKernel) read(context.Context) (*rules.Ruleset, error) {
	k.reads++
	return rules.Empty(), nil
}

func (k *fakeKernel) restore(_ context.Context, input []byte) error {
	k.writes++
	if k.fail > 0 {
		k.fail--
		return errors.New("no")
	}
	k.last = string(input)
	return nil
}

func (k *fakeKernel) intact() (bool, error) { return !k.flushed.Load(), nil }

// inLoop runs a test with a proxy at work, in fake time.
func inLoop(t *testing.T, k *fakeKernel, test func(*proxy)) {
	synctest.Test(t, func(t *testing.T) {
		p := newProxy(k, rules.Config{})
		p.forget = func(staleFlows) error { return nil }
		p.source = func(n types.NamespacedName) []plan.Port {
			return []plan.Port{port(n.Name, corev1.ProtocolTCP, "10.96.0.10", 80)}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { p.loop(ctx); close(done) }()
		test(p)
		cancel()
		<-done
	})
}

func change(p *proxy, names ...string) {
	for _, n := range names {
		p.dirty.mark(types.NamespacedName{Namespace: "default", Name: n})
	}
}

func TestFirstChangeAtOnceThenBatches(t *testing.T) {
	k := &fakeKernel{}
	inLoop(t, k, func(p *proxy) {
		began := time.Now()
		change(p, "first")
		synctest.Wait()
		if k.writes != 1 || time.Since(began) > 0 {
			t.Fatalf("%d writes after %v, want 1 at once", k.writes, time.Since(began))
		}
		for i := range 100 {
			change(p, fmt.Sprint("burst-", i))
		}
		time.Sleep(minPause)
		synctest.Wait()
		if k.writes != 2 || k.reads != 1 || strings.Count(k.last, "-I KUBE-SERVICES")+strings.Count(k.last, "-A KUBE-SERVICES") < 100 {
			t.Fatalf("%d writes, %d reads; the last is\n%s", k.writes, k.reads, k.last)
		}
	})
}

func TestFailedWriteIsRetried(t *testing.T) {
	k := &fakeKernel{fail: 3}
	inLoop(t, k, func(p *proxy) {
		change(p, "web")
		time.Sleep(time.Second)
		synctest.Wait()
		if k.writes != 4 || k.reads != 4 {
			t.Fatalf("%d writes and %d reads, want 4: after a failure the kernel must be read anew", k.writes, k.reads)
		}
		if !strings.Contains(k.last, "default/web") {
			t.Fatalf("wrote\n%s", k.last)
		}
	})
}

func TestNothingIsWrittenWithoutNeed(t *testing.T) {
	k := &fakeKernel{}
	inLoop(t, k, func(p *proxy) {
		change(p, "web")
		time.Sleep(time.Second)
		change(p, "web") // the same again
		time.Sleep(time.Hour)
		synctest.Wait()
		if k.writes != 1 {
			t.Fatalf("%d writes, want 1", k.writes)
		}
	})
}

func TestFlushedRulesComeBack(t *testing.T) {
	k := &fakeKernel{}
	inLoop(t, k, func(p *proxy) {
		change(p, "web")
		synctest.Wait()
		k.flushed.Store(true)
		time.Sleep(checkPeriod + minPause)
		synctest.Wait()
		if k.writes != 2 {
			t.Fatalf("%d writes, want 2", k.writes)
		}
	})
}
