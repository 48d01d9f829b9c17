package node

import (
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestLabelsThatANodeMayGiveItself(t *testing.T) {
	for name, good := range map[string]bool{
		"disk": true, "example.org/disk": true, "topology.kubernetes.io/zone": true, "node.kubernetes.io/pool": true, "deep.kubelet.kubernetes.io/x": true,
		"kubernetes.io/hostname": true, "node-role.kubernetes.io/control-plane": false, "node-restriction.kubernetes.io/x": false,
		"kubernetes.io/x": false, "k8s.io/x": false, "x.k8s.io/y": false, "notkubernetes.io/x": true, "a b": false,
	} {
		if err := CheckLabels(map[string]string{name: "v"}); (err == nil) != good || err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if CheckLabels(map[string]string{"x": "a b"}) == nil {
		t.Error("a value with a space is good")
	}
}

func TestTaintsAreReadAsTheyAreWritten(t *testing.T) {
	got, err := ParseTaints([]string{"a=b:NoSchedule", "c:NoExecute"})
	if err != nil || len(got) != 2 || got[0] != (v1.Taint{Key: "a", Value: "b", Effect: "NoSchedule"}) || got[1] != (v1.Taint{Key: "c", Effect: "NoExecute"}) {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{"a", "a=b", "a=b:Never", ":NoSchedule", "a b:NoSchedule", "a=b c:NoSchedule"} {
		if _, err := ParseTaints([]string{bad}); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// What a node is registered with is its beginning; an agent that starts again does not take back what others changed.
func TestRegistrationIsTheBeginning(t *testing.T) {
	s := self(&Observed{})
	s.Registration = Registration{Labels: map[string]string{"disk": "ssd", v1.LabelOSStable: "other"}, ProviderID: "cloud://1", Taints: []v1.Taint{{Key: "k", Effect: v1.TaintEffectNoSchedule}}}
	if err := s.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	n := s.Node()
	if n.Labels["disk"] != "ssd" || n.Labels[v1.LabelOSStable] != "linux" || n.Spec.ProviderID != "cloud://1" || len(n.Spec.Taints) != 1 {
		t.Errorf("registered as %+v", n)
	}
	changed := n.DeepCopy()
	delete(changed.Labels, "disk")
	delete(changed.Labels, v1.LabelHostname)
	changed.Spec.Taints = nil
	if _, err := s.Client.CoreV1().Nodes().Update(t.Context(), changed, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Node(); n.Labels["disk"] != "" || n.Labels[v1.LabelHostname] != "n" || len(n.Spec.Taints) > 0 {
		t.Errorf("after another start: %+v", n)
	}
}

// A node that others register is reported on when they have.
func TestANodeThatOthersRegister(t *testing.T) {
	s := self(&Observed{})
	s.Registration.ByOthers = true
	if err := s.registerOnce(t.Context()); !apierrors.IsNotFound(err) {
		t.Errorf("before: %v", err)
	}
	if _, err := s.Client.CoreV1().Nodes().Create(t.Context(), &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.registerOnce(t.Context()); err != nil || !Ready(s.Node()) || len(s.Node().Labels) > 0 {
		t.Errorf("after: %v, %+v", err, s.Node())
	}
}

func TestANodeThatShutsDownSaysSo(t *testing.T) {
	s := self(&Observed{})
	if err := s.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.ShutDown(t.Context())
	for _, c := range s.Node().Status.Conditions {
		if c.Type == v1.NodeReady && (c.Status != v1.ConditionFalse || c.Reason != "KubeletNotReady" || c.Message != "node is shutting down") {
			t.Errorf("got %+v", c)
		}
	}
	if Ready(s.Node()) {
		t.Error("it is Ready")
	}
}
