package pods

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestAdmit(t *testing.T) {
	node := &v1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: "n", Labels: map[string]string{"disk": "ssd"}},
		Status: v1.NodeStatus{Allocatable: v1.ResourceList{"cpu": resource.MustParse("2"), "memory": resource.MustParse("1Gi"),
			"pods": resource.MustParse("3"), "example.com/thing": resource.MustParse("4")}},
	}
	things := func(n string) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{
			Requests: v1.ResourceList{"example.com/thing": resource.MustParse(n)}}}}}}
	}
	asks := func(cpu string) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{
			Requests: v1.ResourceList{"cpu": resource.MustParse(cpu)}}}}}}
	}
	selecting := func(value string) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{NodeSelector: map[string]string{"disk": value}}}
	}
	onPort := func(address string, port int32) *v1.Pod {
		return &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Ports: []v1.ContainerPort{{HostPort: port, HostIP: address}}}}}}
	}
	const noPort = "NodePorts Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"
	both := selecting("hdd")
	both.Spec.Containers = asks("3").Spec.Containers
	critical := both.DeepCopy()
	critical.Spec.Priority = ptr.To(int32(criticalPriority))
	node.Spec.Taints = []v1.Taint{{Key: "gone", Value: "bad", Effect: v1.TaintEffectNoExecute}, {Key: "full", Effect: v1.TaintEffectNoSchedule}}
	for _, c := range []struct {
		name   string
		pod    *v1.Pod
		others []*v1.Pod
		want   string
	}{
		{"too much memory", &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{
			Requests: v1.ResourceList{"memory": resource.MustParse("2Gi")}}}}}}, nil,
			"OutOfmemory Pod was rejected: Node didn't have enough resource: memory, requested: 2147483648, used: 0, capacity: 1073741824"},
		{"a port of its own", onPort("", 80), []*v1.Pod{onPort("", 81)}, ""},
		{"a port that another has", onPort("", 80), []*v1.Pod{onPort("127.0.0.1", 80)}, noPort},
		{"a port at another address", onPort("127.0.0.2", 80), []*v1.Pod{onPort("127.0.0.1", 80)}, ""},
		{"too large and misplaced", both, nil,
			"OutOfcpu Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 0, capacity: 2000"},
		{"critical, too large and misplaced", critical, nil,
			"NodeAffinity Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"},
		{"fits", asks("1"), []*v1.Pod{asks("1")}, ""},
		{"too much CPU", asks("1"), []*v1.Pod{asks("1500m")},
			"OutOfcpu Pod was rejected: Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000"},
		{"asks for nothing on a full node", asks("0"), []*v1.Pod{asks("2")}, ""},
		{"too many pods", asks("0"), []*v1.Pod{asks("0"), asks("0"), asks("0")},
			"OutOfpods Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: 3, capacity: 3"},
		{"too many of a resource of others", things("3"), []*v1.Pod{things("2")},
			"OutOfexample.com/thing Pod was rejected: Node didn't have enough resource: example.com/thing, requested: 3, used: 2, capacity: 4"},
		{"a resource of the cluster as a whole", &v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Resources: v1.ResourceRequirements{
			Requests: v1.ResourceList{"example.com/licence": resource.MustParse("1")}}}}}}, nil, ""},
		{"selects the node", selecting("ssd"), nil, ""},
		{"is for this kind of node", &v1.Pod{Spec: v1.PodSpec{OS: &v1.PodOS{Name: v1.Linux}}}, nil, ""},
		{"is for another kind of node", &v1.Pod{Spec: v1.PodSpec{OS: &v1.PodOS{Name: v1.Windows}}}, nil,
			"PodOSNotSupported Pod was rejected: Failed to admit pod as the OS field doesn't match node OS"},
		{"selects another", selecting("hdd"), nil,
			"NodeAffinity Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"},
	} {
		got := ""
		c.pod.Spec.Tolerations = []v1.Toleration{{Key: "gone", Operator: v1.TolerationOpExists}}
		if v := Admit(node, c.pod, c.others); v != nil {
			got = v.Reason + " " + v.Message
		}
		if got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestAPodIsRefusedByATaintThatWouldEndIt(t *testing.T) {
	node := &v1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Status: v1.NodeStatus{Allocatable: v1.ResourceList{"pods": resource.MustParse("3")}}}
	node.Spec.Taints = []v1.Taint{{Key: "gone", Value: "bad", Effect: v1.TaintEffectNoExecute}}
	v := Admit(node, &v1.Pod{}, nil)
	if v == nil || v.Reason != "TaintToleration" || v.Message != "Pod was rejected: Predicate TaintToleration failed: node(s) had untolerated taint(s) {gone: bad}" {
		t.Errorf("got %+v", v)
	}
	own := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"kubernetes.io/config.source": "file"}}}
	if v := Admit(node, own, nil); v != nil {
		t.Errorf("a static pod: %+v", v)
	}
}

func TestGrace(t *testing.T) {
	for _, c := range []struct {
		own, deletion *int64
		gone          bool
		want          int64
	}{
		{nil, nil, false, 30},
		{ptr.To(int64(5)), nil, false, 5},
		{ptr.To(int64(5)), ptr.To(int64(60)), false, 60},
		{ptr.To(int64(0)), nil, false, 1},
		{ptr.To(int64(60)), nil, true, 2},
		{ptr.To(int64(1)), nil, true, 1},
	} {
		p := &v1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionGracePeriodSeconds: c.deletion}, Spec: v1.PodSpec{TerminationGracePeriodSeconds: c.own}}
		if got := Grace(p, c.gone); got != c.want {
			t.Errorf("%+v: got %d", c, got)
		}
	}
}
