package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

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
	answer := f.Ask(ctx, http.MethodGet, "/api/v1/nodes/"+node+"/proxy/configz", "")
	var z struct {
		KubeletConfig struct {
			StaticPodPath string `json:"staticPodPath"`
		} `json:"kubeletconfig"`
	}
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body, &z) != nil {
		return "", fmt.Sprintf("its kubelet does not say: %.200s", answer)
	}
	return z.KubeletConfig.StaticPodPath, "its kubelet takes none"
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
