// Package kubelet is the node agent: it registers its node, and runs the pods that the API
// server assigns to it by means of a container runtime that speaks CRI.
package kubelet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/pflag"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/certificates"
	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
	"github.com/etalon-dev/etalon/reference/kubelet/csi"
	"github.com/etalon-dev/etalon/reference/kubelet/devices"
	"github.com/etalon-dev/etalon/reference/kubelet/directories"
	"github.com/etalon-dev/etalon/reference/kubelet/events"
	"github.com/etalon-dev/etalon/reference/kubelet/eviction"
	"github.com/etalon-dev/etalon/reference/kubelet/logs"
	"github.com/etalon-dev/etalon/reference/kubelet/metrics"
	"github.com/etalon-dev/etalon/reference/kubelet/node"
	"github.com/etalon-dev/etalon/reference/kubelet/podresources"
	"github.com/etalon-dev/etalon/reference/kubelet/pods"
	"github.com/etalon-dev/etalon/reference/kubelet/pressure"
	"github.com/etalon-dev/etalon/reference/kubelet/resize"
	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
	"github.com/etalon-dev/etalon/reference/kubelet/server"
	"github.com/etalon-dev/etalon/reference/kubelet/spec"
	"github.com/etalon-dev/etalon/reference/kubelet/static"
	"github.com/etalon-dev/etalon/reference/kubelet/stats"
	"github.com/etalon-dev/etalon/reference/kubelet/status"
	"github.com/etalon-dev/etalon/reference/kubelet/users"
	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

// Options say which node the agent is, and where things are.
type Options struct {
	// Config is how to reach the API server.
	Config   *rest.Config
	NodeName string
	NodeIP   string
	// PodCIDR is the range of the node's pods; it is written into the Node object.
	PodCIDR string
	// Registration is what the Node object begins with.
	Registration node.Registration
	// RootDir is the agent's own directory, PodLogsDir that of the containers' logs.
	RootDir    string
	PodLogsDir string
	// RuntimeEndpoint is the runtime's socket, unix:///….
	RuntimeEndpoint string
	// Kubelet is what the configuration file says, with defaults.
	Kubelet *kubeletv1beta1.KubeletConfiguration
	// TLSCertFile and TLSPrivateKeyFile are the agent's own server's; clients show a
	// certificate of ClientCAFile.
	TLSCertFile, TLSPrivateKeyFile, ClientCAFile string
	// CertDir is where certificates are kept that the agent gets for itself.
	CertDir string
	Port    int
	// CredentialProviderConfig is a file that names programs with credentials for registries, in CredentialProviderDir. Optional.
	CredentialProviderConfig, CredentialProviderDir string
	// Flags are those that the agent was started with, for others to read; nil for none.
	Flags *pflag.FlagSet
	// Version is what the node reports as the agent's version.
	Version string
}

// statusWriters is how many statuses are sent at the same time.
const statusWriters = 4

// Run is the agent. It returns when ctx ends, or if it cannot do its work. Containers live on.
func Run(ctx context.Context, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	metrics.Register(o.NodeName)
	told := poweringOff(ctx)
	client, err := kubernetes.NewForConfig(o.Config)
	if err != nil {
		return err
	}
	for _, dir := range []string{filepath.Join(o.RootDir, "pods"), o.PodLogsDir} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			return err
		}
	}
	pause, err := pauseProfile(o.RootDir)
	if err != nil {
		return err
	}
	groups, err := cgroups.New()
	if err != nil {
		return err
	}
	if err := node.CheckSwap("/proc", o.Kubelet); err != nil {
		return err
	}
	if !groups.Unified() && ptr.Deref(o.Kubelet.FailCgroupV1, false) {
		return errors.New("failCgroupV1: the machine has cgroups version 1")
	}
	machine, err := node.Inspect(o.RootDir, o.Kubelet)
	if err != nil {
		return err
	}
	policy, err := cgroupPolicy(o.Kubelet, machine, groups.Unified())
	if err != nil {
		return err
	}
	if err := enforceReservations(groups, machine, o.Kubelet); err != nil {
		return err
	}
	rt, err := runtime.Dial(ctx, o.RuntimeEndpoint)
	if err != nil {
		return err
	}
	self := &node.Self{
		Name: o.NodeName, IPs: []string{o.NodeIP}, PodCIDR: o.PodCIDR, Port: int32(o.Port), Version: o.Version,
		Machine: machine, Client: client, MaxImages: int(*o.Kubelet.NodeStatusMaxImages),
		Registration: o.Registration, Timing: node.TimingOf(o.Kubelet), Declared: node.Declared(o.Version),
	}
	tokens := volumes.NewTokenCache(client)
	mounts := volumes.New(o.RootDir, tokens)
	mounts.Trust, mounts.Certificates = volumes.APITrust{Client: client}, volumes.NewCertificateCache(client, self.Node)
	drivers := &csi.Drivers{Client: client, NodeName: o.NodeName, Refresh: func(ctx context.Context) { self.Fresh(ctx) }}
	mounts.Claims, mounts.Node, mounts.ReportInUse = volumes.APIClaims{Client: client}, self.Node, self.Report
	var manager *pods.Manager
	changed := make(chan struct{}, 1)
	plugged, err := devices.New(ctx, devices.Options{Dir: filepath.Join(o.RootDir, "device-plugins"), Changed: func(uids []types.UID) {
		for _, uid := range uids {
			manager.Wake(uid)
		}
		select {
		case changed <- struct{}{}:
		default:
		}
	}})
	if err != nil {
		return err
	}
	var pressed *pressure.Manager
	self.Observe = func(ctx context.Context) node.Observed {
		found := node.Observe(ctx, rt).Under(pressed.Conditions())
		found.VolumesInUse = mounts.InUse()
		found.Devices, found.DevicesAllocatable = plugged.Resources(time.Now())
		return found
	}
	pulls, err := pulling(ctx, o, rt, accounts{client, tokens})
	if err != nil {
		return err
	}
	evicting, err := evictions(o, machine, rt)
	if err != nil {
		return err
	}
	pressed = pressure.New(ctx, evicting)
	serving, err := o.serving(ctx, client)
	if err != nil {
		return err
	}
	monitoring, err := podresources.Listen(filepath.Join(o.RootDir, "pod-resources"))
	if err != nil {
		return err
	}
	defer monitoring.Close()
	listener, err := net.Listen("tcp", net.JoinHostPort(o.NodeIP, fmt.Sprint(o.Port)))
	if err != nil {
		return err
	}
	defer listener.Close()
	health, err := listenHealth(o.Kubelet)
	if err != nil {
		return err
	}
	telling, err := o.eventClient(client)
	if err != nil {
		return err
	}
	recorder := events.NewRecorder(ctx, telling, o.NodeName)
	mounts.Plugins = append(mounts.Plugins, &csi.Plugin{
		Drivers: drivers, Client: client, NodeName: o.NodeName, Root: o.RootDir, Tokens: tokens, Recorder: recorder,
	})
	statuses := status.NewManager(client)
	mirrors := static.NewMirrors(client, self.Node, statuses)
	sources := newSources(ctx, client, o.NodeName, mirrors)
	allocations, err := resize.Open(filepath.Join(o.RootDir, "allocated_pods_state"))
	if err != nil {
		return err
	}
	handing, err := newManagers(o.Kubelet, machine, o.RootDir, plugged)
	if err != nil {
		return err
	}
	ranges, err := users.New(filepath.Join(o.RootDir, "users"))
	if err != nil {
		return err
	}
	registering, err := plugged.Listen()
	if err != nil {
		return err
	}
	manager = pods.New(ctx, pods.Config{
		Allocations: allocations, CPUs: handing.cpus, Memory: handing.memory, Topology: handing.topology, Devices: plugged,
		Client: client, Runtime: rt, Cgroups: groups, Recorder: recorder, Statuses: statuses, Mirrors: mirrors,
		Spec: spec.Node{
			DNS:          spec.DNS{Servers: o.Kubelet.ClusterDNS, Domain: o.Kubelet.ClusterDomain, Host: hostDNS(*o.Kubelet.ResolverConfig)},
			LogsRoot:     o.PodLogsDir,
			Cgroups:      policy,
			PauseProfile: pause,
			SeccompRoot:  filepath.Join(o.RootDir, "seccomp"), SeccompDefault: *o.Kubelet.SeccompDefault,
		},
		MaxDelay: maxDelay(o.Kubelet),
		Security: pods.Security{AppArmor: appArmor(), UnsafeSysctls: o.Kubelet.AllowedUnsafeSysctls}, Users: ranges,
		NodeName: o.NodeName, HostIPs: self.IPs, Node: self.Node, FreshNode: self.Fresh, Volumes: mounts, Services: sources.services,
		Pressure: pressed.Conditions, Images: pulls,
	})
	pressed.Pods, pressed.Recorder, pressed.Node = manager, recorder, nodeReference(&v1.Node{ObjectMeta: metav1.ObjectMeta{Name: o.NodeName, UID: types.UID(o.NodeName)}})
	collector := collector(o, rt, manager, pulls.Records, recorder, pressed.Node)
	pressed.Reclaim = func(ctx context.Context, s eviction.Signal) { reclaim(ctx, s, pressed, manager, collector) }
	s, err := server.New(server.Config{
		Client: client, Runtime: rt, Pods: manager, NodeName: o.NodeName, Kubelet: o.Kubelet,
		Stats: stats.New(stats.Config{
			NodeName: o.NodeName, Reader: stats.Detect(groups.Unified()), Runtime: rt, ImageFS: rt.Images.ImageFsInfo, Pods: manager.Pods, Claimed: mounts.Names,
			Measure: measuring(ctx, mounts),
			RootDir: o.RootDir, LogsDir: o.PodLogsDir, Proc: "/proc", Memory: uint64(machine.Memory), Policy: policy,
		}),
		Directories: &directories.Store{Root: filepath.Join(o.RootDir, "directories"), InUse: mounts.Uses},
		Certificate: serving, ClientCAFile: o.ClientCAFile, Flags: server.Flags{FlagSet: o.Flags}, RootDir: o.RootDir,
	})
	if err != nil {
		return err
	}

	size, err := resource.ParseQuantity(o.Kubelet.ContainerLogMaxSize)
	if err != nil {
		return fmt.Errorf("containerLogMaxSize: %w", err)
	}
	rotator := &logs.Rotator{Runtime: rt, Policy: logs.Policy{
		MaxSize: size.Value(), MaxFiles: int(*o.Kubelet.ContainerLogMaxFiles),
		Interval: o.Kubelet.ContainerLogMonitorInterval.Duration, Workers: int(*o.Kubelet.ContainerLogMaxWorkers),
	}}
	own := static.NewSource(o.Kubelet, o.NodeName, manager)
	complete := make(chan struct{})
	var group sync.WaitGroup
	if health != nil {
		group.Go(func() {
			if err := serveHealth(ctx, health); err != nil {
				klog.FromContext(ctx).Error(err, "The health check does not answer any more")
			}
		})
	}
	group.Go(func() {
		if shutDown(ctx, told, complete, o.Kubelet, self, manager, recorder) {
			cancel()
		}
	})
	group.Go(func() { manager.Run(ctx, complete) })
	group.Go(func() {
		if err := handing.monitored(manager, plugged).Serve(ctx, monitoring); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "What containers have for themselves cannot be asked any more")
		}
	})
	group.Go(func() {
		if err := plugged.Serve(registering); err != nil && ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Device plugins cannot register any more")
		}
	})
	group.Go(func() { own.Run(ctx) })
	group.Go(func() { mirrors.Run(ctx) })
	group.Go(func() { rotator.Run(ctx) })
	group.Go(func() { statuses.Run(ctx, statusWriters) })
	group.Go(func() {
		// The pods of the node itself do not wait for the API server, which may be one of them.
		if err := self.Register(ctx); err != nil {
			return
		}
		klog.FromContext(ctx).Info("Node registered", "node", o.NodeName, "ready", node.Ready(self.Node()), "after", time.Since(began))
		group.Go(func() { self.Run(ctx) })
		group.Go(func() { registerPlugins(ctx, o.RootDir, drivers, plugged) })
		group.Go(func() { reportDevices(ctx, self, changed) })
		group.Go(func() { self.Heartbeat(ctx) })
		if sources.start(ctx, manager) && closed(ctx, own.Read()) {
			recordStart(recorder, self.Node())
			recordEnforcement(recorder, self.Node(), o.Kubelet)
			group.Go(func() { pressed.Run(ctx) })
			group.Go(func() { pressed.RunStorage(ctx) })
			group.Go(func() { collector.Run(ctx) })
			mirrors.Complete()
			close(complete)
		}
	})
	err = s.Serve(ctx, listener)
	cancel()
	group.Wait()
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// maxDelay is the longest pause before a crashing container is restarted, zero if the configuration does not say.
func maxDelay(c *kubeletv1beta1.KubeletConfiguration) time.Duration {
	if limit := c.CrashLoopBackOff.MaxContainerRestartPeriod; limit != nil {
		return limit.Duration
	}
	return 0
}

// serving returns where the certificate of the agent's server comes from.
func (o *Options) serving(ctx context.Context, client kubernetes.Interface) (certificates.Get, error) {
	ips := []net.IP{net.ParseIP(o.NodeIP)}
	switch {
	case o.TLSCertFile != "":
		return certificates.Files(o.TLSCertFile, o.TLSPrivateKeyFile)
	case o.Kubelet.ServerTLSBootstrap:
		return certificates.Requested(ctx, client, o.CertDir, o.NodeName, ips)
	}
	return certificates.SelfSigned(o.CertDir, o.NodeName, ips)
}

// pauseProfile writes the seccomp profile of the pods' sandboxes, and returns its file.
func pauseProfile(root string) (string, error) {
	text, err := spec.PauseProfile()
	if err != nil {
		return "", err
	}
	file := filepath.Join(root, spec.PauseProfileFile)
	return file, os.WriteFile(file, text, 0o600)
}

// appArmor tells whether the kernel enforces AppArmor profiles.
func appArmor() bool {
	text, err := os.ReadFile("/sys/module/apparmor/parameters/enabled")
	return err == nil && len(text) > 0 && text[0] == 'Y'
}

// hostDNS is what the node's own resolv.conf says; without a file there is none.
func hostDNS(file string) *criv1.DNSConfig {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	return spec.ParseResolvConf(string(text))
}
