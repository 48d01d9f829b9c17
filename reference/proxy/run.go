package proxy

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/klog/v2"

	"github.com/etalon-dev/etalon/reference/proxy/rules"
	"github.com/etalon-dev/etalon/reference/ready"
)

// Rules is what a proxy must be allowed to do, and all of it. The bootstrap ClusterRole
// system:node-proxier has to cover it.
var Rules = []rbacv1.PolicyRule{
	{APIGroups: []string{""}, Resources: []string{"services"}, Verbs: []string{"list", "watch"}},
	{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"list", "watch"}},
}

// Options say how a proxy runs.
type Options struct {
	// Config reaches the API server. Its rate limit and content type are set by Run.
	Config *rest.Config
	// NodeName is the node that the proxy serves; endpoints on it count as local.
	NodeName string
	// ClusterCIDR is the range of all pods. Not valid: no traffic to a cluster IP is masqueraded.
	ClusterCIDR netip.Prefix
	// IPTables is the variant to write, legacy or nft; empty: whichever the node uses.
	IPTables string
}

// Run keeps the rules of the network namespace it runs in until the context ends, and leaves them
// in place then. It needs root.
func Run(ctx context.Context, o Options) error {
	if o.Config == nil || o.NodeName == "" {
		return errors.New("proxy: an API server and the name of the node are needed")
	}
	k, err := chooseKernel(o.IPTables)
	if err != nil {
		return fmt.Errorf("proxy: %w", err)
	}
	client, err := kubernetes.NewForConfig(clientConfig(o.Config))
	if err != nil {
		return fmt.Errorf("proxy: API server: %w", err)
	}
	if ready.APIServer(ctx, client) != nil {
		return nil
	}
	return serve(ctx, o, client, k)
}

// clientConfig is the way to the API server: two watches, in the cheapest encoding.
func clientConfig(c *rest.Config) *rest.Config {
	config := rest.AddUserAgent(rest.CopyConfig(c), "etalon-proxy")
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.QPS = -1
	return config
}

func serve(ctx context.Context, o Options, client kubernetes.Interface, k *kernel) error {
	logger := klog.FromContext(ctx)
	localhost := true
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/all/route_localnet", []byte("1\n"), 0o644); err != nil {
		logger.Error(err, "Node ports will not answer on 127.0.0.1")
		localhost = false
	}
	p := newProxy(k, rules.Config{ClusterCIDR: o.ClusterCIDR.Masked(), RandomFully: k.ipt.HasRandomFully(), Localhost: localhost})
	var err error
	if p.source, err = watch(ctx, client, o.NodeName, p.dirty); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("proxy: %w", err)
	}
	logger.Info("Serving Services", "node", o.NodeName, "iptables", k.command)
	p.dirty.wake() // there may be stale rules to take away though no Service exists
	p.loop(ctx)
	return nil
}

func newProxy(k writer, c rules.Config) *proxy {
	return &proxy{
		kernel: k,
		forget: staleFlows.forget,
		state:  state{config: c, byService: map[types.NamespacedName]planned{}},
		dirty:  newDirty(),
		stale:  staleFlows{},
	}
}
