package cluster

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/simulation"
)

// Nodes without containers run a Deployment; what would need a container is refused with the reason; more
// nodes can be added; and the simulator comes back when it is killed.
func TestSimulatedNodes(t *testing.T) {
	o := wanted(t, "simulated", 0)
	o.NoNodes, o.SimulatedNodes, o.Simulate = true, 3, []string{"zones=3"}
	c, client := bringUp(t, o)
	web(t, client, 5)
	pods := waitForSimulatedWeb(t, client, 5)
	node, err := client.CoreV1().Nodes().Get(t.Context(), "sim-3", metav1.GetOptions{})
	if err != nil || node.Labels[corev1.LabelTopologyZone] != "zone-3" || len(node.Spec.Taints) > 0 {
		t.Errorf("node %+v, %v", node, err)
	}
	logs, err := client.CoreV1().Pods("default").GetLogs(pods[0].Name, &corev1.PodLogOptions{}).Stream(t.Context())
	if err == nil {
		text, _ := io.ReadAll(logs)
		logs.Close()
		t.Errorf("logs of a pod without containers: %q", text)
	} else if !strings.Contains(err.Error(), "this node is simulated") {
		t.Errorf("the refusal of logs gives no reason: %v", err)
	}
	if status, err := c.Status(t.Context()); err != nil || !status.Healthy {
		t.Errorf("status: %+v, %v", status, err)
	}

	more := o
	more.SimulatedNodes = 4
	if _, err := Up(t.Context(), more); err != nil {
		t.Fatal(err)
	}
	web4, err := client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: simulation.NodeLabel})
	if err != nil || len(web4.Items) != 4 {
		t.Errorf("%d simulated nodes, %v; wanted 4", len(web4.Items), err)
	}
	if _, err := Up(t.Context(), o); err == nil || !strings.Contains(err.Error(), "take it down first") {
		t.Errorf("three after four: got %v", err)
	}

	before := processState(t, c.path(simulationState), "simulation")
	supervisor, err := c.findSimulation()
	if err != nil || supervisor == nil {
		t.Fatalf("no simulator runs: %v", err)
	}
	for _, child := range supervisor.Children() {
		if err := child.Kill(t.Context()); err != nil {
			t.Error(err)
		}
		child.Close()
	}
	supervisor.Close()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if now := processState(t, c.path(simulationState), "simulation"); now.Pid != 0 && now.Restarts > before.Restarts {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the simulator did not come back")
		}
	}
	if err := client.CoreV1().Pods("default").Delete(t.Context(), pods[0].Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	waitForSimulatedWeb(t, client, 5)
}

func TestSettingsOfSimulatedNodesAreChecked(t *testing.T) {
	for _, bad := range []string{"zones=x", "nodes=5", "start-after=soon", "capacity=cpu=much", ""} {
		o := Options{SimulatedNodes: 1, Simulate: []string{bad}}
		if _, err := o.complete(); err == nil || !strings.Contains(err.Error(), "--simulate") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	if _, err := (Options{SimulatedNodes: -1}).complete(); err == nil {
		t.Error("-1 nodes were accepted")
	}
}

func processState(t *testing.T, file, name string) spec.ProcessState {
	t.Helper()
	state, err := spec.LoadState(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range state.Processes {
		if p.Name == name {
			return p
		}
	}
	t.Fatalf("%s knows no %s", file, name)
	return spec.ProcessState{}
}

// waitForSimulatedWeb waits until so many pods of the Deployment are Ready, and no others are left.
func waitForSimulatedWeb(t *testing.T, client kubernetes.Interface, replicas int) []corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var pods []string
	for ctx.Err() == nil {
		list, err := client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{LabelSelector: "app=web"})
		if err == nil {
			ready := 0
			pods = nil
			for _, p := range list.Items {
				pods = append(pods, fmt.Sprintf("%s on %q, %s, generation %d, deleted %v, %+v", p.Name, p.Spec.NodeName, p.ResourceVersion, p.Generation, p.DeletionTimestamp, p.Status))
				for _, condition := range p.Status.Conditions {
					if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil {
						ready++
					}
				}
			}
			if ready == replicas && len(list.Items) == replicas {
				return list.Items
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("wanted %d pods, all ready, and no others; last seen:\n%s", replicas, strings.Join(pods, "\n"))
	return nil
}
