package simulation

import (
	"fmt"
	"strings"
	"time"
)

// never is how a Delay is written that does not end.
const never = "never"

// Delay is a time that is waited: between Min and Max, each as likely, or for ever.
type Delay struct {
	Min, Max time.Duration
	Never    bool
}

// Fixed is always the same delay.
func Fixed(d time.Duration) Delay { return Delay{Min: d, Max: d} }

// ParseDelay reads "2s", "1s-5s" or "never".
func ParseDelay(text string) (Delay, error) {
	if text == never {
		return Delay{Never: true}, nil
	}
	low, high, ranged := strings.Cut(text, "-")
	from, err := time.ParseDuration(low)
	to := from
	if err == nil && ranged {
		to, err = time.ParseDuration(high)
	}
	if err != nil || from < 0 || to < from {
		return Delay{}, fmt.Errorf("%q is no delay: want a duration as 2s, a range as 1s-5s, or never", text)
	}
	return Delay{Min: from, Max: to}, nil
}

// String is what ParseDelay reads.
func (d Delay) String() string {
	switch {
	case d.Never:
		return never
	case d.Min == d.Max:
		return d.Min.String()
	}
	return d.Min.String() + "-" + d.Max.String()
}

// Set and Type make a Delay a flag.
func (d *Delay) Set(text string) (err error) {
	*d, err = ParseDelay(text)
	return err
}

// Type is what the help of a flag calls it.
func (d *Delay) Type() string { return "delay" }

// of is the delay that a draw from [0, 1) picks; it is not ok if it never ends.
func (d Delay) of(draw float64) (t time.Duration, ok bool) {
	return d.Min + time.Duration(draw*float64(d.Max-d.Min)), !d.Never
}
