package cluster

import (
	"fmt"
	"net"
	"testing"

	"github.com/etalon-dev/etalon/reference/network"
)

func TestAPortInUseIsSaidOrPassedOver(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	if _, err := choosePort(taken, 0, "127.0.0.1"); err == nil || err.Error() != fmt.Sprintf("port %d on 127.0.0.1: address already in use", taken) {
		t.Errorf("a port that is in use: %v", err)
	}
	if port, err := choosePort(0, 20000, "127.0.0.1"); err != nil || (port-20000)%network.MaxClusters != 0 {
		t.Errorf("a port of our own: %d, %v", port, err)
	}
}

func TestTheChosenPortsOfAClusterStayWhileTheyAreInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	taken := l.Addr().(*net.TCPAddr).Port
	c := &Cluster{Port: taken, RegistryPort: 5000}
	if err := c.choosePorts(0); err == nil || c.Port != taken || c.RegistryPort != 5000 {
		t.Errorf("with its port in use: %v, and now %d and %d", err, c.Port, c.RegistryPort)
	}
}
