package cluster

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/cluster/process"
)

// Nodes come to a cluster that runs and go from it; one that goes leaves nothing; and what the user did lasts over `up`.
func TestNodesComeAndGo(t *testing.T) {
	o := wanted(t, "members", 1)
	c, client := bringUp(t, o)
	again := func() {
		t.Helper()
		next, report, err := UpWithReport(t.Context(), Options{Name: o.Name, DataDir: o.DataDir, Programs: o.Programs})
		if err != nil || !report.Already {
			t.Fatalf("up again: %+v, %v; want that all is up already", report, err)
		}
		c = next
	}
	names, err := AddNodes(t.Context(), o.Name, 2, io.Discard)
	if err != nil || !slices.Equal(names, []string{"node-2", "node-3"}) {
		t.Fatalf("added %v, %v", names, err)
	}
	again()
	web(t, client, 3)
	waitForWeb(t, client, 3)

	if err := RemoveNode(t.Context(), o.Name, "node-2", Removal{Drain: true, Timeout: time.Minute}, io.Discard); err != nil {
		t.Fatal(err)
	}
	waitForWeb(t, client, 3)
	again()
	if got := c.Numbers(); !slices.Equal(got, []int{1, 3}) {
		t.Errorf("there are the nodes %v, want 1 and 3", got)
	}
	checkNoNode(t, c, 2)
	if _, err := client.CoreV1().Nodes().Get(t.Context(), "node-2", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the object of the node that was removed: %v", err)
	}
	if err := RemoveNode(t.Context(), o.Name, "node-2", Removal{}, io.Discard); err == nil || !strings.Contains(err.Error(), `has no node "node-2"`) {
		t.Errorf("removing it again: %v", err)
	}
	if names, err := AddNodes(t.Context(), o.Name, 1, io.Discard); err != nil || !slices.Equal(names, []string{"node-2"}) {
		t.Fatalf("added %v, %v; want the name that is free", names, err)
	}
	waitForWeb(t, client, 3)
}

// checkNoNode looks for whatever a node could leave on the machine and on its neighbours.
func checkNoNode(t *testing.T, c *Cluster, number int) {
	t.Helper()
	n := node.Node{Plan: c.plan(), Number: number, Dir: c.path("nodes", node.Name(number)), ID: c.ID}
	if exists(n.Dir) {
		t.Errorf("%s is left", n.Dir)
	}
	if h, err := n.Find(); err != nil || h != nil {
		t.Errorf("its supervisor is left, %v", err)
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/" + n.Group()); len(left) > 0 {
		t.Errorf("control groups are left: %v", left)
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		t.Error(err)
	}
	for _, r := range routes {
		if r.Gw.Equal(n.Plan.Node(number).Addr().AsSlice()) {
			t.Errorf("the machine has the route %v", r)
		}
	}
	text, err := os.ReadFile("/proc/" + mustRun(t, c.node(1)) + "/net/route")
	if err != nil || !strings.Contains(string(text), "eth0") || strings.Contains(string(text), hexAddress(n)) {
		t.Errorf("its neighbour's routes are %v\n%s", err, text)
	}
}

// hexAddress is the node's address as /proc/net/route has it: least byte first.
func hexAddress(n node.Node) string {
	const digits = "0123456789ABCDEF"
	var out []byte
	for _, b := range slices.Backward(n.Plan.Node(n.Number).Addr().AsSlice()) {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

// A node that is off, or cut off, stays that until the user takes it back, and then goes on with what it had.
func TestNodesStopAndLoseTheirNetwork(t *testing.T) {
	o := wanted(t, "outage", 2)
	c, client := bringUp(t, o)
	web(t, client, 2)
	waitForWeb(t, client, 2)
	again := func(state string) {
		t.Helper()
		next, report, err := UpWithReport(t.Context(), Options{Name: o.Name, DataDir: o.DataDir, Programs: o.Programs})
		if err != nil || !report.Already {
			t.Fatalf("up again: %+v, %v; want that all is up already", report, err)
		}
		c = next
		status, err := c.Status(t.Context())
		if err != nil || !status.Healthy || status.Components[len(status.Components)-1].State != state {
			t.Fatalf("status: %+v, %v; want node-2 %s", status, err, state)
		}
	}
	precious := filepath.Join(c.node(2).Dir, "var", "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if ran, err := StopNode(t.Context(), o.Name, "node-2", false); err != nil || !ran {
		t.Fatalf("stop: it ran %v, %v", ran, err)
	}
	if ran, err := StopNode(t.Context(), o.Name, "node-2", true); err != nil || ran {
		t.Errorf("stop again: it ran %v, %v", ran, err)
	}
	again("stopped")
	if h, err := process.Find(c.node(2).SpecFile(), c.ID); err != nil || h != nil {
		t.Fatalf("it runs, %v", err)
	}
	if wasOff, err := StartNode(t.Context(), o.Name, "node-2", io.Discard); err != nil || !wasOff {
		t.Fatalf("start: it was off %v, %v", wasOff, err)
	}
	if wasOff, err := StartNode(t.Context(), o.Name, "node-2", io.Discard); err != nil || wasOff {
		t.Errorf("start again: it was off %v, %v", wasOff, err)
	}
	if !exists(precious) {
		t.Error("its data is lost")
	}
	waitForWeb(t, client, 2)

	before := mustRun(t, c.node(2))
	kubelet := net.JoinHostPort(c.plan().Node(2).Addr().String(), "10250")
	if !reaches(t.Context(), kubelet) {
		t.Fatal("the machine does not reach the node to begin with")
	}
	for range 2 {
		if err := DisconnectNode(o.Name, "node-2"); err != nil {
			t.Fatal(err)
		}
	}
	again("disconnected")
	if reaches(t.Context(), kubelet) {
		t.Error("the machine reaches the node that is cut off")
	}
	if mustRun(t, c.node(2)) != before {
		t.Error("the node that was cut off did not run on")
	}
	for range 2 {
		if err := ConnectNode(t.Context(), o.Name, "node-2"); err != nil {
			t.Fatal(err)
		}
	}
	waitForWeb(t, client, 2)
	again("ready")

	// Off and cut off at a time: it comes back cut off.
	if err := DisconnectNode(o.Name, "node-2"); err != nil {
		t.Fatal(err)
	}
	if _, err := StopNode(t.Context(), o.Name, "node-2", false); err != nil {
		t.Fatal(err)
	}
	if _, err := StartNode(t.Context(), o.Name, "node-2", io.Discard); err != nil {
		t.Fatal(err)
	}
	if reaches(t.Context(), kubelet) {
		t.Error("the machine reaches the node that was cut off before it was stopped")
	}
	if err := ConnectNode(t.Context(), o.Name, "node-2"); err != nil {
		t.Fatal(err)
	}
	waitForWeb(t, client, 2)
}

// mustRun returns the number of the node's supervisor.
func mustRun(t *testing.T, n node.Node) string {
	t.Helper()
	h, err := n.Find()
	if err != nil || h == nil {
		t.Fatalf("%s does not run, %v", n.Name(), err)
	}
	defer h.Close()
	return strconv.Itoa(h.Pid)
}

func reaches(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var d net.Dialer
	connection, err := d.DialContext(ctx, "tcp", address)
	if err == nil {
		connection.Close()
	}
	return err == nil
}

func TestNodesOfAClusterThatIsNotThere(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	for what, err := range map[string]error{
		"disconnect": DisconnectNode("nowhere", "node-1"),
		"connect":    ConnectNode(t.Context(), "nowhere", "node-1"),
		"remove":     RemoveNode(t.Context(), "nowhere", "node-1", Removal{}, io.Discard),
	} {
		if err == nil || !strings.Contains(err.Error(), `no such cluster "nowhere"`) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := AddNodes(t.Context(), "nowhere", 0, io.Discard); err == nil || !strings.Contains(err.Error(), "0 nodes") {
		t.Errorf("add none: %v", err)
	}
}

// A node that is shut down ends its pods in good order; an agent that is only restarted ends none.
func TestANodeShutsDownGracefully(t *testing.T) {
	o := wanted(t, "graceful", 1)
	o.KubeletConfigFile = filepath.Join(t.TempDir(), "kubelet.yaml")
	if err := os.WriteFile(o.KubeletConfigFile, []byte(sharedDisk+
		"shutdownGracePeriod: 60s\nshutdownGracePeriodCriticalPods: 20s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, client := bringUp(t, o)
	pods := client.CoreV1().Pods("default")
	for name, class := range map[string]string{"normal": "", "critical": "system-node-critical"} {
		if _, err := pods.Create(t.Context(), &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "web"}},
			Spec: corev1.PodSpec{PriorityClassName: class, Containers: []corev1.Container{{Name: "web", Image: images.Tool}}}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	waitForWeb(t, client, 2)
	if err := signalOn(c.node(1), "kubelet", unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if ran, err := StopNode(t.Context(), o.Name, "node-1", true); err != nil || !ran {
		t.Fatalf("stop: it ran %v, %v", ran, err)
	}
	ended := map[string]time.Time{}
	for _, name := range []string{"normal", "critical"} {
		p, err := pods.Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s := p.Status
		if s.Phase != corev1.PodFailed || s.Reason != "Terminated" || s.ContainerStatuses[0].RestartCount != 0 || s.ContainerStatuses[0].State.Terminated == nil {
			t.Fatalf("%s: %+v", name, s)
		}
		ended[name] = s.ContainerStatuses[0].State.Terminated.FinishedAt.Time
		if !slices.ContainsFunc(s.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.DisruptionTarget && c.Status == corev1.ConditionTrue && c.Reason == corev1.PodReasonTerminationByKubelet
		}) {
			t.Errorf("%s has the conditions %+v", name, s.Conditions)
		}
	}
	if ended["critical"].Before(ended["normal"]) {
		t.Errorf("the critical pod ended first: %v", ended)
	}
	n, err := client.CoreV1().Nodes().Get(t.Context(), "node-1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady && (c.Status != corev1.ConditionFalse || c.Message != "node is shutting down") {
			t.Errorf("the node said last: %+v", c)
		}
	}
	if _, err := StartNode(t.Context(), o.Name, "node-1", io.Discard); err != nil {
		t.Fatal(err)
	}
	if p, err := pods.Get(t.Context(), "normal", metav1.GetOptions{}); err != nil || p.Status.Reason != "Terminated" {
		t.Errorf("after the node is back: %+v, %v", p, err)
	}
}
