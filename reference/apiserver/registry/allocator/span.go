package allocator

import (
	"encoding/binary"
	"math"
	"net/netip"
)

// span numbers the addresses of a range.
type span struct{ prefix netip.Prefix }

func spanOf(prefix netip.Prefix) span { return span{prefix.Masked()} }

// size is how many addresses can be handed out: not the network's own, nor IPv4's broadcast; and
// no more than an int32 counts, as a /64 has plenty.
func (s span) size() int {
	host := s.prefix.Addr().BitLen() - s.prefix.Bits()
	if host > 30 {
		return math.MaxInt32
	}
	if s.prefix.Addr().Is4() {
		return max(1<<host-2, 0)
	}
	return 1<<host - 1
}

// at returns the nth address of the range, from 0.
func (s span) at(n int) netip.Addr {
	bytes := s.prefix.Addr().AsSlice()
	low := bytes[len(bytes)-4:]
	binary.BigEndian.PutUint32(low, binary.BigEndian.Uint32(low)+uint32(n)+1)
	addr, _ := netip.AddrFromSlice(bytes)
	return addr
}

// index is the inverse of at.
func (s span) index(addr netip.Addr) (int, bool) {
	if !s.prefix.Contains(addr) {
		return 0, false
	}
	base, bytes := s.prefix.Addr().AsSlice(), addr.AsSlice()
	tail := len(bytes) - 4
	if string(base[:tail]) != string(bytes[:tail]) {
		return 0, false
	}
	n := int64(binary.BigEndian.Uint32(bytes[tail:])) - int64(binary.BigEndian.Uint32(base[tail:])) - 1
	return int(n), n >= 0
}
