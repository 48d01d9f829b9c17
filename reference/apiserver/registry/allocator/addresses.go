package allocator

import (
	"context"
	"encoding/binary"
	"math"
	"net/netip"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
)

// managedBy is the value of networking.k8s.io's managed-by label on addresses of Services.
const managedBy = "ipallocator.k8s.io"

// Addresses hands out the cluster IPs of one range.
type Addresses struct {
	ledger ledger
	prefix netip.Prefix
}

// NewAddresses returns the allocator of prefix, whose record is the store of IPAddress objects.
func NewAddresses(store *genericregistry.Store, prefix netip.Prefix) *Addresses {
	prefix = prefix.Masked()
	family := "IPv4"
	if prefix.Addr().Is6() {
		family = "IPv6"
	}
	return &Addresses{prefix: prefix, ledger: ledger{
		store: store, taken: ErrAddressAllocated,
		record: func(name string, h Holder) runtime.Object {
			return &networkingv1.IPAddress{
				ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
					networkingv1.LabelIPAddressFamily: family,
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

// Prefix is the range.
func (a *Addresses) Prefix() netip.Prefix { return a.prefix }

// Take takes addr. It fails with ErrAddressAllocated or ErrAddressNotInRange.
func (a *Addresses) Take(ctx context.Context, addr netip.Addr, c Claim) error {
	if n, ok := a.index(addr); !ok || n >= a.size() {
		return ErrAddressNotInRange
	}
	return a.ledger.takeOver(ctx, addr.String(), c)
}

// TakeAny takes a free address, or fails with ErrFull.
func (a *Addresses) TakeAny(ctx context.Context, c Claim) (netip.Addr, error) {
	size := a.size()
	n, err := choose(ctx, size, reservedBand(size, 16, 16, 256), ErrAddressAllocated,
		func(n int) error { return a.ledger.take(ctx, a.at(n).String(), c) },
		func(ctx context.Context) (map[int]bool, error) {
			entries, err := a.ledger.entries(ctx)
			known := map[int]bool{}
			for name := range entries {
				if addr, err := netip.ParseAddr(name); err == nil {
					if n, ok := a.index(addr); ok {
						known[n] = true
					}
				}
			}
			return known, err
		})
	if err != nil {
		return netip.Addr{}, err
	}
	return a.at(n), nil
}

// Release takes addr from h, if h holds it.
func (a *Addresses) Release(ctx context.Context, addr netip.Addr, h Holder) error {
	return a.ledger.release(ctx, addr.String(), h)
}

// Repair makes the record agree with what Services use: it takes what is used and not recorded, and
// releases what has been taken since before a time for nobody's use.
func (a *Addresses) Repair(ctx context.Context, used map[string]Holder, before time.Time) error {
	return a.ledger.repair(ctx, used, before)
}

// ReadinessCheck says why Repair cannot run yet, if so.
func (a *Addresses) ReadinessCheck() error { return a.ledger.store.ReadinessCheck() }

// size is how many addresses can be handed out: not the network's own, nor IPv4's broadcast; and
// no more than an int32 counts, as a /64 has plenty.
func (a *Addresses) size() int {
	host := a.prefix.Addr().BitLen() - a.prefix.Bits()
	if host > 30 {
		return math.MaxInt32
	}
	if a.prefix.Addr().Is4() {
		return max(1<<host-2, 0)
	}
	return 1<<host - 1
}

// at returns the nth address of the range, from 0.
func (a *Addresses) at(n int) netip.Addr {
	bytes := a.prefix.Addr().AsSlice()
	low := bytes[len(bytes)-4:]
	binary.BigEndian.PutUint32(low, binary.BigEndian.Uint32(low)+uint32(n)+1)
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// index is the inverse of at.
func (a *Addresses) index(addr netip.Addr) (int, bool) {
	if !a.prefix.Contains(addr) {
		return 0, false
	}
	base, bytes := a.prefix.Addr().AsSlice(), addr.AsSlice()
	tail := len(bytes) - 4
	if string(base[:tail]) != string(bytes[:tail]) {
		return 0, false
	}
	n := int64(binary.BigEndian.Uint32(bytes[tail:])) - int64(binary.BigEndian.Uint32(base[tail:])) - 1
	return int(n), n >= 0
}
