package cluster

import (
	"testing"

	"github.com/etalon-dev/etalon/reference/kubelet/config"
)

func TestTheNodesOwnConfigurationIsValid(t *testing.T) {
	c, err := config.Parse([]byte(sharedDisk))
	if err != nil {
		t.Fatal(err)
	}
	if c.EvictionHard["imagefs.available"] != "10%" || c.EvictionHard["memory.available"] != "100Mi" {
		t.Errorf("got %v", c.EvictionHard)
	}
}
