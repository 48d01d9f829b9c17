package kubelet

import (
	"testing"

	"github.com/spf13/pflag"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/config"
)

func TestTalking(t *testing.T) {
	c := config.Default()
	if got := talking(&rest.Config{}, c); got.QPS != usualQPS || got.Burst != usualBurst || got.AcceptContentTypes != "application/vnd.kubernetes.protobuf,application/json" {
		t.Errorf("by default: %v, %v, %s", got.QPS, got.Burst, got.AcceptContentTypes)
	}
	c.ContentType, c.KubeAPIQPS, c.KubeAPIBurst = "application/json", ptr.To(int32(0)), 7
	if got := talking(&rest.Config{}, c); got.QPS >= 0 || got.Burst != 7 || got.AcceptContentTypes != "application/json" || got.ContentType != "application/json" {
		t.Errorf("as configured: %v, %v, %s", got.QPS, got.Burst, got.AcceptContentTypes)
	}
}

func TestFlagsGoBeforeTheFile(t *testing.T) {
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	o := Options{Kubelet: config.Default()}
	flags.StringVar(&o.RuntimeEndpoint, "container-runtime-endpoint", "unix:///usual", "")
	flags.StringVar(&o.PodLogsDir, "pod-logs-dir", "/usual", "")
	flags.IntVar(&o.Port, "port", 10250, "")
	if err := flags.Parse([]string{"--pod-logs-dir=/given"}); err != nil {
		t.Fatal(err)
	}
	o.Kubelet.PodLogsDir, o.Kubelet.Port = "/file", 17
	o.fromFile(flags)
	if o.RuntimeEndpoint != "unix:///usual" || o.PodLogsDir != "/given" || o.Port != 17 {
		t.Errorf("got %s, %s, %d", o.RuntimeEndpoint, o.PodLogsDir, o.Port)
	}
}

func TestEventsAreBounded(t *testing.T) {
	usual := fake.NewClientset()
	o := Options{Config: &rest.Config{Host: "https://localhost"}, Kubelet: config.Default()}
	if got, err := o.eventClient(usual); err != nil || got != usual {
		t.Errorf("by default: %v, %v", got, err)
	}
	o.Kubelet.EventRecordQPS = ptr.To(int32(1))
	if got, err := o.eventClient(usual); err != nil || got == usual {
		t.Errorf("bounded: the usual client is used, %v", err)
	}
}
