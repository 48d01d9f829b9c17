package allocator

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
)

// managedBy is the value of networking.k8s.io's managed-by label on addresses of Services.
const managedBy = "ipallocator.k8s.io"

// Ranges tells the ranges that may be allocated from now, the first preferred. fresh asks for what is
// stored, not for what a cache remembers.
type Ranges func(ctx context.Context, fresh bool) ([]netip.Prefix, error)

// Fixed are ranges that never change.
func Fixed(ranges ...netip.Prefix) Ranges {
	return func(context.Context, bool) ([]netip.Prefix, error) { return ranges, nil }
}

// Addresses hands out the cluster IPs of one family.
type Addresses struct {
	ledger ledger
	ranges Ranges
}

// NewAddresses returns the allocator of a family, whose record is the store of IPAddress objects.
func NewAddresses(store *genericregistry.Store, family corev1.IPFamily, ranges Ranges) *Addresses {
	return &Addresses{ranges: ranges, ledger: ledger{
		store: store, taken: ErrAddressAllocated,
		record: func(name string, h Holder) runtime.Object {
			return &networkingv1.IPAddress{
				ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
					networkingv1.LabelIPAddressFamily: string(family),
					networkingv1.LabelManagedBy:       managedBy,
				}},
				Spec: networkingv1.IPAddressSpec{ParentRef: &networkingv1.ParentReference{Resource: "services", Namespace: h.Namespace, Name: h.Name}},
			}
		},
		holder: func(obj runtime.Object) Holder {
			ref := obj.(*networkingv1.IPAddress).Spec.ParentRef
			if ref == nil || ref.Group != "" || ref.Resource != "services" {
				return Holder{}
			}
			return Holder{Namespace: ref.Namespace, Name: ref.Name}
		},
	}}
}

// Take takes addr. It fails with ErrAddressAllocated, or with ErrAddressNotInRange or an error that
// names the range.
func (a *Addresses) Take(ctx context.Context, addr netip.Addr, c Claim) error {
	var refused error
	for _, fresh := range []bool{false, true} { // a ServiceCIDR may be newer than what the cache knows
		ranges, err := a.ranges(ctx, fresh)
		if err != nil {
			return err
		}
		refused = ErrAddressNotInRange
		for _, prefix := range ranges {
			if !prefix.Contains(addr) {
				continue
			}
			s := spanOf(prefix)
			if n, ok := s.index(addr); ok && n < s.size() {
				return a.ledger.takeOver(ctx, addr.String(), c)
			}
			refused = fmt.Errorf("the provided IP (%s) is not in the valid range. The range of valid IPs is %s", addr, prefix)
		}
	}
	return refused
}

// TakeAny takes a free address of the first range that has one, or fails with ErrFull.
func (a *Addresses) TakeAny(ctx context.Context, c Claim) (netip.Addr, error) {
	for _, fresh := range []bool{false, true} {
		ranges, err := a.ranges(ctx, fresh)
		if err != nil {
			return netip.Addr{}, err
		}
		for _, prefix := range ranges {
			if addr, err := a.takeAnyOf(ctx, spanOf(prefix), c); !errors.Is(err, ErrFull) {
				return addr, err
			}
		}
	}
	return netip.Addr{}, ErrFull
}

func (a *Addresses) takeAnyOf(ctx context.Context, s span, c Claim) (netip.Addr, error) {
	size := s.size()
	n, err := choose(ctx, size, reservedBand(size, 16, 16, 256), ErrAddressAllocated,
		func(n int) error { return a.ledger.take(ctx, s.at(n).String(), c) },
		func(ctx context.Context) (map[int]bool, error) {
			entries, err := a.ledger.entries(ctx)
			known := map[int]bool{}
			for name := range entries {
				if addr, err := netip.ParseAddr(name); err == nil {
					if n, ok := s.index(addr); ok {
						known[n] = true
					}
				}
			}
			return known, err
		})
	if err != nil {
		return netip.Addr{}, err
	}
	return s.at(n), nil
}

// Release takes addr from h, if h holds it.
func (a *Addresses) Release(ctx context.Context, addr netip.Addr, h Holder) error {
	return a.ledger.release(ctx, addr.String(), h)
}

// Repair makes the record agree with what Services use; see Usage.
func (a *Addresses) Repair(ctx context.Context, u Usage) error { return a.ledger.repair(ctx, u) }

// ReadinessCheck says why Repair cannot run yet, if so.
func (a *Addresses) ReadinessCheck() error { return a.ledger.store.ReadinessCheck() }
