package node

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

func TestCheckSwap(t *testing.T) {
	const head = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
	yes, no := true, false
	for name, c := range map[string]struct {
		swaps string
		fail  *bool
		ok    bool
	}{
		"no swap":              {head, &yes, true},
		"swap":                 {head + "/swapfile                               file\t\t4194300\t\t0\t\t-2\n", &yes, false},
		"swap that is allowed": {head + "/swapfile file 1 0 -2\n", &no, true},
		"a kernel without":     {"", &yes, true},
	} {
		dir := t.TempDir()
		if c.swaps != "" {
			if err := os.WriteFile(filepath.Join(dir, "swaps"), []byte(c.swaps), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := CheckSwap(dir, &kubeletv1beta1.KubeletConfiguration{FailSwapOn: c.fail})
		if (err == nil) != c.ok || err != nil && !strings.HasSuffix(err.Error(), "/swapfile") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestTheNodeTellsOfItsSwap(t *testing.T) {
	if got := swapOf(0); got != nil {
		t.Errorf("without swap: got %v", got)
	}
	if got := swapOf(7); got == nil || *got.Capacity != 7 {
		t.Errorf("got %v", got)
	}
}
