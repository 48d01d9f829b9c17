package simulation

import (
	"flag"
	"fmt"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
)

// Command is `etalon simulate`.
func Command() *cobra.Command {
	o := DefaultOptions()
	var kubeconfig string
	var text texts
	cmd := &cobra.Command{
		Use:   "simulate --kubeconfig FILE --nodes N",
		Short: "Simulate nodes whose pods run without containers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
			if err != nil {
				return fmt.Errorf("--kubeconfig %s: %w", kubeconfig, err)
			}
			o.Config = config
			if err := text.into(&o); err != nil {
				return err
			}
			return Run(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&kubeconfig, "kubeconfig", "", "how to reach the API server (required)")
	f.IntVar(&o.Nodes, "nodes", 1, "how many nodes there are")
	f.StringVar(&o.NodePrefix, "node-prefix", o.NodePrefix, "what their names begin with, before a number from 1")
	f.StringVar(&o.Listen, "listen", "", "IP:PORT of one server that stands in for all nodes' kubelets and tells that there are no containers (none if empty)")
	f.StringVar(&o.CertFile, "tls-cert-file", "", "certificate of that server")
	f.StringVar(&o.KeyFile, "tls-private-key-file", "", "key of that certificate")
	settings(f, &o, &text)
	verbosity := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(verbosity)
	f.AddGoFlag(verbosity.Lookup("v"))
	if err := cmd.MarkFlagRequired("kubeconfig"); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

// CheckFlags says what is wrong with settings that are flags of the command without their dashes.
func CheckFlags(flags []string) error {
	o := DefaultOptions()
	var text texts
	f := pflag.NewFlagSet("simulate", pflag.ContinueOnError)
	settings(f, &o, &text)
	for _, one := range flags {
		if err := f.Parse([]string{"--" + one}); err != nil {
			return err
		}
		if one == "" || f.NArg() > 0 {
			return fmt.Errorf("%q is no flag", one)
		}
	}
	return text.into(&o)
}

// settings are the flags for what the nodes are, and how they and their pods behave.
func settings(f *pflag.FlagSet, o *Options, text *texts) {
	f.StringToStringVar(&text.capacity, "capacity", nil, "each node's capacity, as cpu=32,memory=256Gi,pods=110 (those are the defaults)")
	f.IntVar(&o.Zones, "zones", 0, "how many zones the nodes are in, in turn (0 for none)")
	f.StringToStringVar(&o.Labels, "node-labels", nil, "labels of the nodes, beside "+NodeLabel)
	f.StringSliceVar(&text.taints, "node-taints", nil, "taints of the nodes, as KEY=VALUE:EFFECT")
	f.StringVar(&text.nodeCIDR, "node-cidr", o.NodeCIDR.String(), "range of the nodes' addresses")
	f.StringVar(&text.podCIDR, "pod-cidr", o.PodCIDR.String(), "range of the pods' addresses; each node has a /24 of it")
	behaviorFlags(f, o)
	f.IntVar(&o.Writers, "writers", o.Writers, "requests for pods that are under way at a time")
	f.IntVar(&o.HeartbeatWriters, "heartbeat-writers", o.HeartbeatWriters, "requests for nodes that are under way at a time")
}

// behaviorFlags are the flags for how nodes and pods behave.
func behaviorFlags(f *pflag.FlagSet, o *Options) {
	f.DurationVar(&o.LeaseDuration, "lease-duration", o.LeaseDuration, "what the nodes' Leases say")
	f.DurationVar(&o.LeaseRenew, "lease-renew", o.LeaseRenew, "how often each node renews its Lease; a kubelet does every 10s")
	f.DurationVar(&o.StatusReport, "status-report", o.StatusReport, "how often each node writes its status although nothing changed")
	f.Float64Var(&o.SilentShare, "silent-share", 0, "share of the nodes, 0 to 1, that fall silent")
	f.DurationVar(&o.SilentAfter, "silent-after", 0, "when they do, from the start")
	f.Var(&o.Pods.StartAfter, "start-after", "from the binding of a pod to the start of its containers: a duration as 2s, a range as 1s-5s, or never")
	f.Var(&o.Pods.InitFor, "init-for", "how long each init container runs")
	f.Var(&o.Pods.ReadyAfter, "ready-after", "from a container's start until it is ready")
	f.Var(&o.Pods.RunFor, "run-for", "how long containers run before they end, of pods with another restartPolicy than Always")
	f.Int32Var(&o.Pods.ExitCode, "exit-code", 0, "exit code of containers that end by themselves")
	f.Float64Var(&o.Pods.FailShare, "fail-share", 0, "share of the runs, 0 to 1, that end with exit code 1 instead")
	f.Var(&o.Pods.StopAfter, "stop-after", "how long containers take to end when their pod is deleted")
	f.Float64Var(&o.CrashShare, "crash-share", 0, "share of the pods with restartPolicy Always, 0 to 1, that crash again and again")
	f.Var(&o.CrashAfter, "crash-after", "how long they run each time")
	f.Float32Var(&o.Rate, "rate", 0, "the most writes for pods a second (0 for no limit)")
	f.Uint64Var(&o.Seed, "seed", 0, "decides all that is random: the same seed, the same cluster")
}

// texts are flags that need reading.
type texts struct {
	capacity          map[string]string
	taints            []string
	nodeCIDR, podCIDR string
}

func (t *texts) into(o *Options) error {
	for name, text := range t.capacity {
		q, err := resource.ParseQuantity(text)
		if err != nil {
			return fmt.Errorf("--capacity %s=%s: %w", name, text, err)
		}
		o.Capacity[corev1.ResourceName(name)] = q
	}
	for _, text := range t.taints {
		taint, err := parseTaint(text)
		if err != nil {
			return fmt.Errorf("--node-taints: %w", err)
		}
		o.Taints = append(o.Taints, taint)
	}
	var err error
	if o.NodeCIDR, err = netip.ParsePrefix(t.nodeCIDR); err != nil {
		return fmt.Errorf("--node-cidr: %w", err)
	}
	if o.PodCIDR, err = netip.ParsePrefix(t.podCIDR); err != nil {
		return fmt.Errorf("--pod-cidr: %w", err)
	}
	return nil
}

func parseTaint(text string) (corev1.Taint, error) {
	what, effect, ok := strings.Cut(text, ":")
	key, value, _ := strings.Cut(what, "=")
	t := corev1.Taint{Key: key, Value: value, Effect: corev1.TaintEffect(effect)}
	switch t.Effect {
	case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
	default:
		ok = false
	}
	if !ok || key == "" {
		return t, fmt.Errorf("%q is no taint: want KEY=VALUE:EFFECT, with NoSchedule, PreferNoSchedule or NoExecute", text)
	}
	return t, nil
}
