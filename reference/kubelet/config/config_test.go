package config

import (
	"maps"
	"strings"
	"testing"
)

const head = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n"

func TestDefaultsAreFilledIn(t *testing.T) {
	c, err := Parse([]byte(head + "maxPods: 30\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.MaxPods != 30 || c.ClusterDomain != "cluster.local" || c.Port != 10250 {
		t.Errorf("got maxPods %d, clusterDomain %q, port %d", c.MaxPods, c.ClusterDomain, c.Port)
	}
}

func TestWhatIsWrongIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"kind: KubeletConfiguration\n":       `apiVersion "", kind "KubeletConfiguration"`,
		head + "maxpodz: 3\n":                "maxpodz",
		head + "maxPods: 3\nmaxPods: 4\n":    "maxPods",
		head + "maxPods: -1\n":               "maxPods: -1",
		head + "clusterDNS: [dns]\n":         `clusterDNS: "dns" is not an IP address`,
		head + "clusterDomain: a_b\n":        "clusterDomain",
		head + "runOnce: true\n":             "runOnce: this kubelet does not support it",
		head + "cpuCFSQuotaPeriod: 2s\n":     "cpuCFSQuotaPeriod: 2s",
		head + "cpuManagerPolicy: dynamic\n": `cpuManagerPolicy: "dynamic"`,
		head + "cpuManagerPolicy: static\ncpuManagerPolicyOptions: {align-by-socket: \"true\"}\n": "align-by-socket: needs the feature gate CPUManagerPolicyAlphaOptions",
		head + "cpuManagerPolicy: static\ncpuManagerPolicyOptions: {all: \"true\"}\n":             "all: no such option",
		head + "topologyManagerPolicy: strict\n":                                                  `topologyManagerPolicy: "strict"`,
		head + "topologyManagerScope: node\n":                                                     `topologyManagerScope: "node"`,
		head + "topologyManagerPolicyOptions: {max-allowable-numa-nodes: \"1\"}\n":                "max-allowable-numa-nodes",
		head + "memoryManagerPolicy: static\n":                                                    `memoryManagerPolicy: "static"`,
		head + "reservedMemory: [{numaNode: 0, limits: {cpu: 1}}]\n":                              `"cpu" is neither memory nor huge pages`,
		head + "cpuManagerPolicyOptions: {full-pcpus-only: \"true\"}\n":                           `the policy "none" has no options`,
		head + "reservedSystemCPUs: all\n":                                                        `reservedSystemCPUs: "all" is no list of CPUs`,
		head + "podPidsLimit: -2\n":                                                               "podPidsLimit: -2",
		head + "memorySwap: {swapBehavior: All}\n":                                                `memorySwap.swapBehavior: "All"`,
		head + "kubeAPIQPS: -1\n":                                                                 "kubeAPIQPS: -1",
		head + "maxOpenFiles: -1\n":                                                               "maxOpenFiles: -1",
		head + "port: 70000\n":                                                                    "port: 70000",
		head + "cgroupDriver: systemd\nreadOnlyPort: 17\n":                                        "readOnlyPort: this kubelet does not support it",
	} {
		_, err := Parse([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestTheUsualValueMayBeSpelledOut(t *testing.T) {
	if _, err := Parse([]byte(head + "cgroupDriver: cgroupfs\nregisterNode: true\n")); err != nil {
		t.Error(err)
	}
}

// FuzzParse: whatever a file says, it is read or refused.
func FuzzParse(f *testing.F) {
	f.Add([]byte(head + "maxPods: 3\nevictionHard: {memory.available: 1Mi}\n"))
	f.Add([]byte("{"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := Parse(text); err == nil && c.MaxPods < 0 {
			t.Errorf("maxPods %d was let through", c.MaxPods)
		}
	})
}

func TestEvictionThresholdsHaveDefaults(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"": {"memory.available": "100Mi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%"},
		"evictionHard: {memory.available: 1Gi}\n": {"memory.available": "1Gi"},
		"evictionHard: {memory.available: 1Gi}\nmergeDefaultEvictionSettings: true\n": {
			"memory.available": "1Gi", "nodefs.available": "10%", "nodefs.inodesFree": "5%", "imagefs.available": "15%", "imagefs.inodesFree": "5%"},
	} {
		c, err := Parse([]byte(head + text))
		if err != nil || !maps.Equal(c.EvictionHard, want) {
			t.Errorf("%q: got %v, %v", text, c.EvictionHard, err)
		}
	}
}

func TestReservationsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"kubeReserved: {disk: 1}":                 `kubeReserved: cannot reserve "disk" resource`,
		"systemReserved: {cpu: lots}":             `systemReserved: cpu: "lots" is not an amount`,
		"enforceNodeAllocatable: [none, pods]":    "may not contain other values",
		"enforceNodeAllocatable: [all]":           `"all" is none of`,
		"enforceNodeAllocatable: [kube-reserved]": "kubeReservedCgroup: must be specified",
		"evictionHard: {memory: 1Gi}":             "unknown eviction signal: memory",
		"evictionSoft: {memory.available: 1Gi}":   "grace period must be specified",
		"podsPerCore: -1":                         "podsPerCore: -1",
		"enforceNodeAllocatable: [kube-reserved, kube-reserved-compressible]\nkubeReservedCgroup: /x": "both kube-reserved",
	} {
		if _, err := Parse([]byte(head + text + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestHowImagesComeAndGoIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		"imageGCHighThresholdPercent: 101":                    "must be between 0 and 100",
		"imageGCLowThresholdPercent: 85":                      "must be less than imageGCHighThresholdPercent 85",
		"imageMaximumGCAge: 1m":                               "must be greater than imageMinimumGCAge 2m0s",
		"nodeStatusMaxImages: -2":                             "must be -1 or greater",
		"maxParallelImagePulls: 0":                            "must be a positive number",
		"serializeImagePulls: true\nmaxParallelImagePulls: 2": "cannot be larger than 1",
		"registryPullQPS: -1":                                 "registryPullQPS: -1",
		"registryBurst: -1":                                   "registryBurst: -1",
	} {
		if _, err := Parse([]byte(head + text + "\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]bool{"": true, "maxParallelImagePulls: 3": false, "maxParallelImagePulls: 1": true, "serializeImagePulls: false": false} {
		if c, err := Parse([]byte(head + text + "\n")); err != nil || *c.SerializeImagePulls != want {
			t.Errorf("%q: got %v, %v", text, *c.SerializeImagePulls, err)
		}
	}
}
