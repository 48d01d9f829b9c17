package proxy

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"

	"github.com/etalon-dev/etalon/reference/proxy/rules"
)

// The variants of iptables. They keep their rules apart, so all that run on a node must agree.
const (
	legacy = "legacy"
	nft    = "nft"
)

// chooseKernel finds iptables: the variant asked for, else the one in which a kubelet or a proxy
// has left its chains, else what the command iptables is here.
func chooseKernel(variant string) (*kernel, error) {
	switch variant {
	case "":
	case legacy, nft:
		path, err := exec.LookPath("iptables-" + variant)
		if err != nil {
			return nil, fmt.Errorf("iptables of variant %s is not installed (apt-get install iptables): %w", variant, err)
		}
		return openKernel(path)
	default:
		return nil, fmt.Errorf("no variant %q of iptables: want %s or %s", variant, legacy, nft)
	}
	for _, k := range kernels() {
		if k.inUse() {
			return k, nil
		}
	}
	path, err := exec.LookPath("iptables")
	if err != nil {
		return nil, fmt.Errorf("iptables is not installed (apt-get install iptables): %w", err)
	}
	return openKernel(path)
}

// kernels are the variants present. Merely asking iptables-legacy makes its tables, so it is left
// alone unless they exist.
func kernels() []*kernel {
	var found []*kernel
	for _, variant := range []string{nft, legacy} {
		path, err := exec.LookPath("iptables-" + variant)
		if err != nil || variant == legacy && !legacyTables() {
			continue
		}
		if k, err := openKernel(path); err == nil {
			found = append(found, k)
		}
	}
	return found
}

func legacyTables() bool {
	tables, err := os.ReadFile("/proc/net/ip_tables_names")
	return err == nil && len(bytes.TrimSpace(tables)) > 0
}

// inUse looks for the chains by which kubelet and proxies make themselves known.
func (k *kernel) inUse() bool {
	for _, mark := range [][2]string{{"mangle", "KUBE-IPTABLES-HINT"}, {"mangle", "KUBE-KUBELET-CANARY"}, {rules.NAT, "KUBE-SERVICES"}} {
		if there, err := k.ipt.ChainExists(mark[0], mark[1]); err == nil && there {
			return true
		}
	}
	return false
}
