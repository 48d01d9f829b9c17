package cluster

import (
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A control plane alone is an API with its controllers; nodes may come later, and none may go.
func TestAControlPlaneAlone(t *testing.T) {
	o := wanted(t, "alone", 0)
	o.NoNodes = true
	c, client := bringUp(t, o)
	if c.Nodes != 0 {
		t.Fatalf("%d nodes, wanted none", c.Nodes)
	}
	web(t, client, 2)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		pods, err := client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{})
		if err == nil && len(pods.Items) == 2 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the controllers made %d pods (%v), wanted 2", len(pods.Items), err)
		}
	}
	if _, err := client.CoreV1().Nodes().Get(t.Context(), "node-1", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("node-1: got %v, wanted NotFound", err)
	}
	if status, err := c.Status(t.Context()); err != nil || !status.Healthy {
		t.Errorf("status: %+v, %v", status, err)
	}
	again, err := Up(t.Context(), Options{Name: o.Name, DataDir: o.DataDir, Programs: o.Programs})
	if err != nil || again.Nodes != 0 {
		t.Errorf("up again: %v, wanted no nodes as before", err)
	}
	grown := o
	grown.NoNodes, grown.Nodes = false, 1
	if _, err := Up(t.Context(), grown); err != nil {
		t.Fatal(err)
	}
	waitForWeb(t, client, 2)
	if _, err := Up(t.Context(), o); err == nil || !strings.Contains(err.Error(), "take it down first") {
		t.Errorf("none after one: got %v", err)
	}
}
