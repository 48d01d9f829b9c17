package framework

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	. "github.com/onsi/ginkgo/v2"

	"github.com/etalon-dev/etalon/spec"
)

// kubeletConfig is what the suite wants to know of a KubeletConfiguration.
type kubeletConfig struct {
	StaticPodPath string `json:"staticPodPath"`
	PodPidsLimit  int64  `json:"podPidsLimit"`
}

// kubeletConfig asks the node's kubelet what it is configured to do, or tells why it does not say.
func (f *Framework) kubeletConfig(ctx context.Context, node string) (config kubeletConfig, why string) {
	GinkgoHelper()
	answer := f.Ask(ctx, http.MethodGet, "/api/v1/nodes/"+node+"/proxy/configz", "")
	var z struct {
		KubeletConfig kubeletConfig `json:"kubeletconfig"`
	}
	if answer.Code != http.StatusOK || json.Unmarshal(answer.Body, &z) != nil {
		return kubeletConfig{}, fmt.Sprintf("its kubelet does not say: %.200s", answer)
	}
	return z.KubeletConfig, ""
}

// mostPids is how many processes a pod may have at most for the suite to try whether it gets more: the machine of a
// test has to bear them.
const mostPids = 4096

// PodPidsLimit is how many processes a pod of the node may have, as its kubelet's configuration says.
func (f *Framework) PodPidsLimit(ctx context.Context, node string) int64 {
	GinkgoHelper()
	config, _ := f.kubeletConfig(ctx, node)
	return config.PodPidsLimit
}

// skipWithoutPidsLimit skips the spec unless every usable node bounds the processes of a pod.
func (f *Framework) skipWithoutPidsLimit(ctx context.Context) {
	GinkgoHelper()
	for _, node := range f.Nodes(ctx) {
		config, why := f.kubeletConfig(ctx, node.Name)
		if why == "" {
			why = fmt.Sprintf("podPidsLimit is %d", config.PodPidsLimit)
		}
		if config.PodPidsLimit <= 0 || config.PodPidsLimit > mostPids {
			Skip(fmt.Sprintf("needs %s: node %s: %s", spec.PodPidsLimit, node.Name, why))
		}
	}
}
