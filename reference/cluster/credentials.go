package cluster

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/etalon-dev/etalon/reference/cluster/pki"
	"github.com/etalon-dev/etalon/reference/network"
)

// Users of the control plane; they prove themselves by tokens, which cost less per request than certificates.
const (
	userControllers = "system:kube-controller-manager"
	userScheduler   = "system:kube-scheduler"
	userProxy       = "system:kube-proxy"
	userSimulation  = "etalon:simulation"
)

// frontProxyClient is the file and the name of the certificate by which extension servers know the API server.
const frontProxyClient = "front-proxy-client"

// makeCredentials writes all keys, certificates, tokens and kubeconfig files that are missing.
func (c *Cluster) makeCredentials() error {
	for _, dir := range []string{"pki", "kubeconfigs", "logs", "nodes", "etcd"} {
		if err := os.MkdirAll(c.path(dir), 0o700); err != nil {
			return err
		}
	}
	dir := c.path("pki")
	ca, err := pki.Open(dir, "etalon-"+c.Name)
	if err != nil {
		return err
	}
	machine := c.plan().Machine().Addr()
	loopback := netip.MustParseAddr("127.0.0.1")
	for name, subject := range map[string]pki.Subject{
		"apiserver": {Name: "kube-apiserver", IPs: []netip.Addr{loopback, machine, network.APIService},
			DNS: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost"}},
		"apiserver-kubelet-client": {Name: "kube-apiserver-kubelet-client"},
		"registry":                 {Name: "registry", DNS: []string{"localhost"}, IPs: []netip.Addr{loopback, machine}},
		"simulation":               {Name: "simulation", IPs: []netip.Addr{machine}},
	} {
		if _, err := ca.Keep(dir, name, subject); err != nil {
			return err
		}
	}
	frontProxy, err := pki.OpenFrontProxy(dir, "etalon-"+c.Name+"-front-proxy")
	if err != nil {
		return err
	}
	if _, err := frontProxy.Keep(dir, frontProxyClient, pki.Subject{Name: frontProxyClient}); err != nil {
		return err
	}
	if err := pki.KeepKey(filepath.Join(dir, "sa.key")); err != nil {
		return err
	}
	tokens, err := pki.KeepTokens(filepath.Join(dir, "tokens.csv"), userControllers, userScheduler, userProxy, userSimulation)
	if err != nil {
		return err
	}
	admin, err := ca.Keep(dir, "admin", pki.Subject{Name: "kubernetes-admin", Groups: []string{"system:masters"}})
	if err != nil {
		return err
	}
	local, remote := c.Server(), "https://"+c.clusterAddress()
	files := map[string]pki.Kubeconfig{
		c.Kubeconfig():                       {User: "kubernetes-admin", Context: c.context(), Server: local, Client: admin},
		c.path("kubeconfigs", "controllers"): {User: userControllers, Server: local, Token: tokens[userControllers]},
		c.path("kubeconfigs", "scheduler"):   {User: userScheduler, Server: local, Token: tokens[userScheduler]},
		c.path("kubeconfigs", "simulation"):  {User: userSimulation, Server: local, Token: tokens[userSimulation]},
	}
	for _, n := range c.allNodes() {
		if err := os.MkdirAll(n.Dir, 0o700); err != nil {
			return err
		}
		client, err := ca.Keep(n.Dir, "client", pki.Subject{Name: "system:node:" + n.Name(), Groups: []string{"system:nodes"}})
		if err != nil {
			return err
		}
		serving := pki.Subject{Name: n.Name(), DNS: []string{n.Name(), "localhost"}, IPs: []netip.Addr{n.Plan.Node(n.Number).Addr(), loopback}}
		if _, err := ca.Keep(n.Dir, "kubelet", serving); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(n.Dir, "ca.crt"), ca.Cert, 0o600); err != nil {
			return err
		}
		files[filepath.Join(n.Dir, "kubeconfig")] = pki.Kubeconfig{User: "system:node:" + n.Name(), Server: remote, Client: client}
		files[filepath.Join(n.Dir, "proxy.kubeconfig")] = pki.Kubeconfig{User: userProxy, Server: remote, Token: tokens[userProxy]}
	}
	for file, k := range files {
		k.Cluster, k.CA = c.context(), ca.Cert
		b, err := k.Render()
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		if err := os.WriteFile(file, b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// context is the name of the cluster in kubeconfig files.
func (c *Cluster) context() string {
	if c.Name == DefaultName {
		return DefaultName
	}
	return DefaultName + "-" + c.Name
}
