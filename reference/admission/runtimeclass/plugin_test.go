package runtimeclass

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/admission/admissiontest"
)

func cpu(s string) corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(s)}
}

var (
	toleration = corev1.Toleration{Key: "sandbox", Operator: "Exists"}
	class      = &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "sandboxed"}, Handler: "kata",
		Overhead:   &nodev1.Overhead{PodFixed: cpu("250m")},
		Scheduling: &nodev1.Scheduling{NodeSelector: map[string]string{"kata": "yes"}, Tolerations: []corev1.Toleration{toleration}}}
	plain = &nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "plain"}, Handler: "runc"}
)

func newPlugin(t *testing.T) *Plugin {
	client := fake.NewClientset(class, plain)
	p := New()
	p.SetExternalKubeClientSet(client)
	p.SetExternalKubeInformerFactory(informers.NewSharedInformerFactory(client, 0)) // never started: it asks the API
	p.SetReadyFunc(func() bool { return true })
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

func pod(class string, overhead corev1.ResourceList, selector map[string]string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{Overhead: overhead, NodeSelector: selector}}
	if class != "" {
		p.Spec.RuntimeClassName = ptr.To(class)
	}
	return p
}

func TestRefusals(t *testing.T) {
	const forbidden = `pods "p" is forbidden: `
	for name, c := range map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"no class":                {pod("", nil, nil), ""},
		"a class without demands": {pod("plain", nil, nil), ""},
		"the class's overhead":    {pod("sandboxed", cpu("250m"), nil), ""},
		"unknown":                 {pod("nowhere", nil, nil), forbidden + `pod rejected: RuntimeClass "nowhere" not found`},
		"other overhead":          {pod("sandboxed", cpu("1"), nil), forbidden + errOverhead.Error()},
		"overhead, no class":      {pod("", cpu("1"), nil), forbidden + errUncalled.Error()},
		"overhead of nobody":      {pod("plain", cpu("1"), nil), forbidden + errUncalled.Error()},
		"other node": {pod("sandboxed", nil, map[string]string{"kata": "no"}),
			forbidden + "conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no"},
	} {
		err := admissiontest.Run(t, newPlugin(t), admissiontest.Request{Object: c.pod, Resource: "pods"})
		if got := admissiontest.Message(err); got != c.want {
			t.Errorf("%s: got %q, wanted %q", name, got, c.want)
		}
	}
}

func TestFillsIn(t *testing.T) {
	p, got := newPlugin(t), pod("sandboxed", nil, map[string]string{"disk": "ssd"})
	got.Spec.Tolerations = []corev1.Toleration{{Key: "sandbox", Operator: "Equal", Value: "v", Effect: "NoSchedule"}, {Key: "own", Operator: "Exists"}}
	for range 2 { // a second call must change nothing more
		if err := admissiontest.Run(t, p, admissiontest.Request{Object: got, Resource: "pods"}); err != nil {
			t.Fatal(err)
		}
	}
	want := pod("sandboxed", cpu("250m"), map[string]string{"disk": "ssd", "kata": "yes"})
	want.Spec.Tolerations = []corev1.Toleration{toleration, {Key: "own", Operator: "Exists"}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestOthersAreLeftAlone(t *testing.T) {
	got := pod("nowhere", nil, nil)
	if err := admissiontest.Run(t, newPlugin(t), admissiontest.Request{Object: got, Resource: "pods", Subresource: "status"}); err != nil {
		t.Error(err)
	}
}
