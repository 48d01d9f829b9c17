// Package probes asks containers how they are, and keeps what their answers mean.
package probes

import v1 "k8s.io/api/core/v1"

// count turns single answers into a verdict: it takes a number of equal answers in a row to
// change it.
type count struct {
	ok  bool
	run int32
}

// answer takes one answer and returns how the verdict reads then, false if it is not reached yet.
func (c *count) answer(p *v1.Probe, ok bool) (verdict, reached bool) {
	if ok == c.ok && c.run > 0 {
		c.run++
	} else {
		c.ok, c.run = ok, 1
	}
	needed := p.FailureThreshold
	if ok {
		needed = p.SuccessThreshold
	}
	return ok, c.run >= max(needed, 1)
}
