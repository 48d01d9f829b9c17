package priority

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"
)

func class(name string, value int32, isDefault bool) *schedulingv1.PriorityClass {
	return &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value, GlobalDefault: isDefault}
}

func newPlugin(t *testing.T, have ...*schedulingv1.PriorityClass) *Plugin {
	t.Helper()
	client := fake.NewClientset()
	f := informers.NewSharedInformerFactory(client, 0)
	p := New()
	p.SetExternalKubeClientSet(client)
	p.SetExternalKubeInformerFactory(f)
	for _, c := range have {
		if err := f.Scheduling().V1().PriorityClasses().Informer().GetIndexer().Add(c); err != nil {
			t.Fatal(err)
		}
	}
	p.SetReadyFunc(func() bool { return true })
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p
}

func attributes(o, old runtime.Object, op admission.Operation) admission.Attributes {
	if _, ok := o.(*corev1.Pod); ok {
		return admission.NewAttributesRecord(o, old, corev1.SchemeGroupVersion.WithKind("Pod"), "ns", "p", corev1.SchemeGroupVersion.WithResource("pods"), "", op, nil, false, nil)
	}
	return admission.NewAttributesRecord(o, old, schedulingv1.SchemeGroupVersion.WithKind("PriorityClass"), "", "c", schedulingv1.SchemeGroupVersion.WithResource("priorityclasses"), "", op, nil, false, nil)
}

func TestPods(t *testing.T) {
	high := class("high", 1000, false)
	patient := class("patient", 10, false)
	patient.PreemptionPolicy = ptr.To(corev1.PreemptNever)
	usual, lower := class("usual", 7, true), class("lower", 5, true)
	for _, c := range []struct {
		name     string
		have     []*schedulingv1.PriorityClass
		spec     corev1.PodSpec
		class    string
		priority int32
		policy   corev1.PreemptionPolicy
		err      string
	}{
		{name: "no class", priority: 0, policy: "PreemptLowerPriority"},
		{name: "class", have: []*schedulingv1.PriorityClass{high}, spec: corev1.PodSpec{PriorityClassName: "high"}, class: "high", priority: 1000, policy: "PreemptLowerPriority"},
		{name: "never preempts", have: []*schedulingv1.PriorityClass{patient}, spec: corev1.PodSpec{PriorityClassName: "patient"}, class: "patient", priority: 10, policy: "Never"},
		{name: "default", have: []*schedulingv1.PriorityClass{high, usual}, class: "usual", priority: 7, policy: "PreemptLowerPriority"},
		{name: "two defaults", have: []*schedulingv1.PriorityClass{usual, lower}, class: "lower", priority: 5, policy: "PreemptLowerPriority"},
		{name: "system", spec: corev1.PodSpec{PriorityClassName: "system-node-critical"}, class: "system-node-critical", priority: 2000001000, policy: "PreemptLowerPriority"},
		{name: "unknown", spec: corev1.PodSpec{PriorityClassName: "x"}, err: `pods "p" is forbidden: no PriorityClass with name x was found`},
		{name: "same value", have: []*schedulingv1.PriorityClass{high}, spec: corev1.PodSpec{PriorityClassName: "high", Priority: ptr.To(int32(1000))}, class: "high", priority: 1000, policy: "PreemptLowerPriority"},
		{name: "own value", spec: corev1.PodSpec{Priority: ptr.To(int32(9))}, err: "the integer value of priority (9) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name"},
		{name: "own policy", spec: corev1.PodSpec{PreemptionPolicy: ptr.To(corev1.PreemptNever)}, err: "the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority"},
	} {
		pod := &corev1.Pod{Spec: c.spec}
		err := newPlugin(t, c.have...).Admit(context.Background(), attributes(pod, nil, admission.Create), nil)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.err)
			}
			continue
		}
		if err != nil || pod.Spec.PriorityClassName != c.class || ptr.Deref(pod.Spec.Priority, -1) != c.priority || ptr.Deref(pod.Spec.PreemptionPolicy, "") != c.policy {
			t.Errorf("%s: %v, spec %+v", c.name, err, pod.Spec)
		}
	}
}

func TestUpdateKeepsPriority(t *testing.T) {
	old := &corev1.Pod{Spec: corev1.PodSpec{Priority: ptr.To(int32(5)), PreemptionPolicy: ptr.To(corev1.PreemptNever)}}
	pod := &corev1.Pod{}
	if err := newPlugin(t).Admit(context.Background(), attributes(pod, old, admission.Update), nil); err != nil {
		t.Fatal(err)
	}
	if ptr.Deref(pod.Spec.Priority, 0) != 5 || ptr.Deref(pod.Spec.PreemptionPolicy, "") != corev1.PreemptNever {
		t.Errorf("%+v", pod.Spec)
	}
}

func TestClassJustCreated(t *testing.T) {
	p := newPlugin(t)
	if _, err := p.classes.client.SchedulingV1().PriorityClasses().Create(t.Context(), class("new", 3, false), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{Spec: corev1.PodSpec{PriorityClassName: "new"}}
	if err := p.Admit(t.Context(), attributes(pod, nil, admission.Create), nil); err != nil || ptr.Deref(pod.Spec.Priority, 0) != 3 {
		t.Errorf("a class that the informer has not heard of: %v", err)
	}
}

func TestOneDefault(t *testing.T) {
	p := newPlugin(t, class("usual", 7, true))
	for _, c := range []struct {
		o  *schedulingv1.PriorityClass
		ok bool
	}{{class("other", 1, false), true}, {class("usual", 8, true), true}, {class("other", 1, true), false}} {
		err := p.Validate(context.Background(), attributes(c.o, nil, admission.Create), nil)
		if (err == nil) != c.ok || err != nil && !strings.Contains(err.Error(), "PriorityClass usual is already marked as default. Only one default can exist") {
			t.Errorf("%s, default %t: %v", c.o.Name, c.o.GlobalDefault, err)
		}
	}
}
