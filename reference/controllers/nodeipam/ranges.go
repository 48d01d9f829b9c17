package nodeipam

import (
	"encoding/binary"
	"net/netip"
)

// ranges are the equal parts of a network. It is not safe for concurrent use.
type ranges struct {
	network netip.Prefix
	mask    int
	taken   []int // by how many
	next    int   // where to look first: a range is used again as late as possible
}

func newRanges(network netip.Prefix, mask int) *ranges {
	network = network.Masked()
	return &ranges{network: network, mask: mask, taken: make([]int, 1<<(mask-network.Bits()))}
}

// at is the ith range.
func (r *ranges) at(i int) netip.Prefix {
	bytes := r.network.Addr().AsSlice()
	// The bits of the number lie between those of the network and those of hosts.
	shift := len(bytes)*8 - r.mask
	for bit := range r.mask - r.network.Bits() {
		if i>>bit&1 == 1 {
			at := shift + bit // counted from the end
			bytes[len(bytes)-1-at/8] |= 1 << (at % 8)
		}
	}
	addr, _ := netip.AddrFromSlice(bytes)
	return netip.PrefixFrom(addr, r.mask)
}

// span is which ranges the prefix touches, from first to last; ok is false if it
// touches none.
func (r *ranges) span(p netip.Prefix) (first, last int, ok bool) {
	if !p.Overlaps(r.network) {
		return 0, 0, false
	}
	if p.Bits() <= r.network.Bits() {
		return 0, len(r.taken) - 1, true
	}
	first = r.index(p.Addr())
	width := max(0, r.mask-p.Bits())
	return first, first + 1<<width - 1, true
}

// index is the number of the range that the address lies in.
func (r *ranges) index(addr netip.Addr) int {
	bytes := addr.As16()
	// At most 16 bits are of interest, and 64 around them are enough to find them.
	shift := addr.BitLen() - r.mask
	var bits uint64
	if shift >= 64 {
		bits = binary.BigEndian.Uint64(bytes[:8]) >> (shift - 64)
	} else {
		bits = binary.BigEndian.Uint64(bytes[8:]) >> shift
		if shift > 0 {
			bits |= binary.BigEndian.Uint64(bytes[:8]) << (64 - shift)
		}
	}
	return int(bits & uint64(len(r.taken)-1))
}

// occupy notes that the prefix is somebody's; release that it is not any more.
func (r *ranges) occupy(p netip.Prefix)  { r.mark(p, 1) }
func (r *ranges) release(p netip.Prefix) { r.mark(p, -1) }

func (r *ranges) mark(p netip.Prefix, by int) {
	first, last, ok := r.span(p)
	if !ok {
		return
	}
	for i := first; i <= last; i++ {
		r.taken[i] += by
	}
}

// allocate takes a range that nobody has; ok is false if there is none.
func (r *ranges) allocate() (p netip.Prefix, ok bool) {
	for n := range r.taken {
		i := (r.next + n) % len(r.taken)
		if r.taken[i] == 0 {
			r.taken[i]++
			r.next = (i + 1) % len(r.taken)
			return r.at(i), true
		}
	}
	return netip.Prefix{}, false
}
