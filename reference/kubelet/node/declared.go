package node

import (
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/component-helpers/nodedeclaredfeatures"
	"k8s.io/component-helpers/nodedeclaredfeatures/types"
	"k8s.io/klog/v2"
)

// gates are the features, among those that schedulers and API servers ask nodes about, that this agent has.
var gates = types.FeatureGateMap{
	"RestartAllContainersOnContainerExits":    true,
	"InPlacePodLevelResourcesVerticalScaling": true,
}

// Declared are the features of status.declaredFeatures, in order (KEP-5328; docs:
// concepts/scheduling-eviction/node-declared-features). What pods need that is not among them, a scheduler keeps from the node.
func Declared(kubelet string) []string {
	v, err := version.ParseSemantic(kubelet)
	if err != nil {
		klog.ErrorS(err, "No features are declared for an unknown version", "version", kubelet)
		return nil
	}
	return nodedeclaredfeatures.DefaultFramework.DiscoverNodeFeatures(&types.NodeConfiguration{FeatureGates: gates, Version: v})
}
