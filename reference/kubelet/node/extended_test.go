package node

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// told is "allocatable/capacity" of the resource, as the API server has it.
func told(t *testing.T, s *Self, name v1.ResourceName) string {
	t.Helper()
	n, err := s.Client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	all, has := n.Status.Capacity[name]
	if some, can := n.Status.Allocatable[name]; has && can {
		return some.String() + "/" + all.String()
	} else if has != can {
		return "half"
	}
	return ""
}

func TestResourcesThatOthersGiveTheNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := self(&Observed{})
		if err := s.Register(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.Run(ctx) }()
		change := func(how func(v1.ResourceList)) {
			n, err := s.Client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			how(n.Status.Capacity)
			if _, err := s.Client.CoreV1().Nodes().UpdateStatus(t.Context(), n, metav1.UpdateOptions{}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(s.Timing.Look + time.Second)
		}
		change(func(l v1.ResourceList) { l["example.com/dongle"] = resource.MustParse("4") })
		if got := told(t, s, "example.com/dongle"); got != "4/4" {
			t.Errorf("the node has %s", got)
		}
		change(func(l v1.ResourceList) { l["cpu"] = resource.MustParse("400") })
		if got := told(t, s, "cpu"); got != "2/2" {
			t.Errorf("the node has %s processors", got)
		}
		change(func(l v1.ResourceList) { delete(l, "example.com/dongle") })
		if got := told(t, s, "example.com/dongle"); got != "" {
			t.Errorf("the node has %s still", got)
		}
		if err := s.Client.CoreV1().Nodes().Delete(t.Context(), "n", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * s.Timing.Look)
		if _, err := s.Client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{}); err == nil {
			t.Error("a node that was deleted came back though it had nothing to say")
		}
		cancel()
		<-done
	})
}

func TestDevicesOfPlugins(t *testing.T) {
	o := &Observed{Devices: v1.ResourceList{"etalon.dev/thing": resource.MustParse("3")}, DevicesAllocatable: v1.ResourceList{"etalon.dev/thing": resource.MustParse("2")}}
	s := self(o)
	if err := s.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := told(t, s, "etalon.dev/thing"); got != "2/3" {
		t.Errorf("the node has %s", got)
	}
	// The plugin is forgotten; the resource stays one of the node's.
	o.Devices, o.DevicesAllocatable = v1.ResourceList{"etalon.dev/thing": {}}, v1.ResourceList{"etalon.dev/thing": {}}
	if err := s.Report(t.Context()); err != nil {
		t.Fatal(err)
	}
	*o = Observed{}
	if err := s.Report(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := told(t, s, "etalon.dev/thing"); got != "0/0" {
		t.Errorf("the node has %s afterwards", got)
	}
}
