package simulation

import "hash/fnv"

// draw returns a number from [0, 1) that depends on its arguments only: each question (what, the nth
// time) about each object has its own answer, and the same one in every process with that seed.
func draw(seed uint64, object, what string, n int) float64 {
	h := fnv.New64a()
	for _, word := range []uint64{seed, uint64(n)} {
		var b [8]byte
		for i := range b {
			b[i] = byte(word >> (8 * i))
		}
		_, _ = h.Write(b[:]) // a hash takes everything
	}
	_, _ = h.Write([]byte(object))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(what))
	return float64(mix(h.Sum64())>>11) / (1 << 53)
}

// mix spreads every bit of x over all others: FNV's low bits know too little of the last bytes.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
