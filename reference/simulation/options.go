package simulation

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
)

// Options say how many nodes there are and how they and their pods behave.
type Options struct {
	// Config is how to reach the API server.
	Config *rest.Config
	// Nodes is how many nodes there are, named NodePrefix and a number from 1.
	Nodes      int
	NodePrefix string
	// Capacity of each node. Pods among it are refused above it, as a kubelet does.
	Capacity corev1.ResourceList
	// Zones is in how many zones the nodes are, in turn; none if zero.
	Zones int
	// Labels and Taints that nodes get when they are registered.
	Labels map[string]string
	Taints []corev1.Taint
	// NodeCIDR has the nodes' addresses, PodCIDR a /24 for each node's pods.
	NodeCIDR, PodCIDR netip.Prefix
	// Listen is the address at which all nodes say that their kubelet is, if there is to be one. It
	// answers only that pods here have no containers. CertFile and KeyFile are its certificate.
	Listen, CertFile, KeyFile string

	// LeaseDuration is what a node's Lease says, LeaseRenew how often it is renewed, StatusReport how often
	// a node's status is written that has not changed. Nodes take turns, spread evenly over the time.
	LeaseDuration, LeaseRenew, StatusReport time.Duration
	// SilentShare of the nodes fall silent SilentAfter from the start: no heartbeat, nothing for pods.
	SilentShare float64
	SilentAfter time.Duration

	// Pods is how pods behave that no annotation tells otherwise. Its RunFor is for those whose
	// restartPolicy is not Always: the others run until they are deleted.
	Pods Behavior
	// CrashShare of the pods with restartPolicy Always end CrashAfter each start, with exit code 1.
	CrashShare float64
	CrashAfter Delay
	// Rate bounds the writes for pods a second; no bound if zero.
	Rate float32
	// Seed decides all that is random.
	Seed uint64
	// Writers is how many requests for pods, HeartbeatWriters how many for nodes are under way at a time.
	Writers, HeartbeatWriters int
}

// Defaults. A node lifecycle controller waits 40 to 50 s for a sign of life. A kubelet renews its Lease every
// 10 s; with 20 s, two more follow before the shorter of these has passed, at half the price.
const (
	DefaultLeaseDuration = 40 * time.Second
	DefaultLeaseRenew    = 20 * time.Second
	DefaultStatusReport  = 5 * time.Minute
	DefaultNodePrefix    = "sim-"
)

// DefaultOptions are nodes of a middling size that never fail, with pods that start at once.
func DefaultOptions() Options {
	return Options{
		NodePrefix: DefaultNodePrefix,
		Capacity: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse("32"), corev1.ResourceMemory: resource.MustParse("256Gi"),
			corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"), corev1.ResourcePods: resource.MustParse("110"),
		},
		NodeCIDR:      netip.MustParsePrefix("198.18.0.0/15"), // RFC 2544: for benchmarks, routed nowhere
		PodCIDR:       netip.MustParsePrefix("100.64.0.0/10"), // RFC 6598: shared, never on the internet
		LeaseDuration: DefaultLeaseDuration, LeaseRenew: DefaultLeaseRenew, StatusReport: DefaultStatusReport,
		Pods:       Behavior{RunFor: Fixed(time.Second)},
		CrashAfter: Fixed(time.Second),
		Writers:    32, HeartbeatWriters: 32,
	}
}

// complete says what is wrong with the options.
func (o *Options) complete() error {
	var errs []error
	wrong := func(is bool, format string, args ...any) {
		if is {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	wrong(o.Config == nil, "no way to reach the API server was given")
	wrong(o.Nodes < 1, "%d nodes: want at least 1", o.Nodes)
	for name, r := range map[string]netip.Prefix{"node": o.NodeCIDR, "pod": o.PodCIDR} {
		wrong(!r.IsValid() || !r.Addr().Is4(), "the %s CIDR %v is no range of IPv4 addresses", name, r)
	}
	if len(errs) == 0 {
		most := min(holds(o.NodeCIDR)-2, holds(o.PodCIDR)>>podBits)
		wrong(o.Nodes > most, "%d nodes: %v and %v have addresses for %d", o.Nodes, o.NodeCIDR, o.PodCIDR, most)
	}
	wrong(o.LeaseRenew <= 0 || o.LeaseDuration <= 0 || o.StatusReport <= 0, "the periods of heartbeats must be positive")
	wrong(o.LeaseDuration%time.Second != 0, "a Lease lasts whole seconds, not %v", o.LeaseDuration)
	for _, share := range []float64{o.SilentShare, o.CrashShare, o.Pods.FailShare} {
		if err := checkShare(share); err != nil {
			errs = append(errs, err)
		}
	}
	wrong(o.Writers < 1 || o.HeartbeatWriters < 1, "at least one writer is needed")
	wrong(o.Listen != "" && (o.CertFile == "" || o.KeyFile == ""), "an address to listen at needs a certificate and its key")
	return errors.Join(errs...)
}

// behaviorOf is how a pod behaves, and what of its annotations cannot be read.
func (o *Options) behaviorOf(uid string, restart corev1.RestartPolicy, annotations map[string]string) (Behavior, error) {
	b := o.Pods
	if restart == corev1.RestartPolicyAlways {
		b.RunFor = Delay{Never: true}
		if o.CrashShare > 0 && draw(o.Seed, uid, "crash", 0) < o.CrashShare {
			b.RunFor, b.ExitCode = o.CrashAfter, 1
		}
	}
	return b.with(annotations)
}
