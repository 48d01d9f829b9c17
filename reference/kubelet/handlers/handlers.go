// Package handlers carries out what probes and lifecycle hooks ask for: a request over HTTP, a
// connection over TCP, a gRPC health check, a command in the container.
package handlers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	cri "k8s.io/cri-client/pkg"
	utilexec "k8s.io/utils/exec"
)

// Result is what one check found.
type Result struct {
	OK bool
	// Warning: OK, but users should look at the message.
	Warning bool
	// Message tells what was seen, for the event of a failure.
	Message string
}

// Exec runs a command in a container; of an exit code other than 0 it returns a utilexec.ExitError.
type Exec interface {
	ExecSync(ctx context.Context, containerID string, cmd []string, timeout time.Duration) (stdout, stderr []byte, err error)
}

// Target is the container instance that is asked.
type Target struct {
	Container *v1.Container
	ID        string
	// IP is the pod's address.
	IP string
}

// maxOutput is how much of a command's output a message repeats, in bytes.
const maxOutput = 10 << 10

// Command runs cmd in the target. An error means that it could not be run; a command that
// fails or takes too long is a Result that is not OK.
func Command(ctx context.Context, e Exec, t Target, cmd []string, timeout time.Duration) (Result, error) {
	stdout, stderr, err := e.ExecSync(ctx, t.ID, cmd, timeout)
	out := string(stdout) + string(stderr)
	if len(out) > maxOutput {
		out = out[:maxOutput]
	}
	var exit utilexec.ExitError
	switch {
	case err == nil:
		return Result{OK: true, Message: out}, nil
	case errors.Is(err, cri.ErrCommandTimedOut) || errors.Is(err, context.DeadlineExceeded):
		return Result{Message: fmt.Sprintf("command timed out: %q timed out after %s", join(cmd), timeout)}, nil
	case errors.As(err, &exit):
		return Result{OK: exit.ExitStatus() == 0, Message: out}, nil
	default:
		return Result{}, err
	}
}

func join(cmd []string) string {
	s := ""
	for i, word := range cmd {
		if i > 0 {
			s += " "
		}
		s += word
	}
	return s
}

// Port resolves a port by number or by the name it has in the container.
func Port(c *v1.Container, port intstr.IntOrString) (int, error) {
	n := port.IntValue()
	if port.Type == intstr.String {
		n = 0
		for _, p := range c.Ports {
			if p.Name == port.StrVal {
				n = int(p.ContainerPort)
			}
		}
		if n == 0 {
			var err error
			if n, err = strconv.Atoi(port.StrVal); err != nil {
				return 0, fmt.Errorf("couldn't find port: %v in container %s", port.StrVal, c.Name)
			}
		}
	}
	if n <= 0 || n > 65535 {
		return 0, fmt.Errorf("invalid port number: %v", n)
	}
	return n, nil
}
