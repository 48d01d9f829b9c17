package core

import (
	"context"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	genericapirequest "k8s.io/apiserver/pkg/endpoints/request"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/allocator"
)

// serviceRanges are the ranges that cluster IPs of the family of own come from: own, which the server
// was started with, and those of the ServiceCIDRs in the store (KEP-1880). A store of nil has none.
func serviceRanges(own netip.Prefix, store *genericregistry.Store) allocator.Ranges {
	if store == nil {
		return allocator.Fixed(own)
	}
	return func(ctx context.Context, fresh bool) ([]netip.Prefix, error) {
		options := &internalversion.ListOptions{ResourceVersion: "0"}
		if fresh {
			options = nil
		} else if store.ReadinessCheck() != nil {
			return []netip.Prefix{own}, nil // while the server starts, it asks for its own address only
		}
		list, err := store.List(genericapirequest.WithNamespace(ctx, metav1.NamespaceNone), options)
		if err != nil {
			return nil, err
		}
		return usableRanges(own, list.(*networkingv1.ServiceCIDRList).Items), nil
	}
}

// usableRanges is own, unless every ServiceCIDR that publishes it is not ready, and then the ready ones
// of own's family, by name.
func usableRanges(own netip.Prefix, cidrs []networkingv1.ServiceCIDR) []netip.Prefix {
	var usable []netip.Prefix
	published, ownReady := false, false
	for i := range cidrs {
		for _, text := range cidrs[i].Spec.CIDRs {
			prefix, err := netip.ParsePrefix(text)
			switch {
			case err != nil || familyOf(prefix.Addr()) != familyOf(own.Addr()):
			case prefix.Masked() == own:
				published, ownReady = true, ownReady || isReady(&cidrs[i])
			case isReady(&cidrs[i]) && !slices.Contains(usable, prefix.Masked()):
				usable = append(usable, prefix.Masked())
			}
		}
	}
	if published && !ownReady {
		return usable
	}
	return append([]netip.Prefix{own}, usable...)
}

// isReady tells whether addresses may be allocated from a ServiceCIDR. One that nobody has judged yet
// is ready: the controller that would may not run.
func isReady(c *networkingv1.ServiceCIDR) bool {
	ready := meta.FindStatusCondition(c.Status.Conditions, networkingv1.ServiceCIDRConditionReady)
	return c.DeletionTimestamp == nil && (ready == nil || ready.Status == metav1.ConditionTrue)
}

// familiesOf are the families of the ranges, in order: the first is a Service's by default.
func familiesOf(ranges []netip.Prefix) []corev1.IPFamily {
	var families []corev1.IPFamily
	for _, prefix := range ranges {
		families = append(families, familyOf(prefix.Addr()))
	}
	return families
}
