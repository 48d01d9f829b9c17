package eviction

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// DefaultHard are the documented hard thresholds.
func DefaultHard() map[string]string {
	return map[string]string{
		string(MemoryAvailable): "100Mi", string(NodeFsAvailable): "10%", string(NodeFsInodesFree): "5%",
		string(ImageFsAvailable): "15%", string(ImageFsInodesFree): "5%",
	}
}

// Amount is a quantity, or a share of the capacity.
type Amount struct {
	quantity *resource.Quantity
	share    float64
}

// Of is the amount where the capacity is that.
func (a Amount) Of(capacity int64) int64 {
	if a.quantity != nil {
		return a.quantity.Value()
	}
	return int64(a.share * float64(capacity))
}

// Threshold is met while less than Value is available.
type Threshold struct {
	Signal Signal
	Value  Amount
	// Reclaim is how much more than Value must be there before the shortage counts as over.
	Reclaim Amount
	// Grace is for how long a soft threshold must be met before pods go; a hard one has none.
	Grace time.Duration
	Soft  bool
}

// Met tells whether there is too little. A signal that nobody observes is never short.
func (t Threshold) Met(o Observation, reclaimed bool) bool {
	limit := t.Value.Of(o.Capacity)
	if reclaimed {
		limit += t.Reclaim.Of(o.Capacity)
	}
	return o.Capacity > 0 && o.Available < limit
}

// Thresholds reads them from the configuration, in the order in which shortages are attended to.
func Thresholds(c *kubeletv1beta1.KubeletConfiguration) ([]Threshold, error) {
	reclaim, problems := amounts("evictionMinimumReclaim", c.EvictionMinimumReclaim, true)
	hard, more := amounts("evictionHard", c.EvictionHard, false)
	problems = append(problems, more...)
	soft, more := amounts("evictionSoft", c.EvictionSoft, false)
	problems = append(problems, more...)
	var out []Threshold
	for s, value := range hard {
		out = append(out, Threshold{Signal: s, Value: value, Reclaim: reclaim[s]})
	}
	for s, value := range soft {
		grace, err := time.ParseDuration(c.EvictionSoftGracePeriod[string(s)])
		switch {
		case c.EvictionSoftGracePeriod[string(s)] == "":
			problems = append(problems, fmt.Errorf("evictionSoft: grace period must be specified for the soft eviction threshold %v", s))
		case err != nil || grace < 0:
			problems = append(problems, fmt.Errorf("evictionSoftGracePeriod: invalid eviction grace period of %s: %q", s, c.EvictionSoftGracePeriod[string(s)]))
		}
		out = append(out, Threshold{Signal: s, Value: value, Reclaim: reclaim[s], Grace: grace, Soft: true})
	}
	for name := range c.EvictionSoftGracePeriod {
		if !slices.Contains(Signals, Signal(name)) {
			problems = append(problems, fmt.Errorf("evictionSoftGracePeriod: unknown eviction signal: %v", name))
		}
	}
	slices.SortFunc(out, func(a, b Threshold) int {
		if a.Signal != b.Signal {
			return cmp.Compare(slices.Index(Signals, a.Signal), slices.Index(Signals, b.Signal))
		}
		return cmp.Compare(a.Grace, b.Grace)
	})
	return out, errors.Join(problems...)
}

// amounts reads the amounts by signal. A threshold of 0 % or 100 % is none.
func amounts(field string, text map[string]string, zero bool) (map[Signal]Amount, []error) {
	out := map[Signal]Amount{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(text)) {
		bad := func(format string, args ...any) {
			problems = append(problems, fmt.Errorf("%s: %s", field, fmt.Sprintf(format, args...)))
		}
		s, value := Signal(name), text[name]
		if !slices.Contains(Signals, s) {
			bad("unknown eviction signal: %v", name)
			continue
		}
		if percent, ok := strings.CutSuffix(value, "%"); ok {
			share, err := strconv.ParseFloat(percent, 64)
			switch {
			case err != nil || share != share:
				bad("invalid percentage %q for %v", value, s)
			case share < 0 || share > 100:
				bad("eviction percentage for %v must be between 0%% and 100%%: %v", s, value)
			case share > 0 && share < 100:
				out[s] = Amount{share: share / 100}
			}
			continue
		}
		q, err := resource.ParseQuantity(value)
		switch {
		case err != nil:
			bad("invalid quantity %q for %v: %v", value, s, err)
		case q.Sign() < 0 || q.IsZero() && !zero:
			bad("eviction value for %v must be positive, not %s", s, value)
		default:
			out[s] = Amount{quantity: &q}
		}
	}
	return out, problems
}

// Hard returns the hard threshold for the signal, zero if there is none.
func Hard(all []Threshold, s Signal) Amount {
	for _, t := range all {
		if t.Signal == s && !t.Soft {
			return t.Value
		}
	}
	return Amount{}
}

// WithAllocatable adds what bounds the pods' memory in sum, if that is enforced.
func WithAllocatable(all []Threshold) []Threshold {
	var out []Threshold
	for _, t := range all {
		out = append(out, t)
		if t.Signal == MemoryAvailable && !t.Soft {
			t.Signal = AllocatableMemoryAvailable
			out = append(out, t)
		}
	}
	return out
}
