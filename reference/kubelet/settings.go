package kubelet

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// usualQPS and usualBurst bound the agent's requests where the configuration does not. They are more than documented:
// a node that starts many pods is not to wait for itself.
const (
	usualQPS   = 200
	usualBurst = 400
)

// fromFile takes over what the configuration says of things for which there are flags, too, that were not given.
func (o *Options) fromFile(flags *pflag.FlagSet) {
	if endpoint := o.Kubelet.ContainerRuntimeEndpoint; endpoint != "" && !flags.Changed("container-runtime-endpoint") {
		o.RuntimeEndpoint = endpoint
	}
	if !flags.Changed("pod-logs-dir") {
		o.PodLogsDir = o.Kubelet.PodLogsDir
	}
	if !flags.Changed("port") {
		o.Port = int(o.Kubelet.Port)
	}
}

// talking says how requests to the API server are written, and how many there may be in a second.
func talking(server *rest.Config, c *kubeletv1beta1.KubeletConfiguration) *rest.Config {
	server.ContentType = c.ContentType
	server.AcceptContentTypes = runtime.ContentTypeJSON
	if !strings.HasPrefix(c.ContentType, runtime.ContentTypeJSON) {
		server.AcceptContentTypes = c.ContentType + "," + runtime.ContentTypeJSON
	}
	server.QPS, server.Burst = usualQPS, usualBurst
	if c.KubeAPIQPS != nil {
		server.QPS = limit(*c.KubeAPIQPS)
	}
	if c.KubeAPIBurst > 0 {
		server.Burst = int(c.KubeAPIBurst)
	}
	return server
}

// limit is a number per second as clients have it, to which 0 is the default and less than that no limit.
func limit(qps int32) float32 {
	if qps == 0 {
		return -1
	}
	return float32(qps)
}

// eventClient writes events: as the rest is written, unless the configuration bounds how many there may be in a second.
func (o *Options) eventClient(client kubernetes.Interface) (kubernetes.Interface, error) {
	if o.Kubelet.EventRecordQPS == nil {
		return client, nil
	}
	own := rest.CopyConfig(o.Config)
	own.QPS = limit(*o.Kubelet.EventRecordQPS)
	if own.Burst = int(o.Kubelet.EventBurst); own.Burst == 0 {
		own.Burst = 100
	}
	return kubernetes.NewForConfig(own)
}

// openFiles lets this process open as many files, as far as it may; 0 leaves that as it is.
func openFiles(most int64) error {
	if most == 0 {
		return nil
	}
	var has unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &has); err != nil {
		return fmt.Errorf("maxOpenFiles: %w", err)
	}
	has.Cur = min(uint64(most), has.Max)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &has); err != nil {
		return fmt.Errorf("maxOpenFiles: %w", err)
	}
	return nil
}
