package fault

import (
	"fmt"
	"io"
	"os"
	"sync"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/apiserver/apiservertest"
)

const (
	// atOnce is how many rounds run side by side.
	atOnce = 4
	// some is about how many of the writes are tried unless all are asked for, and
	// few with -short.
	some = 12
	few  = 3
	// allWrites is the variable of the environment that asks for all, if it is 1.
	allWrites = "ETALON_FAULTS_ALL"
)

// AtEachWrite plays each scenario undisturbed, and then once for every write that
// the controllers made and each of the two sides of it: just before the write is
// sent, and just after it was applied but before its answer came, the controllers
// are killed and new ones started. Every time the outcome must be the same. All
// share one API server. Of the writes of a long scenario every so manieth is tried,
// before one and after another, and all if ETALON_FAULTS_ALL is 1.
func AtEachWrite(t *testing.T, scenarios ...Scenario) {
	t.Helper()
	server := apiservertest.New(t)
	// What it logs about requests that are broken off is what we do to it.
	klog.LogToStderr(false)
	klog.SetOutput(io.Discard)
	admin := kubernetes.NewForConfigOrDie(server.Config)
	cluster, err := clusterWide(admin)
	if err != nil {
		t.Fatal(err)
	}
	config := server.User("system:kube-controller-manager")
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			tryAll(t, &Round{Client: admin, scenario: s, config: config, cluster: cluster})
		})
	}
}

// clusterWide are the resources without namespaces.
func clusterWide(client kubernetes.Interface) (map[string]bool, error) {
	_, lists, err := client.Discovery().ServerGroupsAndResources()
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, list := range lists {
		for _, resource := range list.APIResources {
			if !resource.Namespaced {
				found[resource.Name] = true
			}
		}
	}
	return found, nil
}

func tryAll(t *testing.T, pattern *Round) {
	undisturbed := pattern.with("undisturbed", kill{})
	want, w, err := undisturbed.play(t.Context(), "")
	if err != nil {
		t.Fatalf("undisturbed: %v\nwrites: %v", err, w.writes)
	}
	t.Logf("%d writes, outcome:\n%s", len(w.writes), want)
	every := stride(len(w.writes))
	slots := make(chan struct{}, atOnce)
	var running sync.WaitGroup
	for first := 1; first <= len(w.writes); first += every {
		for _, sent := range []bool{false, true} {
			n := first
			if sent {
				n = min(first+every/2, len(w.writes))
			}
			slots <- struct{}{}
			running.Go(func() {
				defer func() { <-slots }()
				if t.Failed() {
					return
				}
				pattern.try(t, kill{n: n, sent: sent}, want)
			})
		}
	}
	running.Wait()
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

// try plays one round with a kill.
func (r *Round) try(t *testing.T, k kill, want string) {
	side := "before"
	if k.sent {
		side = "after"
	}
	_, w, err := r.with(fmt.Sprintf("%s-%d", side, k.n), k).play(t.Context(), want)
	if err != nil && t.Context().Err() == nil {
		t.Errorf("killed %s write %d (%s): %v\nwrites: %v", side, k.n, w.last, err, w.writes)
	}
}

func (r *Round) with(name string, k kill) *Round {
	round := *r
	round.Namespace = r.scenario.Name + "-" + name
	round.kill = k
	return &round
}
