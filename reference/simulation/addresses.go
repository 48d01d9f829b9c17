package simulation

import (
	"math/bits"
	"net/netip"
)

// podBits is the size of each node's range of pod addresses: a /24.
const podBits = 8

// nth is the nth address of a range.
func nth(r netip.Prefix, n int) netip.Addr {
	b := r.Masked().Addr().As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	v += uint32(n)
	return netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)})
}

// podRange is the range of the nth node's pods.
func podRange(all netip.Prefix, n int) netip.Prefix {
	return netip.PrefixFrom(nth(all, n<<podBits), 32-podBits)
}

// holds is how many addresses a range has.
func holds(r netip.Prefix) int { return 1 << (32 - r.Bits()) }

// hosts are the addresses of one node's range that are taken: one bit for each.
type hosts [1 << podBits / 64]uint64

// newHosts has the first two taken (the network's own and the node's) and the last (broadcast).
func newHosts() hosts { return hosts{0: 3, len(hosts{}) - 1: 1 << 63} }

// take takes the lowest free address, 0 if there is none.
func (h *hosts) take() int {
	for i, word := range h {
		if free := bits.TrailingZeros64(^word); free < 64 {
			h[i] |= 1 << free
			return i*64 + free
		}
	}
	return 0
}

// keep takes that one, and says whether it was free.
func (h *hosts) keep(host int) bool {
	was := h[host/64]
	h[host/64] |= 1 << (host % 64)
	return was != h[host/64]
}

func (h *hosts) release(host int) { h[host/64] &^= 1 << (host % 64) }
