package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	v1 "k8s.io/api/core/v1"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// CheckSwap tells whether the agent may run on a machine that swaps: not by default, since nobody can say what pods
// use then (docs: concepts/cluster-administration/swap-memory-management).
func CheckSwap(proc string, c *kubeletv1beta1.KubeletConfiguration) error {
	if c.FailSwapOn == nil || !*c.FailSwapOn {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(proc, "swaps"))
	if errors.Is(err, os.ErrNotExist) {
		return nil // The kernel cannot swap.
	}
	if err != nil {
		return err
	}
	// The first line names the columns.
	if lines := strings.Split(strings.TrimSpace(string(text)), "\n"); len(lines) > 1 {
		return errors.New("running with swap on is not supported, please disable swap or set failSwapOn to false: " + strings.Fields(lines[1])[0])
	}
	return nil
}

// swapOf is what the node says of its swap, nothing if it has none.
func swapOf(bytes int64) *v1.NodeSwapStatus {
	if bytes == 0 {
		return nil
	}
	return &v1.NodeSwapStatus{Capacity: &bytes}
}
