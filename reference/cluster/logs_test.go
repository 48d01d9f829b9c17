package cluster

import (
	"strings"
	"testing"
)

func TestLogsAreFoundByComponentAndNode(t *testing.T) {
	c := &Cluster{DataDir: "/d", Members: Members{Nodes: 2}}
	for _, test := range []struct{ component, node, file, problem string }{
		{"apiserver", "", "/d/logs/apiserver.log", ""},
		{"kubelet", "node-2", "/d/nodes/node-2/logs/kubelet.log", ""},
		{"kubelet", "", "", "which of 2"},
		{"kubelet", "node-3", "", `no node "node-3"`},
		{"apiserver", "node-1", "", "runs on no node"},
		{"kernel", "", "", `no component "kernel"`},
	} {
		file, err := c.log(test.component, test.node)
		if file != test.file || (err == nil) != (test.problem == "") || err != nil && !strings.Contains(err.Error(), test.problem) {
			t.Errorf("%s on %q: %q, %v", test.component, test.node, file, err)
		}
	}
}
