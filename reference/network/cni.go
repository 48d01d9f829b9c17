package network

import (
	"encoding/json"
	"net/netip"
)

// CNIConfig is the list of CNI plugins for the pods of a node: a point-to-point link for each pod, an
// address of the node's range from files under ipamDir, and host ports. Addresses are never
// masqueraded here: pods reach each other, and are seen, by their own.
func CNIConfig(pods netip.Prefix, ipamDir string) ([]byte, error) {
	type object = map[string]any
	return json.MarshalIndent(object{
		"cniVersion": "1.0.0",
		"name":       "etalon",
		"plugins": []object{
			{
				"type":   "ptp",
				"ipMasq": false,
				"ipam": object{
					"type":    "host-local",
					"dataDir": ipamDir,
					"ranges":  [][]object{{{"subnet": pods.String()}}},
					"routes":  []object{{"dst": "0.0.0.0/0"}},
				},
			},
			// Without a backend portmap runs iptables twice for each pod to see whether it can.
			{"type": "portmap", "capabilities": object{"portMappings": true}, "snat": true, "backend": "iptables"},
		},
	}, "", "  ")
}
