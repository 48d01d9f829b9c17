package conformance

import (
	"context"
	"fmt"
	"io"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/etalon-dev/etalon/conformance/framework"
	"github.com/etalon-dev/etalon/conformance/report"
)

// target is the cluster under test, as the run itself sees it.
type target struct {
	api   kubernetes.Interface
	about report.Implementation
}

// connect reaches the cluster and asks what it is.
func connect(ctx context.Context, kubeconfig string) (*target, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("the kubeconfig cannot be used: %w", err)
	}
	config.Timeout = framework.APITimeout
	api, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	version, err := api.Discovery().ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("the cluster of %s does not answer: %w", kubeconfig, err)
	}
	nodes, err := api.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("the user of %s is no administrator: %w", kubeconfig, err)
	}
	return &target{api: api, about: report.Implementation{Version: version.GitVersion, Platform: version.Platform, Nodes: len(nodes.Items)}}, nil
}

// cleanUp deletes what is left of the run's namespaces, as a crashed or interrupted worker
// leaves some, and waits for them to go. What stays is told, and no error.
func (t *target) cleanUp(ctx context.Context, run string, out io.Writer) {
	ctx, cancel := context.WithTimeout(ctx, framework.NamespaceGoneTimeout)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for asked := map[string]bool{}; ; {
		list, err := t.api.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: framework.RunLabel + "=" + run})
		if err == nil && len(list.Items) == 0 {
			return
		}
		if err == nil {
			for _, ns := range list.Items {
				if ns.DeletionTimestamp == nil && !asked[ns.Name] {
					asked[ns.Name] = t.api.CoreV1().Namespaces().Delete(ctx, ns.Name, metav1.DeleteOptions{}) == nil
				}
			}
		}
		select {
		case <-ctx.Done():
			left := "namespaces"
			if list != nil {
				left = fmt.Sprintf("%d namespaces", len(list.Items))
			}
			fmt.Fprintf(out, "%s of this run are not gone yet (label %s=%s)\n", left, framework.RunLabel, run)
			return
		case <-tick.C:
		}
	}
}
