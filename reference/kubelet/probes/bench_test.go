package probes

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/etalon-dev/etalon/reference/kubelet/handlers"
)

// serverVariable makes the test program the server that benchmarks probe: another process, so that its work does not count.
const serverVariable = "ETALON_PROBED"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) == "" {
		os.Exit(m.Run())
	}
	web, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	rpc, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(web.Addr().(*net.TCPAddr).Port, rpc.Addr().(*net.TCPAddr).Port)
	server := grpc.NewServer()
	healthpb.RegisterHealthServer(server, health.NewServer())
	go server.Serve(rpc)
	http.Serve(web, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") }))
}

func probed(b *testing.B) (web, rpc int32) {
	b.Helper()
	self, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	server := exec.Command(self)
	server.Env = append(os.Environ(), serverVariable+"=1")
	out, err := server.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { server.Process.Kill(); server.Wait() })
	if _, err := fmt.Fscan(out, &web, &rpc); err != nil {
		b.Fatal(err)
	}
	return web, rpc
}

// BenchmarkCheck tells what one probe costs the agent: its allocations, and processor time in the kernel included.
// 110 pods with one probe every 10 s are 11 of them a second.
func BenchmarkCheck(b *testing.B) {
	web, rpc := probed(b)
	port := intstr.FromString(strconv.Itoa(int(web)))
	for name, handler := range map[string]v1.ProbeHandler{
		"http": {HTTPGet: &v1.HTTPGetAction{Path: "/healthz", Port: port}},
		"tcp":  {TCPSocket: &v1.TCPSocketAction{Port: port}},
		"grpc": {GRPC: &v1.GRPCAction{Port: rpc}},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			target := handlers.Target{Container: &v1.Container{Name: "c"}, IP: "127.0.0.1"}
			probe := &v1.Probe{ProbeHandler: handler, TimeoutSeconds: 5}
			before := used(b)
			for b.Loop() {
				if result, err := check(context.Background(), nil, target, probe); err != nil || !result.OK {
					b.Fatal(result, err)
				}
			}
			b.ReportMetric(float64((used(b)-before).Microseconds())/float64(b.N), "cpu-µs/op")
		})
	}
}

func used(b *testing.B) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
