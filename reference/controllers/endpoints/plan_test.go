package endpoints

//lint:file-ignore SA1019 to serve the deprecated kind is what this package is for

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"
)

func newPod(name, ip string, ready bool, ports ...corev1.ContainerPort) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec:       corev1.PodSpec{NodeName: "node-1", Containers: []corev1.Container{{Name: "c", Ports: ports}}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}}},
	}
	if ready {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	return pod
}

func newService(ports ...corev1.ServicePort) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec:       corev1.ServiceSpec{Ports: ports, ClusterIP: "10.96.0.9", IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}},
	}
}

func show(subsets []corev1.EndpointSubset) string {
	text := ""
	for _, subset := range subsets {
		for _, a := range subset.Addresses {
			text += a.IP + " "
		}
		for _, a := range subset.NotReadyAddresses {
			text += "(" + a.IP + ") "
		}
		for _, p := range subset.Ports {
			text += fmt.Sprintf(":%d", p.Port)
		}
		text += ";"
	}
	return text
}

func TestSubsets(t *testing.T) {
	byNumber := corev1.ServicePort{Port: 80, TargetPort: intstr.FromInt32(8080), Protocol: corev1.ProtocolTCP}
	byName := corev1.ServicePort{Port: 80, TargetPort: intstr.FromString("http"), Protocol: corev1.ProtocolTCP}
	http := func(port int32) corev1.ContainerPort {
		return corev1.ContainerPort{Name: "http", ContainerPort: port, Protocol: corev1.ProtocolTCP}
	}
	deleted := newPod("c", "10.0.0.3", true)
	deleted.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	finished := newPod("d", "10.0.0.4", true)
	finished.Status.Phase = corev1.PodSucceeded
	all := newService(byNumber)
	all.Spec.PublishNotReadyAddresses = true
	for name, test := range map[string]struct {
		service *corev1.Service
		pods    []*corev1.Pod
		want    string
	}{
		"none":                 {newService(byNumber), nil, ""},
		"ready and not":        {newService(byNumber), []*corev1.Pod{newPod("b", "10.0.0.2", false), newPod("a", "10.0.0.1", true)}, "10.0.0.1 (10.0.0.2) :8080;"},
		"no address yet":       {newService(byNumber), []*corev1.Pod{newPod("a", "", true)}, ""},
		"going or done":        {newService(byNumber), []*corev1.Pod{deleted, finished}, ""},
		"published not ready":  {all, []*corev1.Pod{newPod("b", "10.0.0.2", false), deleted}, "10.0.0.2 10.0.0.3 :8080;"},
		"ports by name differ": {newService(byName), []*corev1.Pod{newPod("a", "10.0.0.1", true, http(8080)), newPod("b", "10.0.0.2", true, http(9090))}, "10.0.0.1 :8080;10.0.0.2 :9090;"},
		"no such port":         {newService(byName), []*corev1.Pod{newPod("a", "10.0.0.1", true)}, ""},
		"headless, no ports":   {newService(), []*corev1.Pod{newPod("a", "10.0.0.1", true)}, "10.0.0.1 ;"},
		"another IP family":    {newService(byNumber), []*corev1.Pod{newPod("a", "fd00::1", true)}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := show(subsets(test.service, test.pods)); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// Truncation keeps exactly the capacity, and drops ready addresses only if they
// alone exceed it.
func TestTruncate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var subsets []corev1.EndpointSubset
		ready, notReady := 0, 0
		for range rapid.IntRange(0, 5).Draw(t, "subsets") {
			r, n := rapid.IntRange(0, 500).Draw(t, "ready"), rapid.IntRange(0, 500).Draw(t, "not ready")
			ready, notReady = ready+r, notReady+n
			subsets = append(subsets, corev1.EndpointSubset{
				Addresses: make([]corev1.EndpointAddress, r), NotReadyAddresses: make([]corev1.EndpointAddress, n),
			})
		}
		kept, truncated := truncate(subsets)
		gotReady, gotNotReady := 0, 0
		for _, subset := range kept {
			gotReady += len(subset.Addresses)
			gotNotReady += len(subset.NotReadyAddresses)
		}
		if truncated != (ready+notReady > capacity) {
			t.Fatalf("truncated %t with %d addresses", truncated, ready+notReady)
		}
		if want := min(ready, capacity); gotReady != want {
			t.Fatalf("%d ready addresses, want %d", gotReady, want)
		}
		if want := min(notReady, capacity-gotReady); gotNotReady != want {
			t.Fatalf("%d addresses that are not ready, want %d", gotNotReady, want)
		}
	})
}

func TestDesired(t *testing.T) {
	service := newService()
	service.Labels = map[string]string{"tier": "front"}
	service.Spec.ClusterIP = corev1.ClusterIPNone
	changed := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	have := &corev1.Endpoints{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{corev1.EndpointsOverCapacity: "truncated"}}}
	got := desired(service, have, []*corev1.Pod{newPod("a", "10.0.0.1", true)}, changed)
	wantLabels := map[string]string{"tier": "front", "service.kubernetes.io/headless": "", "endpoints.kubernetes.io/managed-by": "endpoint-controller"}
	if fmt.Sprint(got.Labels) != fmt.Sprint(wantLabels) {
		t.Errorf("labels %v, want %v", got.Labels, wantLabels)
	}
	wantAnnotations := map[string]string{"endpoints.kubernetes.io/last-change-trigger-time": "2026-01-01T12:00:00Z"}
	if fmt.Sprint(got.Annotations) != fmt.Sprint(wantAnnotations) {
		t.Errorf("annotations %v, want %v", got.Annotations, wantAnnotations)
	}
	target := got.Subsets[0].Addresses[0]
	if target.TargetRef.Name != "a" || *target.NodeName != "node-1" {
		t.Errorf("address %+v", target)
	}
}
