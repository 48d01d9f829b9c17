package controller

import (
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
)

const consumerIndex = "resource-claims-by-consumer"

// ResourceClaimsByConsumer makes the informer of ResourceClaims find them by the uid of the pods that they are reserved
// for, and returns the function that does. It must be called before the informer is started.
func ResourceClaimsByConsumer(informer cache.SharedIndexInformer) func(pod types.UID) []*resourcev1.ResourceClaim {
	if _, there := informer.GetIndexer().GetIndexers()[consumerIndex]; !there {
		// It fails only if another index has the name, which is ours.
		_ = informer.AddIndexers(cache.Indexers{consumerIndex: IndexBy(func(claim *resourcev1.ResourceClaim) []string {
			var uids []string
			for _, r := range ConsumingPods(claim) {
				uids = append(uids, string(r.UID))
			}
			return uids
		})})
	}
	return func(pod types.UID) []*resourcev1.ResourceClaim {
		return Indexed[*resourcev1.ResourceClaim](informer, consumerIndex, string(pod))
	}
}

// ConsumingPods are the pods that the claim is reserved for.
func ConsumingPods(claim *resourcev1.ResourceClaim) []resourcev1.ResourceClaimConsumerReference {
	var pods []resourcev1.ResourceClaimConsumerReference
	for _, r := range claim.Status.ReservedFor {
		if r.APIGroup == "" && r.Resource == "pods" {
			pods = append(pods, r)
		}
	}
	return pods
}
