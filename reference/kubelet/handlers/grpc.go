package handlers

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	v1 "k8s.io/api/core/v1"
)

// grpcOptions make a connection cheap: one request goes over it. The node's proxies are none of the container's.
var grpcOptions = []grpc.DialOption{
	grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(probeAgent),
	grpc.WithDisableServiceConfig(), grpc.WithNoProxy(), grpc.WithReadBufferSize(0), grpc.WithWriteBufferSize(0), grpc.WithMaxHeaderListSize(64 << 10),
	grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		return dialer(0).DialContext(ctx, "tcp", address)
	}),
}

// GRPC asks the standard health service (KEP-2727), over a connection of its own as every probe does: that the server
// accepts one is part of the question.
func GRPC(ctx context.Context, t Target, action *v1.GRPCAction, timeout time.Duration) (Result, error) {
	service := ""
	if action.Service != nil {
		service = *action.Service
	}
	address := net.JoinHostPort(t.IP, strconv.Itoa(int(action.Port)))
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+address, grpcOptions...)
	if err != nil {
		return Result{}, err
	}
	defer conn.Close()
	conn.Connect()
	for state := conn.GetState(); state != connectivity.Ready; state = conn.GetState() {
		if !conn.WaitForStateChange(ctx, state) {
			return timedOut(address, timeout), nil
		}
	}
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
	default:
		return Result{Message: fmt.Sprintf("error: health rpc probe failed: %+v", err)}, nil
	}
}
