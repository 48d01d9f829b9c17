package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/etalon-dev/etalon/reference/cluster"
)

const (
	// conformanceNodes is how many nodes the suite wants: behaviours between nodes need two.
	conformanceNodes = 2
	downTimeout      = 2 * time.Minute
)

// provision brings up the cluster that `etalon conformance` judges when it is given none, under a
// name of its own, so that it disturbs no cluster of the user.
func provision(ctx context.Context) (kubeconfig string, down func(), err error) {
	name := fmt.Sprintf("conformance-%d", os.Getpid())
	down = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), downTimeout)
		defer cancel()
		if err := cluster.Down(ctx, name); err != nil {
			fmt.Fprintln(os.Stderr, "Error: taking the cluster down:", err)
		}
	}
	c, err := cluster.Up(ctx, cluster.Options{Name: name, Nodes: conformanceNodes, NoFsync: true, Progress: os.Stdout})
	if err != nil {
		return "", nil, err
	}
	return c.Kubeconfig(), down, nil
}
