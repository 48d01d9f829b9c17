package framework

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"

	"github.com/etalon-dev/etalon/spec"
)

// StaticPodPath is the directory in which a node's kubelet looks for static pods, as its configuration says.
func (f *Framework) StaticPodPath(ctx context.Context, node string) string {
	GinkgoHelper()
	path, why := f.staticPodPath(ctx, node)
	if path == "" {
		Fail("wanted: the directory of static pods of node " + node + "\n  seen: " + why)
	}
	return path
}

func (f *Framework) staticPodPath(ctx context.Context, node string) (path, why string) {
	GinkgoHelper()
	config, why := f.kubeletConfig(ctx, node)
	if why == "" {
		why = "its kubelet takes none"
	}
	return config.StaticPodPath, why
}

// skipWithoutStaticPods skips the spec unless the kubelet of the first node takes static pods from a directory.
func (f *Framework) skipWithoutStaticPods(ctx context.Context) {
	GinkgoHelper()
	nodes := f.Nodes(ctx)
	if len(nodes) == 0 {
		Skip("needs " + spec.StaticPods + ": there is no node")
	}
	if path, why := f.staticPodPath(ctx, nodes[0].Name); path == "" {
		Skip(fmt.Sprintf("needs %s: node %s: %s", spec.StaticPods, nodes[0].Name, why))
	}
}
