package servicelb

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func balanced(change func(*corev1.Service)) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "s", Finalizers: []string{finalizer}},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80, NodePort: 30080}}},
	}
	if change != nil {
		change(service)
	}
	return service
}

func TestPlan(t *testing.T) {
	before := &done{service: balanced(nil), nodes: []string{"a/1"}}
	for name, test := range map[string]struct {
		service *corev1.Service
		before  *done
		nodes   []string
		want    action
	}{
		"new":                  {balanced(func(s *corev1.Service) { s.Finalizers = nil }), nil, nil, ensure},
		"after a restart":      {balanced(nil), nil, []string{"a/1"}, ensure},
		"as it was":            {balanced(nil), before, []string{"a/1"}, nothing},
		"other nodes":          {balanced(nil), before, []string{"a/1", "b/2"}, update},
		"a node made anew":     {balanced(nil), before, []string{"a/2"}, update},
		"other ports":          {balanced(func(s *corev1.Service) { s.Spec.Ports[0].Port = 81 }), before, []string{"a/1"}, ensure},
		"another annotation":   {balanced(func(s *corev1.Service) { s.Annotations = map[string]string{"a": "b"} }), before, []string{"a/1"}, ensure},
		"made anew":            {balanced(func(s *corev1.Service) { s.UID = "t" }), before, []string{"a/1"}, ensure},
		"finalizer taken away": {balanced(func(s *corev1.Service) { s.Finalizers = nil }), before, []string{"a/1"}, ensure},
		"another type":         {balanced(func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeNodePort }), before, nil, remove},
		"going":                {balanced(func(s *corev1.Service) { s.DeletionTimestamp = &metav1.Time{} }), nil, nil, remove},
		"going, nothing left":  {balanced(func(s *corev1.Service) { s.DeletionTimestamp, s.Finalizers = &metav1.Time{}, []string{"x"} }), nil, nil, nothing},
		"another's class":      {balanced(func(s *corev1.Service) { s.Spec.LoadBalancerClass = ptr.To("example.com/lb") }), nil, nil, nothing},
		"another's class is going": {balanced(func(s *corev1.Service) {
			s.Spec.LoadBalancerClass, s.DeletionTimestamp = ptr.To("example.com/lb"), &metav1.Time{}
		}), nil, nil, nothing},
		"never was one": {&corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP}}, nil, nil, nothing},
	} {
		if got := plan(test.service, test.before, test.nodes); got != test.want {
			t.Errorf("%s: action %d, want %d", name, got, test.want)
		}
	}
}

func TestUsable(t *testing.T) {
	node := func(name string, change func(*corev1.Node)) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if change != nil {
			change(n)
		}
		return n
	}
	got := identities(usable([]*corev1.Node{
		node("b", nil),
		node("a", func(n *corev1.Node) { n.Spec.Unschedulable = true }),
		node("excluded", func(n *corev1.Node) {
			n.Labels = map[string]string{"node.kubernetes.io/exclude-from-external-load-balancers": ""}
		}),
		node("going", func(n *corev1.Node) { n.DeletionTimestamp = &metav1.Time{} }),
		node("shrunk", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: removalTaint}} }),
		node("not-ready", func(n *corev1.Node) {
			n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionFalse}}
		}),
	}))
	if want := []string{"a/", "b/", "not-ready/"}; !slices.Equal(got, want) {
		t.Errorf("usable are %v, want %v", got, want)
	}
}
