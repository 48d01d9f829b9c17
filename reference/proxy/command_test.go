package proxy

import (
	"io"
	"strings"
	"testing"
)

func TestCommandRefusesWrongInput(t *testing.T) {
	for want, args := range map[string][]string{
		"--kubeconfig and --node-name are required":             {},
		`--cluster-cidr "10.244.0.0": want an IPv4 range`:       {"--kubeconfig", "x", "--node-name", "n", "--cluster-cidr", "10.244.0.0"},
		`--cluster-cidr "fd00::/64": want an IPv4 range`:        {"--kubeconfig", "x", "--node-name", "n", "--cluster-cidr", "fd00::/64"},
		"--kubeconfig /does/not/exist:":                         {"--kubeconfig", "/does/not/exist", "--node-name", "n"},
		`no variant "ebtables" of iptables: want legacy or nft`: {"--cleanup", "--iptables", "ebtables"},
		"unknown flag: --nonsense":                              {"--nonsense"},
	} {
		cmd := Command()
		cmd.SetArgs(args)
		cmd.SetOut(io.Discard)
		cmd.SetErr(io.Discard)
		if err := cmd.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want %q", args, err, want)
		}
	}
}
