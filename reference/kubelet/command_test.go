package kubelet

import (
	"strings"
	"testing"

	"github.com/etalon-dev/etalon/reference/kubelet/config"
)

func TestWrongInputIsNamed(t *testing.T) {
	good := Options{Kubelet: config.Default(), NodeName: "n", NodeIP: "192.0.2.1", TLSCertFile: "c", TLSPrivateKeyFile: "k", ClientCAFile: "a"}
	if err := good.complete(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Options){
		"--node-ip":       func(o *Options) { o.NodeIP = "here" },
		"--cluster-dns":   func(o *Options) { o.Kubelet.ClusterDNS = []string{"dns"} },
		"--pod-cidr":      func(o *Options) { o.PodCIDR = "10.244.1.0" },
		"--tls-cert-file": func(o *Options) { o.TLSCertFile = "" },
	} {
		o := good
		o.Kubelet = config.Default()
		spoil(&o)
		if err := o.complete(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}
