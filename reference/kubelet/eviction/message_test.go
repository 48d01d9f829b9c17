package eviction

import (
	"testing"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestWhatAnEvictedPodIsTold(t *testing.T) {
	u := user("p", 0, 20<<20, 10<<20)
	got, annotations := Message(Threshold{Signal: MemoryAvailable, Value: quantity("100Mi")}, Observation{Available: 50 << 20, Capacity: 1 << 30}, u)
	want := "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. " +
		"Container c was using 20Mi, request is 10Mi, has larger consumption of memory. "
	if got != want || annotations["starved_resource"] != "memory" || annotations["offending_containers"] != "c" || annotations["offending_containers_usage"] != "20Mi" {
		t.Errorf("got %q, %v", got, annotations)
	}
	u = user("p", 0, 5, 10)
	got, annotations = Message(Threshold{Signal: NodeFsInodesFree, Value: Amount{share: 0.05}}, Observation{Available: 10, Capacity: 1000}, u)
	if want := "The node was low on resource: inodes. Threshold quantity: 50, available: 10. "; got != want || annotations["offending_containers"] != "" {
		t.Errorf("got %q, %v", got, annotations)
	}
}

func TestRefusedUnderPressure(t *testing.T) {
	memory, disk := v1.NodeMemoryPressure, v1.NodeDiskPressure
	tolerant := &v1.Pod{Spec: v1.PodSpec{Tolerations: []v1.Toleration{{Key: v1.TaintNodeMemoryPressure, Operator: v1.TolerationOpExists}}}}
	critical := &v1.Pod{Spec: v1.PodSpec{Priority: ptr.To[int32](2_000_000_000)}}
	static := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"kubernetes.io/config.source": "file"}}}
	fromAPI := &v1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{"kubernetes.io/config.source": "api"}}}
	for _, c := range []struct {
		conditions []v1.NodeConditionType
		pod        *v1.Pod
		qos        v1.PodQOSClass
		want       string
	}{
		{nil, &v1.Pod{}, v1.PodQOSBestEffort, ""},
		{[]v1.NodeConditionType{memory}, &v1.Pod{}, v1.PodQOSBestEffort, "The node had condition: [MemoryPressure]. "},
		{[]v1.NodeConditionType{memory}, fromAPI, v1.PodQOSBestEffort, "The node had condition: [MemoryPressure]. "},
		{[]v1.NodeConditionType{memory}, &v1.Pod{}, v1.PodQOSBurstable, ""},
		{[]v1.NodeConditionType{memory}, tolerant, v1.PodQOSBestEffort, ""},
		{[]v1.NodeConditionType{disk}, &v1.Pod{}, v1.PodQOSGuaranteed, "The node had condition: [DiskPressure]. "},
		{[]v1.NodeConditionType{disk}, critical, v1.PodQOSBestEffort, ""},
		{[]v1.NodeConditionType{disk}, static, v1.PodQOSBestEffort, ""},
		{[]v1.NodeConditionType{disk, memory}, tolerant, v1.PodQOSBestEffort, "The node had condition: [DiskPressure MemoryPressure]. "},
	} {
		if got := Refuses(c.conditions, c.pod, c.qos); got != c.want {
			t.Errorf("%v, %s: got %q, want %q", c.conditions, c.qos, got, c.want)
		}
	}
}

func TestLimitsOfLocalStorage(t *testing.T) {
	limit := func(s string) v1.ResourceRequirements {
		return v1.ResourceRequirements{Limits: v1.ResourceList{v1.ResourceEphemeralStorage: resource.MustParse(s)}}
	}
	size := resource.MustParse("1Mi")
	pod := &v1.Pod{Spec: v1.PodSpec{
		Containers: []v1.Container{{Name: "a", Resources: limit("10")}, {Name: "b", Resources: limit("90")}},
		Volumes:    []v1.Volume{{Name: "v", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{SizeLimit: &size}}}},
	}}
	for _, c := range []struct {
		a, b Container
		v    int64
		want string
	}{
		{Container{Layer: 5, Logs: 5}, Container{Layer: 90}, 0, ""},
		{Container{Layer: 6, Logs: 5}, Container{}, 0, `Container a exceeded its local ephemeral storage limit "10". `},
		{Container{Layer: 10}, Container{Logs: 90}, 1, "Pod ephemeral local storage usage exceeds the total limit of containers 100. "},
		{Container{}, Container{}, 1<<20 + 1, `Usage of EmptyDir volume "v" exceeds the limit "1Mi". `},
	} {
		u := Usage{Pod: pod, Containers: map[string]Container{"a": c.a, "b": c.b}, Volumes: map[string]int64{"v": c.v}}
		if got := OverStorage(u); got != c.want {
			t.Errorf("%+v: got %q, want %q", c, got, c.want)
		}
	}
	if !LimitsStorage(pod) || LimitsStorage(&v1.Pod{Spec: v1.PodSpec{Containers: []v1.Container{{Name: "a"}}}}) {
		t.Error("who must be measured is wrong")
	}
}
