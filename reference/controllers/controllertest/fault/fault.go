package fault

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

const (
	// atOnce is how many rounds run side by side, of half as many scenarios.
	// Most of the time of one it waits.
	atOnce = 8
	// some is about how many of the writes are tried unless all are asked for, and
	// few with -short.
	some = 8
	few  = 3
	// allWrites is the variable of the environment that asks for all, if it is 1.
	allWrites = "ETALON_FAULTS_ALL"
)

// AtEachWrite plays each scenario undisturbed, and then once for every write that
// the controllers made and each of the two sides of it: just before the write is
// sent, and just after it was applied but before its answer came, the controllers
// are killed and new ones started. Every time the outcome must be the same. All
// share one API server, and run side by side. Of the writes of a long scenario
// every so manieth is tried, before one and after another, and all if
// ETALON_FAULTS_ALL is 1.
func AtEachWrite(t *testing.T, scenarios ...Scenario) {
	t.Helper()
	// A quarter of the time would go into collecting garbage, of which little comes.
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	server := apiservertest.New(t)
	// What it logs about requests that are broken off is what we do to it.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	p := &place{admin: server.Config, controllers: server.User("system:kube-controller-manager"), slots: make(chan struct{}, atOnce)}
	if err := p.survey(); err != nil {
		t.Fatal(err)
	}
	var playing sync.WaitGroup
	begun := make(chan struct{}, atOnce/2)
	for _, s := range scenarios {
		begun <- struct{}{}
		playing.Go(func() {
			defer func() { <-begun }()
			t.Run(s.Name, func(t *testing.T) { tryAll(t, &Round{scenario: s, place: p}) })
		})
	}
	playing.Wait()
}

// place is where rounds are played.
type place struct {
	admin, controllers *rest.Config
	http               *http.Client    // the administrator's
	cluster            map[string]bool // the resources without namespaces
	slots              chan struct{}
}

func (p *place) survey() error {
	var err error
	if p.http, err = rest.HTTPClientFor(p.admin); err != nil {
		return err
	}
	client, err := kubernetes.NewForConfigAndClient(p.admin, p.http)
	if err != nil {
		return err
	}
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	if err != nil {
		return err
	}
	p.cluster = map[string]bool{}
	for _, list := range lists {
		for _, resource := range list.APIResources {
			if !resource.Namespaced {
				p.cluster[resource.Name] = true
			}
		}
	}
	return nil
}

func tryAll(t *testing.T, pattern *Round) {
	model, writes, outcome := undisturbed(t, pattern)
	defer model.leave()
	t.Logf("%d writes, outcome:\n%s", writes, outcome)
	every := stride(writes)
	var rounds, killed atomic.Int32
	var trying sync.WaitGroup
	for first := 1; first <= writes; first += every {
		for _, sent := range []bool{false, true} {
			n := first
			if sent {
				n = min(first+every/2, writes)
			}
			pattern.place.slots <- struct{}{}
			trying.Go(func() {
				defer func() { <-pattern.place.slots }()
				if t.Failed() {
					return
				}
				rounds.Add(1)
				if pattern.try(t, kill{n: n, sent: sent}, model) {
					killed.Add(1)
				}
			})
		}
	}
	trying.Wait()
	t.Logf("in %d of %d rounds as many writes were made", killed.Load(), rounds.Load())
}

// undisturbed plays the round that the others are compared with. Its controllers
// go on running: what they have still to do when it seems to be over, because the
// machine is slow, others are not expected to leave undone.
func undisturbed(t *testing.T, pattern *Round) (model *world, writes int, outcome string) {
	pattern.place.slots <- struct{}{}
	defer func() { <-pattern.place.slots }()
	model, err := pattern.with("undisturbed", kill{}).enter(t.Context())
	if err != nil {
		t.Fatalf("undisturbed: %v", err)
	}
	if err = model.act(); err == nil {
		outcome, err = model.rest(longCalm)
	}
	if err != nil {
		model.leave()
		t.Fatalf("undisturbed: %v\nwrites: %v", err, model.wire.made())
	}
	return model, len(model.wire.made()), outcome
}

// stride is how far the writes that are tried are apart.
func stride(writes int) int {
	switch {
	case os.Getenv(allWrites) == "1":
		return 1
	case testing.Short():
		return max(1, writes/few)
	}
	return max(1, (writes+some-1)/some)
}

// try plays one round with a kill, and says whether there was so late a write.
func (r *Round) try(t *testing.T, k kill, model *world) (killed bool) {
	side := "before"
	if k.sent {
		side = "after"
	}
	w, err := r.with(fmt.Sprintf("%s-%d", side, k.n), k).enter(t.Context())
	if err != nil {
		t.Error(err)
		return false
	}
	defer w.leave()
	if err = w.act(); err == nil {
		err = w.end(model)
	}
	if err != nil && t.Context().Err() == nil {
		t.Errorf("killed %s write %d (%s): %v\nwrites: %v", side, k.n, w.wire.killedAt(), err, w.wire.made())
	}
	return w.wire.killedAt() != ""
}

func (r *Round) with(name string, k kill) *Round {
	round := *r
	round.Namespace = r.scenario.Name + "-" + name
	round.kill = k
	return &round
}
