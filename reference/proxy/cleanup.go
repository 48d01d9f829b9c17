package proxy

import (
	"context"
	"errors"
	"fmt"

	"github.com/etalon-dev/etalon/reference/proxy/rules"
)

// Cleanup takes all rules of ours out of the network namespace it runs in, whichever variant of
// iptables wrote them; with variant set, only that one's.
func Cleanup(ctx context.Context, variant string) error {
	all := kernels()
	if variant != "" {
		k, err := chooseKernel(variant)
		if err != nil {
			return fmt.Errorf("proxy: %w", err)
		}
		all = []*kernel{k}
	}
	var failed error
	for _, k := range all {
		have, err := k.read(ctx)
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		if delta := rules.Delta(have, rules.Empty()); delta != nil {
			failed = errors.Join(failed, k.restore(ctx, delta))
		}
	}
	return failed
}
