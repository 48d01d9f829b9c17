package handlers

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

// dialer connects for probes. Closed connections linger for a second only: many probes would otherwise keep many ports
// waiting.
func dialer(timeout time.Duration) *net.Dialer {
	return &net.Dialer{Timeout: timeout, KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			// Where it cannot be set, connections linger as others do.
			_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1, Linger: 1})
		})
	}}
}

// TCP is OK if the port accepts a connection.
func TCP(ctx context.Context, t Target, action *v1.TCPSocketAction, timeout time.Duration) (Result, error) {
	port, err := Port(t.Container, action.Port)
	if err != nil {
		return Result{}, err
	}
	host := t.IP
	if action.Host != "" {
		host = action.Host
	}
	conn, err := dialer(timeout).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return Result{Message: err.Error()}, nil
	}
	conn.Close()
	return Result{OK: true}, nil
}

// timedOut tells of an action that took too long to connect.
func timedOut(address string, timeout time.Duration) Result {
	return Result{Message: fmt.Sprintf("timeout: failed to connect service %q within %v: %v", address, timeout, context.DeadlineExceeded)}
}
