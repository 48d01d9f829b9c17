package handlers

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
)

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
	d := net.Dialer{Timeout: timeout}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return Result{Message: err.Error()}, nil
	}
	conn.Close()
	return Result{OK: true}, nil
}

// GRPC asks the standard health service (KEP-2727).
func GRPC(ctx context.Context, t Target, action *v1.GRPCAction, timeout time.Duration) (Result, error) {
	service := ""
	if action.Service != nil {
		service = *action.Service
	}
	address := net.JoinHostPort(t.IP, strconv.Itoa(int(action.Port)))
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(userAgent))
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	resp, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service})
	switch status.Code(err) {
	case codes.OK:
		if resp.GetStatus() == healthpb.HealthCheckResponse_SERVING {
			return Result{OK: true}, nil
		}
		return Result{Message: fmt.Sprintf("service unhealthy (responded with %q)", resp.GetStatus())}, nil
	case codes.Unimplemented:
		return Result{Message: fmt.Sprintf("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): %s", status.Convert(err).Message())}, nil
	case codes.DeadlineExceeded:
		return Result{Message: fmt.Sprintf("timeout: health rpc did not complete within %v", timeout)}, nil
	case codes.Unavailable:
		return Result{Message: fmt.Sprintf("error: failed to connect service %q: %s", address, status.Convert(err).Message())}, nil
	default:
		return Result{Message: fmt.Sprintf("error: health rpc probe failed: %+v", err)}, nil
	}
}
