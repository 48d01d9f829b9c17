// Package rules renders the plan of all Services as iptables rules, under the chain names and
// comments that kube-proxy made well known, and computes the difference between two sets of
// rules as input of iptables-restore. Nothing here touches the kernel.
package rules

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

// The tables that hold our chains.
const (
	NAT    = "nat"
	Filter = "filter"
)

// Chain is a chain of ours in a table.
type Chain struct{ Table, Name string }

// Chains that exist once. Tools look for them by name.
var (
	services    = Chain{NAT, "KUBE-SERVICES"}
	nodePorts   = Chain{NAT, "KUBE-NODEPORTS"}
	postrouting = Chain{NAT, "KUBE-POSTROUTING"}
	markMasq    = Chain{NAT, "KUBE-MARK-MASQ"}

	refused         = Chain{Filter, "KUBE-SERVICES"}
	refusedExternal = Chain{Filter, "KUBE-EXTERNAL-SERVICES"}
	forward         = Chain{Filter, "KUBE-FORWARD"}
	firewall        = Chain{Filter, "KUBE-PROXY-FIREWALL"}
	localnet        = Chain{Filter, "KUBE-FIREWALL"}
)

// Prefixes of the chains that exist per Service port or endpoint.
const (
	prefixService  = "KUBE-SVC-" // any endpoint
	prefixLocal    = "KUBE-SVL-" // endpoints on this node
	prefixExternal = "KUBE-EXT-" // entry for traffic from outside
	prefixFirewall = "KUBE-FW-"  // entry for a load balancer address with source ranges
	prefixEndpoint = "KUBE-SEP-"
)

// ours tells whether a chain is one that this package makes.
func ours(c Chain) bool {
	if c.Table == NAT {
		for _, p := range []string{prefixService, prefixLocal, prefixExternal, prefixFirewall, prefixEndpoint} {
			if strings.HasPrefix(c.Name, p) {
				return true
			}
		}
	}
	return single[c]
}

var single = map[Chain]bool{
	services: true, nodePorts: true, postrouting: true, markMasq: true,
	refused: true, refusedExternal: true, forward: true, firewall: true, localnet: true,
}

// dispatch are the chains with rules of many Services in which the order does not matter: at most
// one of them matches a packet, but for the last of KUBE-SERVICES, which is there from the start.
var dispatch = map[Chain]bool{
	services: true, nodePorts: true, refused: true, refusedExternal: true, firewall: true,
}

func portChain(prefix string, p *plan.Port) Chain {
	return Chain{NAT, prefix + hash(p.Name.String()+lower(p.Protocol))}
}

func endpointChain(p *plan.Port, e plan.Endpoint) Chain {
	return Chain{NAT, prefixEndpoint + hash(p.Name.String()+lower(p.Protocol)+e.Addr.String())}
}

// hash makes a name of any length fit into a chain name: 16 characters of SHA-256 in base 32.
func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base32.StdEncoding.EncodeToString(sum[:])[:16]
}

func lower(p corev1.Protocol) string { return strings.ToLower(string(p)) }
