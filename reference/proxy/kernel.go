package proxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"github.com/coreos/go-iptables/iptables"

	"github.com/etalon-dev/etalon/reference/proxy/rules"
)

// kernel writes rules with one variant of iptables.
type kernel struct {
	// command is the path of iptables; its -restore and -save lie beside it.
	command string
	ipt     *iptables.IPTables
}

// lockSeconds is how long iptables waits for another one that is at work.
const lockSeconds = 5

func openKernel(command string) (*kernel, error) {
	ipt, err := iptables.New(iptables.IPFamily(iptables.ProtocolIPv4), iptables.Path(command), iptables.Timeout(lockSeconds))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	return &kernel{command: command, ipt: ipt}, nil
}

// restore applies the input of iptables-restore and leaves everything else as it is. A table is
// changed completely or not at all.
func (k *kernel) restore(ctx context.Context, input []byte) error {
	cmd := exec.CommandContext(ctx, k.command+"-restore", "--noflush", "-w", fmt.Sprint(lockSeconds))
	cmd.Stdin = bytes.NewReader(input)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s-restore: %w: %s%s", k.command, err, strings.TrimSpace(stderr.String()), badLine(stderr.String(), input))
	}
	return nil
}

// badLine finds the line of the input that iptables-restore complained of.
func badLine(complaint string, input []byte) string {
	var n int
	_, after, found := strings.Cut(complaint, "line")
	if !found {
		return ""
	}
	if _, err := fmt.Sscanf(strings.TrimLeft(after, ": "), "%d", &n); err != nil {
		return ""
	}
	lines := bytes.Split(input, []byte("\n"))
	if n < 1 || n > len(lines) {
		return ""
	}
	return fmt.Sprintf(" (%s)", lines[n-1])
}

// read tells which rules of ours the kernel has.
func (k *kernel) read(ctx context.Context) (*rules.Ruleset, error) {
	var all []byte
	for _, table := range []string{rules.NAT, rules.Filter} {
		out, err := exec.CommandContext(ctx, k.command+"-save", "-t", table).Output()
		if err != nil {
			var exit *exec.ExitError
			if errors.As(err, &exit) {
				err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(exit.Stderr))
			}
			return nil, fmt.Errorf("%s-save: %w", k.command, err)
		}
		all = append(all, out...)
	}
	return rules.Parse(all), nil
}

// intact tells, at little cost, whether our rules are still there: it looks for what a flush or a
// reload by others would take away.
func (k *kernel) intact() (bool, error) {
	for _, w := range rules.Witnesses() {
		there, err := k.ipt.Exists(w.Chain.Table, w.Chain.Name, w.Args...)
		if err != nil || !there {
			return false, ignoreMissing(err)
		}
	}
	return true, nil
}

// ignoreMissing: a chain that is not there is an answer, not a failure.
func ignoreMissing(err error) error {
	var e *iptables.Error
	if errors.As(err, &e) && e.IsNotExist() {
		return nil
	}
	return err
}
