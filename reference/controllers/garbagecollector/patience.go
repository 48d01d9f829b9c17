package garbagecollector

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

const (
	// unseen is how soon to look again at an object whose owner exists and has
	// not been observed: it may go before it ever is.
	unseen = 5 * time.Second
	// unresolvable is how soon to look again at an object whose owner's kind is
	// not served.
	unresolvable = 30 * time.Second
	// longest is how long at most to wait with either. It may stay like that for
	// ever, and there may be thousands of them.
	longest = 5 * time.Minute
	// listing is how soon to look again at an object whose owners are being listed.
	listing = time.Second
)

// puzzled is when to look again at an object that cannot be judged: the less often
// the longer it has been so.
func (c *Controller) puzzled(obj *object, least time.Duration) time.Duration {
	return min(max(c.store.puzzled(obj.uid, time.Now()), least), longest)
}

// areListed reports whether an owner of the object has not been observed because
// its kind is being listed.
func (c *Controller) areListed(obj *object) bool {
	return slices.ContainsFunc(obj.owners, func(ref metav1.OwnerReference) bool {
		gv, err := schema.ParseGroupVersion(ref.APIVersion)
		return err == nil && c.store.get(ref.UID) == nil && c.monitors.listing(gv.WithKind(ref.Kind).GroupKind())
	})
}

func (c *Controller) hasUnseenOwner(live *metav1.PartialObjectMetadata, states []ownerState) bool {
	for i, ref := range live.OwnerReferences {
		if states[i] == present && c.store.get(ref.UID) == nil {
			return true
		}
	}
	return false
}
