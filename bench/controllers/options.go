// Package controllers measures what controllers cost: the time that many objects of a kind take to be made,
// rolled over, scaled and deleted, the requests that this takes, as a multiple of those that the change needs
// whoever makes it, and what everything costs when there is nothing to do.
//
// Pods run on simulated nodes, so that nothing but the control plane is measured. Requests are counted from
// the API server's audit log, every one, by who made it.
package controllers

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster"
)

// Options say what is measured.
type Options struct {
	// Kinds are the kinds of objects, by their names; all if there are none.
	Kinds []string
	// Objects is how many there are of each kind, Replicas how many pods each has, More how many it is scaled up by.
	Objects, Replicas, More int
	// Nodes is how many simulated nodes there are.
	Nodes int
	// Clients create, change and delete at the same time.
	Clients int
	// Rest is how long the cluster is watched when there is nothing to do.
	Rest time.Duration
	// Timeout is how long a phase may take.
	Timeout time.Duration
	// Kubeconfig is a cluster to measure in place of one of our own, AuditLog the log of its API server, as JSON with
	// at least the metadata of every request. Its processor time is not measured.
	Kubeconfig, AuditLog string
	// Progress is told what is being done.
	Progress io.Writer

	// quiet is how long no write must come before a phase counts as over: what comes after convergence is its too.
	quiet time.Duration
	// up has where our own cluster comes from.
	up cluster.Options
}

// DefaultOptions take some ten minutes on two cores.
func DefaultOptions() Options {
	return Options{Objects: 200, Replicas: 3, More: 2, Nodes: 100, Clients: 16, Rest: 15 * time.Second, Timeout: 15 * time.Minute,
		quiet: 3 * time.Second}
}

func (o Options) validate() error {
	if _, err := choose(o.Kinds); err != nil {
		return err
	}
	for flag, n := range map[string]int{"--objects": o.Objects, "--replicas": o.Replicas, "--more": o.More, "--nodes": o.Nodes, "--clients": o.Clients} {
		if n < 1 {
			return fmt.Errorf("%s: %d is not positive", flag, n)
		}
	}
	if o.Rest <= 0 || o.Timeout <= 0 {
		return errors.New("--rest and --timeout must be positive")
	}
	if (o.Kubeconfig == "") != (o.AuditLog == "") {
		return errors.New("--kubeconfig and --audit-log come together: requests are counted from the log")
	}
	if pods, room := o.Objects*(o.Replicas+o.More), o.Nodes*podsPerNode; o.Kubeconfig == "" && pods > room {
		return fmt.Errorf("%d pods do not fit on %d nodes, which hold %d", pods, o.Nodes, room)
	}
	return nil
}

// podsPerNode is what a simulated node holds.
const podsPerNode = 110
