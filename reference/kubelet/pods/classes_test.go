package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/kubelet/cgroups"
)

// ledger remembers which shares were written.
type ledger struct {
	fakeCgroups
	shares map[string]int64
	writes int
}

func (l *ledger) Ensure(path string, limits cgroups.Limits) error {
	l.shares[path] = limits.Shares
	l.writes++
	return nil
}

func TestClassesFollowTheirPods(t *testing.T) {
	asks := func(cpu string, qos v1.PodQOSClass) *v1.Pod {
		return &v1.Pod{Status: v1.PodStatus{QOSClass: qos}, Spec: v1.PodSpec{Containers: []v1.Container{{
			Resources: v1.ResourceRequirements{Requests: v1.ResourceList{"cpu": resource.MustParse(cpu)}}}}}}
	}
	l := &ledger{shares: map[string]int64{}}
	c := classes{cgroups: l}
	pods := []*v1.Pod{asks("1", v1.PodQOSBurstable), asks("2", v1.PodQOSGuaranteed), asks("500m", v1.PodQOSBurstable)}
	c.update(pods)
	if diff := cmp.Diff(map[string]int64{"/kubepods/burstable": 1536, "/kubepods/besteffort": 2}, l.shares); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	writes := l.writes
	c.update(append(pods, asks("1", v1.PodQOSGuaranteed)))
	if l.writes != writes {
		t.Error("wrote although nothing changed")
	}
	c.update(pods[:1])
	if l.shares["/kubepods/burstable"] != 1024 {
		t.Errorf("after one left: got %v", l.shares)
	}
}
